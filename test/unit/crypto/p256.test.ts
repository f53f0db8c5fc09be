/** ECDSA on P-256: the platform and noble decide alike, on RFC 6979's signature and on every other spelling of it. */
import * as node from 'node:crypto';
import { p256 as noble } from '@noble/curves/nist.js';
import fc from 'fast-check';
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { unhex } from '../../../src/base/hex.ts';
import type { P256 } from '../../../src/crypto/crypto.ts';
import { createP256 } from '../../../src/crypto/p256.ts';
import { nodeHardware } from '../../../src/platform/node/hardware.ts';
import { is, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

/** RFC 6979 section A.2.5: public key, and the signature of "sample" with SHA-256; its s is high. */
const KEY = unhex(
  '0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
);
const R = unhex('efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716');
const S = unhex('f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8');
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const MESSAGE = utf8('sample');

const ENGINES: [string, P256][] = [
  ['node', createP256({ hardware: nodeHardware() })],
  ['noble', createP256({ hardware: {} })],
];
const test = suite('crypto p256', { timeout: 60_000 });

const integer = (digits: Uint8Array) => concat(Uint8Array.of(2, digits.length), digits);
const padded = (digits: Uint8Array) => (digits[0] >= 0x80 ? concat(Uint8Array.of(0), digits) : digits);
const sequence = (...parts: Uint8Array[]) => {
  const body = concat(...parts);
  return concat(Uint8Array.of(0x30, body.length), body);
};
const big = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const fixed = (value: bigint) => unhex(value.toString(16).padStart(64, '0'));
const DER = sequence(integer(padded(R)), integer(padded(S)));

function accepts(p256: P256, signature: Uint8Array, encoding: 'der' | 'p1363', key = KEY): boolean {
  try {
    p256.verify(key, MESSAGE, signature, encoding);
    return true;
  } catch (error) {
    is((error as { code: string }).code, 'OOTO_CRYPTO_SIGNATURE');
    return false;
  }
}

for (const [name, p256] of ENGINES) {
  test(`${name}: RFC 6979 section A.2.5, with s and with n - s`, () => {
    const low = fixed(ORDER - big(S));
    is(accepts(p256, concat(R, S), 'p1363'), true);
    is(accepts(p256, concat(R, low), 'p1363'), true);
    is(accepts(p256, DER, 'der'), true);
    is(accepts(p256, sequence(integer(padded(R)), integer(padded(low))), 'der'), true);
    is(accepts(p256, concat(S, R), 'p1363'), false);
    throwsCode(() => p256.verify(KEY, utf8('test'), DER, 'der'), 'OOTO_CRYPTO_SIGNATURE');
  });

  test(`${name}: numbers out of range`, () => {
    for (const wrong of [0n, ORDER, ORDER + 1n, (1n << 256n) - 1n]) {
      is(accepts(p256, concat(R, fixed(wrong)), 'p1363'), false);
      is(accepts(p256, concat(fixed(wrong), S), 'p1363'), false);
      is(accepts(p256, sequence(integer(padded(R)), integer(padded(fixed(wrong)))), 'der'), false);
    }
  });

  test(`${name}: one spelling only`, () => {
    const [r, s] = [integer(padded(R)), integer(padded(S))];
    const others: Uint8Array[] = [
      new Uint8Array(0),
      DER.subarray(0, DER.length - 1),
      concat(DER, Uint8Array.of(0)),
      sequence(r, s, Uint8Array.of(0)),
      sequence(r),
      sequence(r, s, s),
      sequence(integer(R), s),
      sequence(r, integer(S)),
      sequence(integer(concat(Uint8Array.of(0, 0), R)), s),
      sequence(r, integer(new Uint8Array(0))),
      sequence(r, Uint8Array.of(2, 0x80, 0, 0)),
      sequence(r, Uint8Array.of(2)),
      concat(Uint8Array.of(0x30, 0x81, DER.length - 2), DER.subarray(2)),
      concat(Uint8Array.of(0x30, 0x80), DER.subarray(2), Uint8Array.of(0, 0)),
      concat(Uint8Array.of(0x31), DER.subarray(1)),
      concat(R, S),
    ];
    others.forEach((other, i) => void is(accepts(p256, other, 'der'), false, `spelling ${i}`));
    for (const other of [
      DER,
      concat(R, S).subarray(1),
      concat(Uint8Array.of(0), R, S),
      concat(R, S, Uint8Array.of(0)),
    ])
      is(accepts(p256, other, 'p1363'), false);
  });

  test(`${name}: keys are uncompressed points of the curve`, () => {
    p256.admitKey(KEY);
    const offCurve = KEY.with(64, KEY[64] ^ 1);
    const compressed = concat(Uint8Array.of(3), KEY.subarray(1, 33));
    const hybrid = KEY.with(0, 7);
    for (const key of [offCurve, compressed, hybrid, Uint8Array.of(0), KEY.subarray(1), new Uint8Array(65)]) {
      is(accepts(p256, concat(R, S), 'p1363', key), false);
      is(throwsCode(() => p256.admitKey(key), 'OOTO_CRYPTO_KEY').fault, 'peer');
    }
  });

  test(`${name}: signatures made by noble and by node:crypto`, () => {
    const { privateKey, publicKey } = node.generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-65));
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.uint8Array({ minLength: 32, maxLength: 32, min: 1 }),
        (message, secret) => {
          p256.verify(raw, message, new Uint8Array(node.sign('sha256', message, privateKey)), 'der');
          const own = noble.getPublicKey(secret, false);
          p256.verify(own, message, noble.sign(message, secret), 'p1363');
        },
      ),
      { numRuns: 20 },
    );
  });
}

test('both engines decide alike on any changed byte', () => {
  fc.assert(
    fc.property(fc.nat(DER.length - 1), fc.nat(255), (at, value) => {
      const changed = DER.with(at, value);
      const verdicts = ENGINES.map(([, p256]) => accepts(p256, changed, 'der'));
      is(verdicts[0], verdicts[1]);
      is(verdicts[0], value === DER[at]);
    }),
    { numRuns: 150 },
  );
});
