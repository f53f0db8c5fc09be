/** Envelopes for operators: opened by the one key, for the one purpose, whole or not at all. */
import fc from 'fast-check';
import { utf8 } from '../../../src/base/bytes.ts';
import { isOotoError } from '../../../src/base/errors.ts';
import {
  openForRecovery,
  RECOVERY_KEY_BYTES,
  RECOVERY_SEED_BYTES,
  recoveryKey,
  sealForRecovery,
} from '../../../src/envelope/recovery.ts';
import { bytes, is, not, ok, throwsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { nobleCrypto } from '../../support/noble-crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('recovery envelope', { timeout: 30_000 });
const [crypto, other] = [testCrypto(), nobleCrypto()];
const seed = new Uint8Array(RECOVERY_SEED_BYTES).map((_, i) => i);
const key = recoveryKey(crypto, seed);
const secret = utf8('the state key of a node, 32 bytes');

test('what is sealed to a key opens with its seed, by two implementations of every primitive', () => {
  is(key.length, RECOVERY_KEY_BYTES);
  bytes(recoveryKey(other, seed), key);
  bytes(openForRecovery(other, seed, sealForRecovery(crypto, key, secret, 'p'), 'p'), secret);
  bytes(openForRecovery(crypto, seed, sealForRecovery(other, key, secret, 'p'), 'p'), secret);
  const [a, b] = [sealForRecovery(crypto, key, secret, 'p'), sealForRecovery(crypto, key, secret, 'p')];
  not.equal(a, b);
});

test('another purpose, another key, half of another key', () => {
  const envelope = sealForRecovery(crypto, key, secret, 'p');
  const fails = (with_: Uint8Array, purpose: string) =>
    throwsCode(() => openForRecovery(crypto, with_, envelope, purpose), 'OOTO_CRYPTO_AUTHENTICATION');
  fails(seed, 'q');
  for (const place of [0, 31, 32, 63]) {
    const bent = seed.slice();
    // Neither bits that X25519 clears nor the seed of rejections (from 64 on) are part of the key.
    bent[place] ^= 8;
    fails(bent, 'p');
  }
});

test('every changed byte is refused', () => {
  const envelope = sealForRecovery(crypto, key, secret, 'p');
  fc.assert(
    fc.property(fc.nat(envelope.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const bent = envelope.slice();
      bent[at] ^= mask;
      let refused = false;
      try {
        openForRecovery(crypto, seed, bent, 'p');
      } catch (error) {
        refused = isOotoError(error);
      }
      ok(refused, `byte ${at}`);
    }),
    { numRuns: 200 },
  );
});

test('sizes', () => {
  const code = 'OOTO_ENVELOPE_RECOVERY';
  throwsCode(() => recoveryKey(crypto, seed.subarray(1)), code);
  throwsCode(() => sealForRecovery(crypto, key.subarray(1), secret, 'p'), code);
  for (const length of [0, 1025])
    throwsCode(() => sealForRecovery(crypto, key, new Uint8Array(length), 'p'), code);
  throwsCode(
    () => sealForRecovery(crypto, new Uint8Array(RECOVERY_KEY_BYTES), secret, 'p'),
    'OOTO_CRYPTO_KEY',
  );
});
