/** ML-KEM-768: Wycheproof's first key by digest, round trips, implicit rejection, the input checks of FIPS 203. */
import { createHash } from 'node:crypto';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import fc from 'fast-check';
import { equal as sameBytes } from '../../../src/base/bytes.ts';
import { hex, unhex } from '../../../src/base/hex.ts';
import { createMlKem768 } from '../../../src/crypto/mlkem768.ts';
import { bytes, is, throwsCode } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { suite } from '../../support/suite.ts';

/** Wycheproof mlkem_768_keygen_seed_test.json, case 1: seed, SHA-256 of ek and of dk. */
const SEED = unhex(
  '7c9935a0b07694aa0c6d10e4db6b1add2fd81a25ccb148032dcd739936737f2d8626ed79d451140800e03b59b956f8210e556067407d13dc90fa9e8b872bfb8f',
);
const EK_SHA256 = '86adbca81f4fee893e2fb58fb98aa2fe188f501fed268d7f4056f8c05c4e53c4';
const DK_SHA256 = '8757e8aee5e441aee07a43af40467d32f80aee5c51aae4ebd2bdb844c038aac7';

const test = suite('crypto mlkem768', { timeout: 30_000 });
const digest = (value: Uint8Array) => createHash('sha256').update(value).digest('hex');
const COINS = new Uint8Array(32).fill(0x5a);

for (const { name, core } of testCores()) {
  const mlkem768 = createMlKem768({ core });

  test(`${name}: keys of a published seed`, () => {
    const { ek, dk } = mlkem768.keygen(SEED);
    is(digest(ek), EK_SHA256);
    is(digest(dk), DK_SHA256);
  });

  test(`${name}: both sides get the same secret; the coins decide it`, () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (seed, m) => {
          const { ek, dk } = mlkem768.keygen(seed);
          const { c, k } = mlkem768.encaps(ek, m);
          is(k.length, 32);
          is(k.buffer.byteLength, 32);
          bytes(mlkem768.decaps(dk, c), k);
          bytes(mlkem768.encaps(ek, m).c, c);
          bytes(ml_kem768.decapsulate(c, dk), k);
        },
      ),
      { numRuns: 15 },
    );
  });

  test(`${name}: a changed ciphertext gives another secret, always the same one`, () => {
    const { ek, dk } = mlkem768.keygen(SEED);
    const { c, k } = mlkem768.encaps(ek, COINS);
    const changed = c.with(700, c[700] ^ 1);
    const other = mlkem768.decaps(dk, changed);
    is(sameBytes(other, k), false, hex(other));
    bytes(mlkem768.decaps(dk, changed), other);
  });

  test(`${name}: an encapsulation key with a coefficient of q or more is refused (section 7.2)`, () => {
    const { ek } = mlkem768.keygen(SEED);
    for (const at of [0, 3, 1149]) {
      const wrong = ek.slice();
      wrong.set([0x01, (wrong[at + 1] & 0xf0) | 0x0d], at); // 3329 = 0xd01
      is(throwsCode(() => mlkem768.encaps(wrong, COINS), 'OOTO_CRYPTO_KEY').fault, 'peer');
    }
  });

  test(`${name}: a decapsulation key that does not hold the hash of its ek is refused (section 7.3)`, () => {
    const { ek, dk } = mlkem768.keygen(SEED);
    const { c } = mlkem768.encaps(ek, COINS);
    for (const at of [1152, 2335, 2336, 2367]) {
      const wrong = dk.with(at, dk[at] ^ 1);
      is(throwsCode(() => mlkem768.decaps(wrong, c), 'OOTO_CRYPTO_KEY').fault, 'caller');
    }
  });

  test(`${name}: wrong lengths are refused`, () => {
    const { ek, dk } = mlkem768.keygen(SEED);
    const { c } = mlkem768.encaps(ek, COINS);
    for (const body of [
      () => mlkem768.keygen(SEED.subarray(1)),
      () => mlkem768.encaps(ek.subarray(1), COINS),
      () => mlkem768.encaps(ek, COINS.subarray(1)),
      () => mlkem768.decaps(dk.subarray(1), c),
      () => mlkem768.decaps(dk, c.subarray(1)),
    ])
      throwsCode(body, 'OOTO_CRYPTO_KEY');
  });
}
