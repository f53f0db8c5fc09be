/**
 * ML-KEM-768 in the core: the accumulated vectors of C2SP CCTV, noble and (where Node has it) OpenSSL as references,
 * every refusal of FIPS 203 sections 7.2 and 7.3, and implicit rejection of whatever ciphertext was changed.
 */
import * as nodeCrypto from 'node:crypto';
import { sha256 } from '@noble/hashes/sha2.js';
import { shake128, shake256 } from '@noble/hashes/sha3.js';
import { ml_kem768 as noble } from '@noble/post-quantum/ml-kem.js';
import fc from 'fast-check';
import { concat, equal as sameBytes } from '../../../src/base/bytes.ts';
import { hex, unhex } from '../../../src/base/hex.ts';
import { bytes, is, not, throwsCode } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { suite } from '../../support/suite.ts';

const EK_BYTES = 1184;
const C_BYTES = 1088;
const Z = 2368;

/**
 * C2SP CCTV, ML-KEM/README.md, "Accumulated vectors": SHAKE128 of all results, for as many rounds of keygen, encaps,
 * decaps and decaps of a random ciphertext.
 */
const ACCUMULATED: [number, string][] = [
  [100, '1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415'],
  [10_000, '8a518cc63da366322a8e7a818c7a0d63483cb3528d34a4cf42f35d5ad73f22fc'],
];

/**
 * Wycheproof mlkem_768_test.json 168, 170, 185 and mlkem_768_encaps_test.json 241, 243, 258: a matrix with frequent
 * rejection (two entries in one key; the first entry) and one with large entries. Start of the seed (the rest is
 * zero), m, SHA-256 of ek and of c, K.
 */
const WYCHEPROOF = [
  [
    'c4f3b93e45',
    '2e8541047591efe1847559704339d0ddba611d0ff8017cdc84e61184715c93e2',
    'a886b0744cef94a593294809d100902e18a40dd8f8a7c90794c8d7aeea11a642',
    '5d6b0c6ea3df3777ec1f8b7cd9cc48c74d383f0c139dc02365cf3e7d2cb3432d',
    'ef498f5dae453b0647e173f832b726ea1911366c39c01debba8afe6d9893a9a7',
  ],
  [
    '39cd0be05f',
    '305e9042bf6b30159e7294b0692eedcf6cb715b5788603865b677f4384388a99',
    '41d78ff28dcc649ae15a2b4bd7ba153ec9d0f06c413aef6f1b0b4546bd906b8f',
    '3ebfea52692a42668112b9ce18fa428c8583b17c3679d42121f80c5a1eb1db7d',
    'ebed4eacf9f10edf16196465507da410f6142337a8d504998f28b3686d8fd2d9',
  ],
  [
    '3a2c9cc268',
    '11536217ef54eccc82ada15ed86ba2003e177f270bb5aeee52f9436e31a379d2',
    'cf1728471ad2918da1e474af277d1ac196be1921427af421bcba65b599ae872c',
    '2379d069af141576d2b50feafe42d7e3f61c00496918e2410bd3590dc04b6c2a',
    '32d63df683f43d171550c3f8f50d2464992182c39c83509289c3620a69ca3708',
  ],
].map((row) => row.map(unhex));

const SEED = Uint8Array.from({ length: 64 }, (_, i) => i * 3);
const COINS = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);

const test = suite('core mlkem768', { timeout: 60_000 });
const seeds = fc.uint8Array({ minLength: 64, maxLength: 64 });
const coins = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** J of FIPS 203 section 4.1: what a changed ciphertext must give. */
const rejection = (dk: Uint8Array, c: Uint8Array) => shake256(concat(dk.subarray(Z), c), { dkLen: 32 });

/** ek with the coefficient of this index set to a number of 12 bits. */
function withCoefficient(ek: Uint8Array, index: number, value: number): Uint8Array {
  const wrong = ek.slice();
  const at = 3 * (index >> 1);
  if (index & 1) {
    wrong[at + 1] = (wrong[at + 1] & 0x0f) | ((value & 0x0f) << 4);
    wrong[at + 2] = value >> 4;
  } else {
    wrong[at] = value & 0xff;
    wrong[at + 1] = (wrong[at + 1] & 0xf0) | (value >> 8);
  }
  return wrong;
}

/** Number of blocks that SHAKE128 must give for the entry of the matrix. */
function blocksOf(rho: Uint8Array, column: number, row: number): number {
  const stream = shake128(concat(rho, Uint8Array.of(column, row)), { dkLen: 168 * 6 });
  for (let at = 0, count = 0; ; at += 3) {
    for (const x of [
      stream[at] | ((stream[at + 1] & 15) << 8),
      (stream[at + 1] >> 4) | (stream[at + 2] << 4),
    ])
      if (x < 3329 && ++count === 256) return Math.floor(at / 168) + 1;
  }
}

for (const { name, core } of testCores()) {
  const { mlkem768 } = core;

  test(`${name}: accumulated vectors`, () => {
    for (const [rounds, expected] of ACCUMULATED) {
      const random = shake128.create();
      const results = shake128.create();
      for (let i = 0; i < rounds; i++) {
        const { ek, dk } = mlkem768.keygen(random.xof(64));
        const { c, k } = mlkem768.encaps(ek, random.xof(32))!;
        results.update(ek).update(c).update(k);
        bytes(mlkem768.decaps(dk, c)!, k);
        results.update(mlkem768.decaps(dk, random.xof(C_BYTES))!);
      }
      is(hex(results.xof(32)), expected, `${rounds} rounds`);
    }
  });

  test(`${name}: Wycheproof's keys of unlucky sampling`, () => {
    for (const [start, m, ekHash, cHash, secret] of WYCHEPROOF) {
      const seed = new Uint8Array(64);
      seed.set(start);
      const { ek, dk } = mlkem768.keygen(seed);
      bytes(sha256(ek), ekHash);
      const { c, k } = mlkem768.encaps(ek, m)!;
      bytes(sha256(c), cHash);
      bytes(k, secret);
      bytes(mlkem768.decaps(dk, c)!, secret);
    }
  });

  test(`${name}: agrees with noble`, () => {
    fc.assert(
      fc.property(seeds, coins, (seed, m) => {
        const { ek, dk } = mlkem768.keygen(seed);
        const keys = noble.keygen(seed);
        bytes(ek, keys.publicKey, 'ek');
        bytes(dk, keys.secretKey, 'dk');
        const { c, k } = mlkem768.encaps(ek, m)!;
        const { cipherText, sharedSecret } = noble.encapsulate(ek, m);
        bytes(c, cipherText, 'c');
        bytes(k, sharedSecret, 'k');
        bytes(mlkem768.decaps(dk, c)!, k, 'decaps');
      }),
      { numRuns: 50 },
    );
  });

  test(`${name}: agrees with noble on ciphertexts and decryption keys of any content`, () => {
    const ciphertexts = fc.uint8Array({ minLength: C_BYTES, maxLength: C_BYTES });
    const vectors = fc.uint8Array({ minLength: 1152, maxLength: 1152 });
    fc.assert(
      fc.property(seeds, vectors, ciphertexts, coins, (seed, s, random, m) => {
        const { ek, dk } = mlkem768.keygen(seed);
        dk.set(s); // coefficients of q and more among them: section 7.3 does not look at s
        for (const c of [random, mlkem768.encaps(ek, m)!.c])
          bytes(mlkem768.decaps(dk, c)!, noble.decapsulate(c, dk));
      }),
      { numRuns: 30 },
    );
  });

  test(`${name}: bytes all alike agree with noble`, () => {
    for (const fill of [0x00, 0xff]) {
      const { ek, dk } = mlkem768.keygen(new Uint8Array(64).fill(fill));
      bytes(dk, noble.keygen(new Uint8Array(64).fill(fill)).secretKey);
      const m = new Uint8Array(32).fill(fill);
      bytes(mlkem768.encaps(ek, m)!.c, noble.encapsulate(ek, m).cipherText);
      for (const content of [0x00, 0xff]) {
        const c = new Uint8Array(C_BYTES).fill(content);
        bytes(mlkem768.decaps(dk, c)!, noble.decapsulate(c, dk));
      }
    }
  });

  test(`${name}: a matrix whose entries need a fourth block, each of the nine`, () => {
    const wanted = new Set([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    for (let i = 0; wanted.size > 0; i++) {
      const rho = shake128(Uint8Array.of(i & 255, i >> 8), { dkLen: 32 });
      const long = [...wanted].filter((entry) => blocksOf(rho, entry % 3, Math.floor(entry / 3)) > 3);
      if (long.length === 0) continue;
      for (const entry of long) wanted.delete(entry);
      const ek = mlkem768.keygen(SEED).ek;
      ek.set(rho, EK_BYTES - 32);
      bytes(mlkem768.encaps(ek, COINS)!.c, noble.encapsulate(ek, COINS).cipherText, `entries ${long}`);
    }
  });

  test(`${name}: every changed bit of the ciphertext gives the rejection secret`, () => {
    const { ek, dk } = mlkem768.keygen(SEED);
    const { c, k } = mlkem768.encaps(ek, COINS)!;
    for (let bit = 0; bit < 8 * C_BYTES; bit += 13) {
      const changed = c.slice();
      changed[bit >> 3] ^= 1 << (bit & 7);
      const secret = mlkem768.decaps(dk, changed)!;
      bytes(secret, rejection(dk, changed), `bit ${bit}`);
      not.ok(sameBytes(secret, k));
    }
    for (const at of [0, C_BYTES - 1]) {
      const changed = c.with(at, c[at] ^ 0x80);
      bytes(mlkem768.decaps(dk, changed)!, rejection(dk, changed), `byte ${at}`);
    }
    bytes(mlkem768.decaps(dk, c)!, k);
  });

  test(`${name}: a change behind a zero byte is seen`, () => {
    const { ek, dk } = mlkem768.keygen(SEED);
    for (let i = 0, found = 0; found < 5; i++) {
      const { c } = mlkem768.encaps(ek, COINS.with(0, i))!;
      const zero = c.indexOf(0);
      if (zero < 0 || zero > 900) continue;
      found++;
      const changed = c.with(zero + 1, c[zero + 1] ^ 1).fill(0x33, zero + 2);
      bytes(mlkem768.decaps(dk, changed)!, rejection(dk, changed));
    }
  });

  test(`${name}: every coefficient of q or more in ek is refused, none below`, () => {
    const { ek } = mlkem768.keygen(SEED);
    for (let index = 0; index < 768; index++) {
      is(mlkem768.encaps(withCoefficient(ek, index, 3329), COINS), undefined, `coefficient ${index}`);
      const value = index & 1 ? 4095 : 3330;
      is(mlkem768.encaps(withCoefficient(ek, index, value), COINS), undefined, `coefficient ${index}`);
    }
    for (const index of [0, 1, 255, 256, 767]) {
      const largest = withCoefficient(ek, index, 3328);
      bytes(mlkem768.encaps(largest, COINS)!.c, noble.encapsulate(largest, COINS).cipherText);
    }
  });

  test(`${name}: a dk whose ek and hash do not fit is refused`, () => {
    const { ek, dk } = mlkem768.keygen(SEED);
    const { c } = mlkem768.encaps(ek, COINS)!;
    for (let at = 1152; at < Z; at += 7)
      is(mlkem768.decaps(dk.with(at, dk[at] ^ 1), c), undefined, `byte ${at}`);
    is(mlkem768.decaps(dk.with(Z - 1, dk[Z - 1] ^ 0x80), c), undefined, 'last byte of the hash');
    is(mlkem768.decaps(dk.with(Z, dk[Z] ^ 1), c)?.length, 32, 'z is not hashed');
  });

  test(`${name}: what was refused leaves the next call as it was`, () => {
    const { ek, dk } = mlkem768.keygen(SEED);
    const { c, k } = mlkem768.encaps(ek, COINS)!;
    is(mlkem768.encaps(withCoefficient(ek, 5, 4000), COINS), undefined);
    bytes(mlkem768.encaps(ek, COINS)!.k, k);
    is(mlkem768.decaps(dk.with(2340, dk[2340] ^ 1), c), undefined);
    bytes(mlkem768.decaps(dk, c)!, k);
  });

  test(`${name}: wrong lengths are refused, with whose fault it is`, () => {
    const { ek, dk } = mlkem768.keygen(SEED);
    const { c } = mlkem768.encaps(ek, COINS)!;
    for (const change of [(b: Uint8Array) => b.subarray(1), (b: Uint8Array) => concat(b, Uint8Array.of(0))]) {
      const fault = (body: () => unknown) => throwsCode(body, 'OOTO_CRYPTO_KEY').fault;
      is(
        fault(() => mlkem768.keygen(change(SEED))),
        'caller',
      );
      is(
        fault(() => mlkem768.encaps(change(ek), COINS)),
        'peer',
      );
      is(
        fault(() => mlkem768.encaps(ek, change(COINS))),
        'caller',
      );
      is(
        fault(() => mlkem768.decaps(change(dk), c)),
        'caller',
      );
      is(
        fault(() => mlkem768.decaps(dk, change(c))),
        'peer',
      );
    }
  });

  // Node has ML-KEM from version 24 on.
  if ('encapsulate' in nodeCrypto)
    test(`${name}: agrees with OpenSSL in both directions`, () => {
      const { encapsulate, decapsulate, createPublicKey, createPrivateKey } =
        nodeCrypto as unknown as NativeKem;
      for (let i = 0; i < 20; i++) {
        const seed = SEED.with(0, i);
        const { ek, dk } = mlkem768.keygen(seed);
        const publicKey = createPublicKey({ key: concat(SPKI, ek), format: 'der', type: 'spki' });
        const native = encapsulate(publicKey);
        bytes(mlkem768.decaps(dk, native.ciphertext)!, native.sharedKey);
        const privateKey = createPrivateKey({ key: concat(PKCS8, seed), format: 'der', type: 'pkcs8' });
        const { c, k } = mlkem768.encaps(ek, COINS.with(0, i))!;
        bytes(k, decapsulate(privateKey, c));
        const changed = c.with(i, c[i] ^ 4);
        bytes(mlkem768.decaps(dk, changed)!, decapsulate(privateKey, changed));
      }
    });
}

interface NativeKem {
  encapsulate(key: unknown): { sharedKey: Uint8Array; ciphertext: Uint8Array };
  decapsulate(key: unknown, ciphertext: Uint8Array): Uint8Array;
  createPublicKey(from: unknown): unknown;
  createPrivateKey(from: unknown): unknown;
}

/** What precedes ek in a SubjectPublicKeyInfo and the seed in a PrivateKeyInfo (RFC 9935). */
const SPKI = unhex('308204b2300b0609608648016503040402038204a100');
const PKCS8 = unhex('3054020100300b06096086480165030404020442' + '8040');
