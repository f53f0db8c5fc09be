/**
 * Keys that sign and keys that verify. What flows through here: a message and a key; out comes a signature of
 * 64 bytes, or nothing but the certainty that one is good.
 */
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto, Ed25519SigningKey as ExpandedKey } from '../crypto/crypto.ts';

/** An Ed25519 signer in memory: synchronous, for message keys. Identity keys are `Signer` ports. */
export interface SigningKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

/** A public key with its algorithm. Ed25519: 32 bytes. P-256: 65 bytes, uncompressed. */
export interface VerificationKey {
  readonly algorithm: 'ed25519' | 'p256';
  readonly bytes: Uint8Array;
}

/** A signing key that wipes its seed when disposed, and shows only its fingerprint. */
export class Ed25519SigningKey implements SigningKey, Disposable {
  readonly publicKey: Uint8Array;
  readonly #crypto: Crypto;
  readonly #key: ExpandedKey;
  #live = true;

  /** Takes over `seed` (32 bytes), which is expanded and wiped. */
  constructor(crypto: Crypto, seed: Uint8Array) {
    if (seed.length !== 32) throw new OotoError('OOTO_ENVELOPE_KEY', 'caller', 'a seed has 32 bytes');
    this.#crypto = crypto;
    this.#key = crypto.ed25519.signingKey(seed);
    this.publicKey = this.#key.publicKey;
    wipe(seed);
  }

  /** A key from 32 fresh random bytes. */
  static generate(crypto: Crypto): Ed25519SigningKey {
    return new Ed25519SigningKey(crypto, crypto.random.bytes(32));
  }

  /** @throws OOTO_ENVELOPE_KEY (caller) after disposal: a wiped seed must never sign. */
  sign(message: Uint8Array): Uint8Array {
    if (!this.#live) throw new OotoError('OOTO_ENVELOPE_KEY', 'caller', 'this signing key has been wiped');
    return this.#key.sign(message);
  }

  [Symbol.dispose](): void {
    this.#live = false;
    this.#key[Symbol.dispose]();
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `Ed25519SigningKey <${keyId(this.#crypto, this.publicKey)}>`;
  }
}

/** The name of a public key where no other is given: SHA-256 in hexadecimal. */
export function keyId(crypto: Crypto, publicKey: Uint8Array): string {
  return hex(crypto.sha256(publicKey));
}

/**
 * Checks one signature: 64 bytes, for P-256 r ‖ s (IEEE P1363).
 * @throws OOTO_ENVELOPE_SIGNATURE (peer).
 */
export function verifySignature(
  crypto: Crypto,
  key: VerificationKey,
  message: Uint8Array,
  signature: Uint8Array,
): void {
  try {
    if (key.algorithm === 'ed25519') crypto.ed25519.verify(key.bytes, message, signature);
    else crypto.p256.verify(key.bytes, message, signature, 'p1363');
  } catch (cause) {
    throw new OotoError('OOTO_ENVELOPE_SIGNATURE', 'peer', 'the signature does not verify', { cause });
  }
}
