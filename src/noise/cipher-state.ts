/**
 * CipherState (Noise revision 34, section 5.1). What flows through here: one key and one counter. The counter
 * moves only after the cipher succeeded, so a message that fails to open costs the session nothing.
 */
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { NoiseCipher } from '../crypto/noise-suite.ts';

/** 2^64 - 1 is reserved for rekeying and never used as a nonce. */
const RESERVED_NONCE = 0xffffffffffffffffn;

export class CipherState implements Disposable {
  readonly #cipher: NoiseCipher;
  readonly #key: Uint8Array;
  #nonce: bigint;

  /** Takes ownership of `key` (32 bytes) and overwrites it when disposed of. */
  constructor(cipher: NoiseCipher, key: Uint8Array, nonce = 0n) {
    this.#cipher = cipher;
    this.#key = key;
    this.#nonce = nonce;
  }

  /** The nonce of the next message. */
  get nonce(): bigint {
    return this.#nonce;
  }

  /** @throws OOTO_NOISE_NONCE (local) once every nonce is used. */
  encryptWithAd(ad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    return this.#advance((nonce) => this.#cipher.seal(this.#key, nonce, ad, plaintext));
  }

  /** @throws OOTO_CRYPTO_AUTHENTICATION (peer) when the tag does not match; OOTO_NOISE_NONCE (local). */
  decryptWithAd(ad: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    return this.#advance((nonce) => this.#cipher.open(this.#key, nonce, ad, ciphertext));
  }

  /**
   * A copy of the key for an owner with framing of its own, who overwrites it. This state keeps counting from
   * where it is: whoever takes the key no longer uses the state.
   */
  copyKey(): Uint8Array {
    return this.#key.slice();
  }

  [Symbol.dispose](): void {
    wipe(this.#key);
    this.#nonce = RESERVED_NONCE;
  }

  #advance(apply: (nonce: bigint) => Uint8Array): Uint8Array {
    if (this.#nonce >= RESERVED_NONCE)
      throw new OotoError('OOTO_NOISE_NONCE', 'local', 'every nonce of this key is used', {
        hint: 'open a new session',
      });
    const result = apply(this.#nonce);
    this.#nonce++;
    return result;
  }
}
