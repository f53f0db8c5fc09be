/** X25519 in the core: RFC 7748 vectors, noble as reference, edge values of u, refusals. */
import { x25519 as noble } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { unhex } from '../../../src/base/hex.ts';
import { bytes, is, throwsCode } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { suite } from '../../support/suite.ts';

const P = 2n ** 255n - 19n;
const BASE = little(9n);

/** RFC 7748 section 5.2: scalar, u-coordinate, result. */
const SINGLE = [
  [
    'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
    'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
    'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  ],
  [
    '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
    'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
    '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
  ],
].map((row) => row.map(unhex));

/** RFC 7748 section 5.2: the iterated function after 1 and 1,000 rounds. */
const AFTER_1 = '422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079';
const AFTER_1000 = '684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51';

/** RFC 7748 section 6.1: private and public keys of both sides, then their secret. */
const [ALICE, ALICE_PUBLIC, BOB, BOB_PUBLIC, SHARED] = [
  '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
  '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
  '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
  'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
  '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
].map(unhex);

/** u-coordinates of order 1, 2, 4 and 8, and of twist points of small order (RFC 7748 section 7, cr.yp.to/ecdh). */
const ZERO_SECRET = [
  0n,
  1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
  P - 1n,
  P,
  P + 1n,
];

const test = suite('core x25519', { timeout: 60_000 });
const strings = fc.uint8Array({ minLength: 32, maxLength: 32 });

function little(value: bigint): Uint8Array {
  return unhex(value.toString(16).padStart(64, '0')).reverse();
}

for (const { name, core } of testCores()) {
  const { x25519 } = core;

  test(`${name}: RFC 7748 sections 5.2 and 6.1`, () => {
    for (const [scalar, u, result] of SINGLE) bytes(x25519.multiply(scalar, u)!, result);
    bytes(x25519.publicKey(ALICE), ALICE_PUBLIC);
    bytes(x25519.publicKey(BOB), BOB_PUBLIC);
    bytes(x25519.multiply(ALICE, BOB_PUBLIC)!, SHARED);
    bytes(x25519.multiply(BOB, ALICE_PUBLIC)!, SHARED);
  });

  test(`${name}: RFC 7748 section 5.2, a thousand rounds`, () => {
    let [k, u] = [BASE, BASE];
    for (let round = 1; round <= 1000; round++) {
      [k, u] = [x25519.multiply(k, u)!, k];
      if (round === 1) bytes(k, unhex(AFTER_1));
    }
    bytes(k, unhex(AFTER_1000));
  });

  test(`${name}: agrees with noble, and with itself on the base point`, () => {
    fc.assert(
      fc.property(strings, strings, (scalar, u) => {
        bytes(x25519.multiply(scalar, u)!, noble.scalarMult(scalar, u));
        bytes(x25519.publicKey(scalar), noble.getPublicKey(scalar));
        bytes(x25519.multiply(scalar, BASE)!, x25519.publicKey(scalar));
      }),
      { numRuns: 100 },
    );
  });

  test(`${name}: u at the edges of the field, not canonical, with bit 255 set`, () => {
    const scalar = SINGLE[0][0];
    for (const value of [2n, 9n, P - 2n, P + 2n, P + 9n, P + 18n, 2n ** 254n, (1n << 230n) - 1n]) {
      const u = little(value);
      const expected = noble.scalarMult(scalar, little(value % P));
      bytes(x25519.multiply(scalar, u)!, expected, `u = ${value}`);
      u[31] |= 0x80;
      bytes(x25519.multiply(scalar, u)!, expected, `u = ${value}, bit 255`);
    }
  });

  test(`${name}: a zero secret is told`, () => {
    for (const u of ZERO_SECRET)
      for (const scalar of [ALICE, BOB]) is(x25519.multiply(scalar, little(u)), undefined, `u = ${u}`);
  });

  test(`${name}: wrong lengths are refused`, () => {
    for (const wrong of [new Uint8Array(31), new Uint8Array(33)]) {
      throwsCode(() => x25519.publicKey(wrong), 'OOTO_CRYPTO_KEY');
      throwsCode(() => x25519.multiply(wrong, BASE), 'OOTO_CRYPTO_KEY');
      is(throwsCode(() => x25519.multiply(ALICE, wrong), 'OOTO_CRYPTO_KEY').fault, 'peer');
    }
  });
}
