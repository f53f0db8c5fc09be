/**
 * An engine: who computes, behind one set of functions for all. What flows through here: a case makes its inputs
 * once and gives every engine the same arrays. Each function takes the caller's Uint8Array and leaves the result,
 * tag included, in the caller's Uint8Array; what can be prepared once for a key is prepared before the clock runs.
 * An engine leaves out what it cannot do.
 */

/** Nothing, or a promise of it from engines that cannot answer at once. */
export type Done = void | Promise<void>;

export interface GcmKey {
  /** Writes ciphertext and tag. */
  seal(iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, sealed: Uint8Array): Done;
  /** Writes the plaintext. Throws unless it is authentic. */
  open(iv: Uint8Array, aad: Uint8Array, sealed: Uint8Array, plaintext: Uint8Array): Done;
  /** Writes ciphertext and tag of each, end to end. Absent where it is no more than one after the other. */
  sealMany?(messages: readonly PlainMessage[], sealed: Uint8Array): Done;
  /** Writes the plaintexts end to end. Throws unless all are authentic. */
  openMany?(messages: readonly SealedMessage[], plaintexts: Uint8Array): Done;
}

export interface PlainMessage {
  iv: Uint8Array;
  aad: Uint8Array;
  plaintext: Uint8Array;
}

export interface SealedMessage {
  iv: Uint8Array;
  aad: Uint8Array;
  sealed: Uint8Array;
}

export interface Engine {
  readonly name: string;
  /** Of an engine that answers later: how many operations are under way at once. */
  readonly inFlight?: number;
  gcm?(key: Uint8Array): GcmKey | Promise<GcmKey>;
  /** The engine's AEAD is another cipher; this one, by someone else, says what it must give. */
  readonly reference?: (key: Uint8Array) => Pick<GcmKey, 'seal'>;
  sha256?(message: Uint8Array, digest: Uint8Array): Done;
  /** Writes the digests one behind the other. */
  sha256Many?(messages: readonly Uint8Array[], digests: Uint8Array): Done;
  /** head_i = SHA-256(0x02 ‖ head_{i−1} ‖ SHA-256(0x00 ‖ record_i)); writes all heads. */
  chain?(head: Uint8Array, records: readonly Uint8Array[], heads: Uint8Array): Done;
  /** SHA-256(0x03 ‖ head ‖ u32be count ‖ RFC 6962 root of the records). */
  chainBatched?(head: Uint8Array, records: readonly Uint8Array[], next: Uint8Array): Done;
  /** The root of RFC 6962 section 2.1. */
  merkleRoot?(leaves: readonly Uint8Array[], root: Uint8Array): Done;
  ed25519Sign?(seed: Uint8Array): Prepared<(message: Uint8Array, signature: Uint8Array) => Done>;
  /** Whether the signature holds. */
  ed25519Verify?(
    publicKey: Uint8Array,
  ): Prepared<(message: Uint8Array, signature: Uint8Array) => boolean | Promise<boolean>>;
  /** Writes 1 for each signature that holds and 0 for each that does not. Keys are those of the items, in order. */
  ed25519VerifyBatch?(
    publicKeys: readonly Uint8Array[],
  ): Prepared<
    (messages: readonly Uint8Array[], signatures: readonly Uint8Array[], verdicts: Uint8Array) => Done
  >;
  /** The shared secret of a scalar that stays and points that arrive as bytes. */
  x25519?(scalar: Uint8Array): Prepared<(point: Uint8Array, secret: Uint8Array) => Done>;
  readonly mlkem768?: {
    keygen(seed: Uint8Array, ek: Uint8Array, dk: Uint8Array): Done;
    encaps(ek: Uint8Array, coins: Uint8Array, ciphertext: Uint8Array, secret: Uint8Array): Done;
    decaps(dk: Uint8Array, ciphertext: Uint8Array, secret: Uint8Array): Done;
  };
}

export type Prepared<T> = T | Promise<T>;
