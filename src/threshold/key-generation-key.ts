/**
 * A member's static key for key generation: it receives shares and certifies results, and does nothing else. What
 * flows through here: 32 secret bytes become a scalar; it signs by the scheme of COCKTAIL-DKG, and agrees on secrets
 * with the keys of others.
 */
import { concat } from '../base/bytes.ts';
import { wipe, withSecrets } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { LABELS } from './labels.ts';
import { schnorrSign } from './schnorr.ts';

const SEED_BYTES = 32;

export class KeyGenerationKey implements Disposable {
  /** 32 bytes, an element of the group. */
  readonly publicKey: Uint8Array;
  readonly #crypto: Crypto;
  readonly #scalar: Uint8Array;
  #isDisposed = false;

  /** Takes over a scalar, which is wiped on disposal. */
  constructor(crypto: Crypto, scalar: Uint8Array) {
    this.#crypto = crypto;
    this.#scalar = scalar;
    this.publicKey = crypto.edwards25519.multiplyBase(scalar);
    crypto.edwards25519.admitElement(this.publicKey);
  }

  /** Takes over `seed` (32 random bytes), which is wiped. @throws OOTO_THRESHOLD_KEY (caller) for another length. */
  static fromSeed(crypto: Crypto, seed: Uint8Array): KeyGenerationKey {
    if (seed.length !== SEED_BYTES)
      throw new OotoError('OOTO_THRESHOLD_KEY', 'caller', `a seed of ${seed.length} bytes`);
    const input = concat(LABELS.keyGenerationKey, seed);
    const digest = crypto.sha512(input);
    return withSecrets(
      [seed, input, digest],
      () => new KeyGenerationKey(crypto, crypto.edwards25519.scalarReduce(digest)),
    );
  }

  /** A key from fresh random bytes. */
  static generate(crypto: Crypto): KeyGenerationKey {
    return KeyGenerationKey.fromSeed(crypto, crypto.random.bytes(SEED_BYTES));
  }

  /** 64 bytes, for {@link schnorrVerify}. */
  sign(message: Uint8Array): Uint8Array {
    return schnorrSign(this.#crypto, this.#live, message);
  }

  /**
   * The secret that the holder of `element`'s scalar comes to as well; the caller wipes it. It is encoded as the
   * published vectors have it (docs/decisions/0014).
   */
  agree(element: Uint8Array): Uint8Array {
    return this.#crypto.edwards25519.multiply(this.#live, element);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    wipe(this.#scalar);
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return 'KeyGenerationKey';
  }

  get #live(): Uint8Array {
    if (this.#isDisposed)
      throw new OotoError('OOTO_THRESHOLD_STATE', 'caller', 'this key for key generation was disposed of');
    return this.#scalar;
  }
}
