/** Ed25519 in the core: RFC 8032 vectors, noble and node:crypto as references, the one rule, batches and culprits. */
import * as node from 'node:crypto';
import { ed25519 as noble } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { concat } from '../../../src/base/bytes.ts';
import { unhex } from '../../../src/base/hex.ts';
import type { CoreEd25519, SignedMessage } from '../../../src/core/ed25519.ts';
import { bytes, equal, is, throwsCode } from '../../support/assert.ts';
import { testCore, testCores } from '../../support/core.ts';
import {
  malleated,
  OTHER_SPELLINGS,
  ruleCases,
  SMALL_ORDER,
  smallOrderPairs,
} from '../../support/ed25519-cases.ts';
import { suite } from '../../support/suite.ts';

/** RFC 8032 section 7.1: seed, public key, message, signature of TEST 1, 2, 3 and SHA(abc). */
const RFC8032 = [
  [
    '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
  [
    '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
    'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  ],
].map((row) => row.map(unhex));

const test = suite('core ed25519', { timeout: 60_000 });

const seedOf = (number: number) => noble.utils.randomSecretKey(new Uint8Array(32).fill(number));
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** `count` good signatures by `signers` different keys, over messages of different lengths. */
function goodItems(core: CoreEd25519, count: number, signers = count): SignedMessage[] {
  return Array.from({ length: count }, (_, i) => {
    const seed = new Uint8Array(32).fill((i % signers) + 1);
    const message = new Uint8Array(i).fill(i);
    return { publicKey: core.publicKey(seed), message, signature: core.sign(seed, message) };
  });
}

const findRefused = (core: CoreEd25519, items: readonly SignedMessage[]) =>
  core.findRefused(items, new Uint8Array(node.randomBytes(16 * items.length)));

const spoiled = (item: SignedMessage): SignedMessage => ({
  ...item,
  signature: item.signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
});

/** The signature with `by` added to its S, below the order. */
function shifted(signature: Uint8Array, by: bigint): Uint8Array {
  const { Fn } = noble.Point;
  const S = Fn.fromBytes(signature.subarray(32));
  return concat(signature.subarray(0, 32), Fn.toBytes(Fn.create(S + by)));
}

test('the first operation of an instance may be any', () => {
  const [seed, publicKey, message, signature] = RFC8032[2];
  const item = { publicKey, message, signature };
  is(testCore().ed25519.accepts(item), true);
  equal(findRefused(testCore().ed25519, [item, item]), []);
  is(testCore().ed25519.acceptsKey(publicKey), true);
  bytes(testCore().ed25519.sign(seed, message), signature);
  bytes(testCore().ed25519.publicKey(seed), publicKey);
});

test('a key that a running batch uses keeps its place when others need one', () => {
  const core = testCore().ed25519;
  const prepared = 320;
  const items = Array.from({ length: prepared + 63 }, (_, i) => {
    const key = core.signingKey(
      Uint8Array.from({ length: 32 }, (_, at) => (at < 2 ? (i >> (8 * at)) & 255 : 8)),
    );
    return { publicKey: key.publicKey, message: Uint8Array.of(1), signature: key.sign(Uint8Array.of(1)) };
  });
  for (const { publicKey } of items.slice(0, prepared)) is(core.acceptsKey(publicKey), true);
  equal(findRefused(core, [items[0], ...items.slice(prepared)]), []);
});

for (const { name, core: whole } of testCores()) {
  const core = whole.ed25519;

  test(`${name}: RFC 8032 section 7.1`, () => {
    for (const [seed, publicKey, message, signature] of RFC8032) {
      bytes(core.publicKey(seed), publicKey);
      bytes(core.sign(seed, message), signature);
      is(core.accepts({ publicKey, message, signature }), true);
      is(core.accepts({ publicKey, message: concat(message, Uint8Array.of(0)), signature }), false);
    }
  });

  test(`${name}: signs like noble, and noble and node:crypto accept`, () => {
    fc.assert(
      fc.property(seeds, fc.uint8Array({ maxLength: 300 }), (seed, message) => {
        const publicKey = core.publicKey(seed);
        const signature = core.sign(seed, message);
        bytes(publicKey, noble.getPublicKey(seed));
        bytes(signature, noble.sign(message, seed));
        const key = node.createPublicKey({
          key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]),
          format: 'der',
          type: 'spki',
        });
        is(node.verify(null, message, key, signature), true);
        is(core.accepts({ publicKey, message, signature }), true);
      }),
      { numRuns: 60 },
    );
  });

  test(`${name}: a prepared key signs the same bytes until it is released`, () => {
    fc.assert(
      fc.property(seeds, fc.array(fc.uint8Array(), { minLength: 1, maxLength: 3 }), (seed, messages) => {
        using key = core.signingKey(seed);
        bytes(key.publicKey, core.publicKey(seed));
        for (const message of messages) bytes(key.sign(message), noble.sign(message, seed));
      }),
      { numRuns: 20 },
    );
    const key = core.signingKey(seedOf(3));
    key[Symbol.dispose]();
    throwsCode(() => key.sign(new Uint8Array(1)), 'OOTO_CRYPTO_RELEASED');
    throwsCode(() => core.signingKey(new Uint8Array(31)), 'OOTO_CRYPTO_KEY');
  });

  test(`${name}: any changed bit of key, message or signature is refused`, () => {
    const [seed, publicKey, message, signature] = RFC8032[3];
    is(seed.length, 32);
    fc.assert(
      fc.property(fc.nat(8 * (32 + 64 + 64) - 1), (bit) => {
        const all = concat(publicKey, signature, message);
        all[bit >> 3] ^= 1 << (bit & 7);
        const item = { publicKey: all.slice(0, 32), signature: all.slice(32, 96), message: all.slice(96) };
        is(core.accepts(item), false);
        equal(findRefused(core, [item, { publicKey, message, signature }]), [0]);
      }),
      { numRuns: 200 },
    );
  });

  test(`${name}: messages as long as the area and longer`, () => {
    const area = whole.engine.input.length;
    for (const length of [area, area + 1, 2 * area + 5]) {
      const message = new Uint8Array(length).fill(7);
      const signature = core.sign(seedOf(1), message);
      bytes(signature, noble.sign(message, seedOf(1)));
      const item = { publicKey: core.publicKey(seedOf(1)), message, signature };
      is(core.accepts(item), true);
      message[length - 1] ^= 1;
      is(core.accepts(item), false);
      equal(findRefused(core, [item]), [0]);
    }
  });

  test(`${name}: the one rule on torsion, other spellings and S beyond the order, alone and in a batch`, () => {
    const cases = ruleCases();
    for (const item of cases) {
      is(core.accepts(item), item.accepted, item.name);
      equal(findRefused(core, [item]), item.accepted ? [] : [0], `${item.name}, batch of one`);
    }
    const refused = cases.flatMap((item, i) => (item.accepted ? [] : [i]));
    equal(findRefused(core, cases), refused);
  });

  test(`${name}: no pair of small-order key and R is accepted`, () => {
    const pairs = smallOrderPairs();
    for (const item of pairs) is(core.accepts(item), false);
    equal(
      findRefused(core, pairs),
      pairs.map((_, i) => i),
    );
  });

  test(`${name}: keys of small order, of another spelling or off the curve are not admitted`, () => {
    for (const key of [...SMALL_ORDER, ...OTHER_SPELLINGS]) is(core.acceptsKey(key), false);
    const offCurve = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 2 : 0));
    for (const key of [offCurve, new Uint8Array(31), new Uint8Array(33)]) is(core.acceptsKey(key), false);
    for (let i = 0; i < 400; i++) is(core.acceptsKey(core.publicKey(new Uint8Array(32).fill(i & 255))), true);
  });

  test(`${name}: wrong lengths are refused, never cut`, () => {
    const [seed, publicKey, message, signature] = RFC8032[1];
    for (const item of [
      { publicKey: publicKey.subarray(1), message, signature },
      { publicKey, message, signature: signature.subarray(0, 63) },
      { publicKey, message, signature: concat(signature, Uint8Array.of(0)) },
    ]) {
      is(core.accepts(item), false);
      equal(findRefused(core, [item, { publicKey, message, signature }]), [0]);
    }
    throwsCode(() => core.sign(seed.subarray(1), message), 'OOTO_CRYPTO_KEY');
    throwsCode(
      () => core.findRefused([{ publicKey, message, signature }], new Uint8Array(15)),
      'OOTO_CRYPTO_NONCE',
    );
  });

  test(`${name}: batches of every size find one wrong item at each position`, () => {
    for (const [count, signers] of [
      [1, 1],
      [2, 2],
      [3, 1],
      [17, 5],
      [64, 64],
      [65, 64],
      [130, 7],
    ]) {
      const items = goodItems(core, count, signers);
      equal(findRefused(core, items), []);
      for (let bad = 0; bad < count; bad += count > 20 ? 9 : 1)
        equal(findRefused(core, items.with(bad, spoiled(items[bad]))), [bad], `${count} items`);
    }
  });

  test(`${name}: culprits whose errors are multiples of each other are all found`, () => {
    const items = goodItems(core, 64, 3);
    for (const bad of [
      [0, 1],
      [0, 16],
      [2, 5, 11],
      [15, 16, 31, 32, 63],
      [60, 61, 62, 63],
    ])
      equal(
        findRefused(
          core,
          items.map((item, i) =>
            bad.includes(i) ? { ...item, signature: shifted(item.signature, BigInt(i + 1)) } : item,
          ),
        ),
        bad,
      );
  });

  test(`${name}: batches find every culprit, and agree with single verification`, () => {
    const items = goodItems(core, 90, 11);
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(89), { maxLength: 90 }), (bad) => {
        const mixed = items.map((item, i) => {
          if (!bad.includes(i)) return item;
          return i % 3 === 0 ? { ...item, signature: malleated(item.signature, 1n) } : spoiled(item);
        });
        const refused = mixed.flatMap((item, i) => (core.accepts(item) ? [] : [i]));
        equal(
          refused,
          bad.sort((a, b) => a - b),
        );
        equal(findRefused(core, mixed), refused);
      }),
      { numRuns: 20 },
    );
  });

  test(`${name}: an R that is no point, or zero with a sign, spoils nothing beside it`, () => {
    const items = goodItems(core, 22, 5);
    const offCurve = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 2 : 0));
    const [signedOne] = OTHER_SPELLINGS.slice(-2);
    for (const R of [offCurve, signedOne])
      for (const bad of [[0], [4], [21], [1, 5, 9], [0, 1, 2, 3]]) {
        const mixed = items.map((item, i) =>
          bad.includes(i) ? { ...item, signature: concat(R, item.signature.subarray(32)) } : item,
        );
        equal(findRefused(core, mixed), bad);
      }
  });

  test(`${name}: errors that cancel out in a sum do not pass a batch`, () => {
    const [first, second] = goodItems(core, 2);
    const cancelling = [first, second].map((item, i) => ({
      ...item,
      signature: shifted(item.signature, i === 0 ? 5n : -5n),
    }));
    equal(findRefused(core, cancelling), [0, 1]);
  });

  test(`${name}: more keys than the core keeps prepared`, () => {
    const items = Array.from({ length: 400 }, (_, i) => {
      const seed = Uint8Array.from({ length: 32 }, (_, at) => (at < 2 ? (i >> (8 * at)) & 255 : 9));
      const message = Uint8Array.of(i & 255);
      return { publicKey: core.publicKey(seed), message, signature: core.sign(seed, message) };
    });
    for (let round = 0; round < 2; round++) {
      equal(findRefused(core, items), []);
      for (const item of items) is(core.accepts(item), true);
    }
    equal(findRefused(core, items.with(399, { ...items[399], publicKey: items[0].publicKey })), [399]);
  });
}
