/**
 * ML-KEM-768 (FIPS 203) by noble. What flows through here: seeds become key pairs, encapsulation keys and coins
 * become ciphertexts and secrets. The checks of sections 7.2 and 7.3 (lengths, modulus of ek, hash in dk) come
 * before any computing; a ciphertext that does not fit gives another secret, not an error.
 */
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { wipe } from '../base/disposal.ts';
import { type Fault, OotoError } from '../base/errors.ts';
import type { MlKem768 } from './crypto.ts';

const SEED_BYTES = 64;
const COINS_BYTES = 32;
const ENCAPSULATION_KEY_BYTES = 1184;
const DECAPSULATION_KEY_BYTES = 2400;
const CIPHERTEXT_BYTES = 1088;

export function createMlKem768(): MlKem768 {
  return {
    keygen(seed) {
      requireLength('seed', seed, SEED_BYTES, 'caller');
      const { publicKey, secretKey } = ml_kem768.keygen(seed);
      return { ek: publicKey, dk: secretKey };
    },
    encaps(ek, m) {
      requireLength('encapsulation key', ek, ENCAPSULATION_KEY_BYTES, 'peer');
      requireLength('coins', m, COINS_BYTES, 'caller');
      const { cipherText, sharedSecret } = refusing('the encapsulation key fails the modulus check', () =>
        ml_kem768.encapsulate(ek, m),
      );
      return { c: cipherText, k: ownCopy(sharedSecret) };
    },
    decaps(dk, c) {
      requireLength('decapsulation key', dk, DECAPSULATION_KEY_BYTES, 'caller');
      requireLength('ciphertext', c, CIPHERTEXT_BYTES, 'peer');
      const secret = refusing(
        'the decapsulation key does not hold the hash of its own encapsulation key',
        () => ml_kem768.decapsulate(c, dk),
      );
      return ownCopy(secret);
    },
  };
}

function requireLength(what: string, { length }: Uint8Array, expected: number, fault: Fault): void {
  if (length !== expected)
    throw new OotoError('OOTO_CRYPTO_KEY', fault, `${what} of ${length} bytes, expected ${expected}`);
}

/** noble throws plain errors, and with lengths checked before only for this one reason. */
function refusing<T>(reason: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    throw new OotoError('OOTO_CRYPTO_KEY', 'peer', reason, { cause });
  }
}

/** noble's secrets are views of longer buffers: takes the secret out and overwrites what it lay in. */
function ownCopy(secret: Uint8Array): Uint8Array {
  const copy = secret.slice();
  wipe(secret);
  return copy;
}
