/**
 * The cryptographic primitives of the project as one object. What flows through here: rooms above ask for a
 * primitive by name and never learn which engine computed it. Everything is synchronous. Whatever
 * authenticates throws on failure: nothing here returns a value that says "not verified".
 */
import type { Random } from '../ports.ts';

/** `auto` picks by the measured crossover; the other two force one engine (tests, benchmarks, the oracle). */
export type EngineName = 'wasm' | 'hardware' | 'auto';

/** A message to seal. The iv has 12 bytes. */
export interface GcmMessage {
  iv: Uint8Array;
  aad: Uint8Array;
  plaintext: Uint8Array;
}

/** A message to open: ciphertext followed by the 16-byte tag. */
export interface SealedGcmMessage {
  iv: Uint8Array;
  aad: Uint8Array;
  sealed: Uint8Array;
}

/**
 * A key that stands expanded for any number of messages; disposing of it wipes it. Results are written to `into`,
 * which is returned, when it is given: it has exactly their length. Of one message it may begin where the text
 * begins; otherwise it must not overlap the inputs. Without it results are new arrays, which take about as long to
 * make as a short message to seal.
 */
export interface Aes256GcmKey extends Disposable {
  /** Ciphertext followed by the 16-byte tag. @throws OOTO_CRYPTO_IV, OOTO_CRYPTO_LENGTH, OOTO_CRYPTO_RELEASED (caller). */
  seal(iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array, into?: Uint8Array): Uint8Array;
  /** @throws OOTO_CRYPTO_AUTHENTICATION (peer) when the tag does not match; `into` is wiped then, or not touched. */
  open(iv: Uint8Array, aad: Uint8Array, sealed: Uint8Array, into?: Uint8Array): Uint8Array;
  /** Ciphertext and tag of each, one after the other. */
  sealMany(messages: readonly GcmMessage[], into?: Uint8Array): Uint8Array;
  /**
   * The plaintexts, one after the other.
   * @throws OOTO_CRYPTO_AUTHENTICATION (peer) when any tag does not match; what was written is wiped then.
   */
  openMany(messages: readonly SealedGcmMessage[], into?: Uint8Array): Uint8Array;
}

export interface Aes256Gcm {
  /** Whoever seals or opens more than one message under a key takes this. Copies the 32 bytes of `key`. */
  key(key: Uint8Array, engine?: EngineName): Aes256GcmKey;
  /** Returns ciphertext followed by the 16-byte tag. Key 32 bytes, iv 12 bytes (NIST SP 800-38D). */
  seal(
    key: Uint8Array,
    iv: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    engine?: EngineName,
  ): Uint8Array;
  /** @throws OOTO_CRYPTO_AUTHENTICATION (peer) when the tag does not match. */
  open(key: Uint8Array, iv: Uint8Array, aad: Uint8Array, sealed: Uint8Array, engine?: EngineName): Uint8Array;
  /** Seals many messages under one key; each result is ciphertext followed by its tag. They share one buffer. */
  sealMany(key: Uint8Array, messages: readonly GcmMessage[]): Uint8Array[];
  /** @throws OOTO_CRYPTO_AUTHENTICATION (peer) when any tag does not match; then nothing is returned. */
  openMany(key: Uint8Array, messages: readonly SealedGcmMessage[]): Uint8Array[];
}

/** One record of a channel: the 13-byte header is the additional data, the counter is the nonce. */
export interface RecordFrame {
  type: number;
  epoch: number;
  counter: bigint;
  plaintext: Uint8Array;
}

/** Frames and seals records under one key: `u32be length ‖ type ‖ u32be epoch ‖ u64be counter ‖ ciphertext ‖ tag`. */
export interface RecordCipher extends Disposable {
  /** The frames of all records, one after the other, ready for the wire: at the start of `into` where they fit. */
  seal(records: readonly RecordFrame[], into?: Uint8Array): Uint8Array;
  /**
   * Opens whole frames (each with its length prefix), in order.
   * @throws OOTO_CRYPTO_AUTHENTICATION (peer) when any tag does not match; then nothing is returned.
   */
  open(frames: readonly Uint8Array[]): RecordFrame[];
}

export interface Ed25519Item {
  publicKey: Uint8Array;
  message: Uint8Array;
  signature: Uint8Array;
}

/** A private key that stays in memory for many signatures; disposing of it overwrites it. */
export interface Ed25519SigningKey extends Disposable {
  readonly publicKey: Uint8Array;
  /** @throws OOTO_CRYPTO_RELEASED (caller) after disposal. */
  sign(message: Uint8Array): Uint8Array;
}

/** Ed25519 under the mesh's one rule (docs/protocol.md): canonical encodings, cofactored equation. */
export interface Ed25519 {
  publicKey(seed: Uint8Array): Uint8Array;
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /** Expands the seed once: whoever signs more than one message takes this, which is nearly twice as fast. */
  signingKey(seed: Uint8Array): Ed25519SigningKey;
  /** @throws OOTO_CRYPTO_SIGNATURE (peer). */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array, engine?: EngineName): void;
  /** Indexes of the items that {@link verify} refuses; empty when all are good. */
  verifyBatch(items: readonly Ed25519Item[]): number[];
  /** @throws OOTO_CRYPTO_KEY (peer) unless the key is canonical, on the curve and not of small order. */
  admitKey(publicKey: Uint8Array): void;
}

/**
 * The prime-order group of edwards25519 for threshold signatures (RFC 9591 section 6.1). Scalars are 32 little-endian
 * bytes and are taken modulo the order L; points are encoded as RFC 8032 section 5.1.2 has it. All but
 * `sumOfPublicMultiples` and what admits take the same time for every scalar. Points from outside are admitted first:
 * with a point that is not of prime order, results depend on the scalar beyond L.
 * @throws OOTO_CRYPTO_KEY (caller) for a scalar of another length, (peer) for what is no encoding of a point.
 */
export interface Edwards25519 {
  scalarAdd(a: Uint8Array, b: Uint8Array): Uint8Array;
  scalarSubtract(a: Uint8Array, b: Uint8Array): Uint8Array;
  scalarMultiply(a: Uint8Array, b: Uint8Array): Uint8Array;
  /** a b + c. */
  scalarMultiplyAdd(a: Uint8Array, b: Uint8Array, c: Uint8Array): Uint8Array;
  /** @throws OOTO_CRYPTO_KEY (caller) for zero. */
  scalarInvert(scalar: Uint8Array): Uint8Array;
  /** 64 bytes, such as a hash, modulo L. */
  scalarReduce(wide: Uint8Array): Uint8Array;
  /** The product with the base point. */
  multiplyBase(scalar: Uint8Array): Uint8Array;
  multiply(scalar: Uint8Array, point: Uint8Array): Uint8Array;
  add(a: Uint8Array, b: Uint8Array): Uint8Array;
  /** The sum of all products; its time tells about scalars and points. Of no terms, the identity. */
  sumOfPublicMultiples(terms: readonly { scalar: Uint8Array; point: Uint8Array }[]): Uint8Array;
  /** @throws OOTO_CRYPTO_KEY (peer) unless canonical, of prime order and not the identity (section 3.1). */
  admitElement(bytes: Uint8Array): void;
  /** @throws OOTO_CRYPTO_KEY (peer) unless 32 bytes of a number below L. The bytes are public. */
  admitScalar(bytes: Uint8Array): void;
}

/** Key 32 bytes, nonce 24. */
export interface XChaCha20Poly1305 {
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** @throws OOTO_CRYPTO_AUTHENTICATION (peer). */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array;
}

export interface X25519 {
  publicKey(scalar: Uint8Array): Uint8Array;
  /** @throws OOTO_CRYPTO_KEY (peer) when the result is all zero (RFC 7748 section 6.1). */
  sharedSecret(scalar: Uint8Array, point: Uint8Array): Uint8Array;
}

/** FIPS 203. */
export interface MlKem768 {
  /** From the 64-byte seed d ‖ z. */
  keygen(seed: Uint8Array): { ek: Uint8Array; dk: Uint8Array };
  /** From 32 random bytes m. @throws OOTO_CRYPTO_KEY (peer) when `ek` fails the modulus check. */
  encaps(ek: Uint8Array, m: Uint8Array): { c: Uint8Array; k: Uint8Array };
  /** Implicit rejection: a wrong ciphertext gives a different key. @throws OOTO_CRYPTO_KEY for wrong lengths or a `dk` whose hash does not fit. */
  decaps(dk: Uint8Array, c: Uint8Array): Uint8Array;
}

export interface P256 {
  /** `publicKey` is the uncompressed point; SHA-256 of `message`; high-S accepted. @throws OOTO_CRYPTO_SIGNATURE (peer). */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array, encoding: 'der' | 'p1363'): void;
  /** @throws OOTO_CRYPTO_KEY (peer) unless the key is 65 bytes, uncompressed, and a point of the curve. */
  admitKey(publicKey: Uint8Array): void;
  /** A key pair for key agreement from 48 random bytes (FIPS 186-5 appendix A.2.1). */
  keygen(seed: Uint8Array): { secretKey: Uint8Array; publicKey: Uint8Array };
  /** The x coordinate of the product, 32 bytes. @throws OOTO_CRYPTO_KEY (peer) as {@link admitKey}. */
  sharedSecret(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array;
}

/** Hashes of signatures under certificates of others. */
export type CertificateHash = 'sha256' | 'sha384' | 'sha512';

/** For certificates of TPM vendors: verification alone. */
export interface P384 {
  /** `publicKey` is the uncompressed point, `signature` DER; high S accepted. @throws OOTO_CRYPTO_SIGNATURE (peer). */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array, hash: CertificateHash): void;
  /** @throws OOTO_CRYPTO_KEY (peer) unless the key is 97 bytes, uncompressed, and a point of the curve. */
  admitKey(publicKey: Uint8Array): void;
}

/** The public exponent is 65537. */
export interface RsaPublicKey {
  /** Big-endian, without leading zeros, of 2048 to 4096 bits. */
  modulus: Uint8Array;
}

export interface Rsa {
  /**
   * OAEP with SHA-256 (RFC 8017 section 7.1) from a random seed of 32 bytes.
   * @throws OOTO_CRYPTO_KEY (peer) for a modulus of another size; OOTO_CRYPTO_RSA (caller) for a message too long.
   */
  encryptOaep256(key: RsaPublicKey, message: Uint8Array, label: Uint8Array, seed: Uint8Array): Uint8Array;
  /** RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2). @throws OOTO_CRYPTO_SIGNATURE, OOTO_CRYPTO_KEY (peer). */
  verifyPkcs1(key: RsaPublicKey, message: Uint8Array, signature: Uint8Array, hash: CertificateHash): void;
  /**
   * RSASSA-PSS (RFC 8017 section 8.1.2) with MGF1 of the same hash and a salt as long as the hash.
   * @throws OOTO_CRYPTO_SIGNATURE, OOTO_CRYPTO_KEY (peer).
   */
  verifyPss(key: RsaPublicKey, message: Uint8Array, signature: Uint8Array, hash: CertificateHash): void;
}

/** SHA-256 hash chain (docs/protocol.md, "Hash chain"). Heads are 32 bytes. */
export interface HashChain {
  /** head_i = SHA-256(0x02 ‖ head_{i−1} ‖ SHA-256(0x00 ‖ record_i)); one head per record. */
  append(head: Uint8Array, records: readonly Uint8Array[]): Uint8Array[];
  /** {@link append} to `heads`, 32 bytes for each record. @throws OOTO_CORE_DIGEST (caller) unless it has that length. */
  appendInto(head: Uint8Array, records: readonly Uint8Array[], heads: Uint8Array): void;
  /** SHA-256(0x03 ‖ head ‖ u32be count ‖ RFC 6962 root of the records). */
  appendBatch(head: Uint8Array, records: readonly Uint8Array[]): Uint8Array;
  /** {@link append} of records whose {@link Merkle.leafHashes} are known. */
  appendHashes(head: Uint8Array, leafHashes: readonly Uint8Array[]): Uint8Array[];
  /** {@link appendBatch} of records whose {@link Merkle.leafHashes} are known. */
  appendBatchHashes(head: Uint8Array, leafHashes: readonly Uint8Array[]): Uint8Array;
}

/** RFC 6962 section 2.1; proofs are made and checked in the log room. */
export interface Merkle {
  leafHash(leaf: Uint8Array): Uint8Array;
  leafHashes(leaves: readonly Uint8Array[]): Uint8Array[];
  nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array;
  root(leaves: readonly Uint8Array[]): Uint8Array;
  rootOfHashes(leafHashes: readonly Uint8Array[]): Uint8Array;
}

/** An item that the hardware hashes alone: long, or part of a message. */
export interface LongItem {
  /** Place among the items. */
  readonly index: number;
  /** Where its bytes begin, behind its header. */
  readonly at: number;
  readonly length: number;
  /** What is hashed between salt and bytes of a part; absent for whole messages. */
  readonly place?: Uint8Array | undefined;
}

/** The items of one batch, `u32be header ‖ bytes` each, end to end from `start` to the end of `bytes`. */
export interface SaltedItems {
  /** Has 64 bytes or more before `start`. Changed while being hashed, and afterwards as it was. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly count: number;
  /** 16 bytes for each item. */
  readonly salts: Uint8Array;
  /** All items of {@link SaltedTree.longFrom} bytes or more, and all parts. */
  readonly long: readonly LongItem[];
}

/** The tree over a signed batch (docs/protocol.md, "Records"). */
export interface SaltedTree {
  /** Items of so many bytes count as long. */
  readonly longFrom: number;
  /** The leaves, 32 bytes each, end to end. @throws OOTO_CRYPTO_SALTED (caller). */
  leaves(items: SaltedItems): Uint8Array;
  /** The root. @throws OOTO_CRYPTO_SALTED (caller). */
  root(items: SaltedItems): Uint8Array;
}

/** ML-DSA-44 (FIPS 204), with an empty context. */
export interface MlDsa44 {
  /** 1312 bytes, from a seed of 32. */
  publicKey(seed: Uint8Array): Uint8Array;
  /** 2420 bytes; hedged, so that no two are alike. */
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /** @throws OOTO_CRYPTO_SIGNATURE (peer). */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): void;
}

/** AES-256 in counter mode as a source of bytes. */
export interface Keystream extends Disposable {
  /** The first `length` bytes of the stream with this u32 number: what GCM would add to a text under it as iv. */
  bytes(number: number, length: number): Uint8Array;
}

export interface Crypto {
  readonly random: Random;
  readonly aes256gcm: Aes256Gcm;
  recordCipher(key: Uint8Array): RecordCipher;
  /**
   * Gives the memory of a large text back at once where the platform can, instead of when garbage is collected: to be
   * called by who alone holds it, as every view of it is empty then.
   */
  giveBack(text: Uint8Array): void;
  /** One array with the contents of `parts` in order, where possible in memory that was given back. */
  join(parts: readonly Uint8Array[]): Uint8Array;
  /** Takes a copy of `key` (32 bytes), which is wiped on disposal. */
  keystream(key: Uint8Array): Keystream;
  readonly saltedTree: SaltedTree;
  sha256(message: Uint8Array, engine?: EngineName): Uint8Array;
  sha256Many(messages: readonly Uint8Array[]): Uint8Array[];
  /** {@link sha256Many} to `digests`, 32 bytes for each message. @throws OOTO_CORE_DIGEST (caller) unless it has that length. */
  sha256ManyInto(messages: readonly Uint8Array[], digests: Uint8Array): void;
  sha512(message: Uint8Array): Uint8Array;
  /** The MAC of `parts`, one after the other. */
  hmac256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;
  /** RFC 5869, extract then expand. */
  hkdf256(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  /** RFC 5869, expand alone. */
  hkdf256Expand(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  readonly ed25519: Ed25519;
  readonly edwards25519: Edwards25519;
  /** For the shares of key generation alone. */
  readonly xchacha20poly1305: XChaCha20Poly1305;
  /** For the cosignatures of witnesses alone. */
  readonly mldsa44: MlDsa44;
  readonly x25519: X25519;
  readonly mlkem768: MlKem768;
  readonly p256: P256;
  readonly p384: P384;
  readonly rsa: Rsa;
  /** Full-block feedback; key and iv 16 bytes. For the credentials of TPMs alone: it authenticates nothing. */
  aes128cfbEncrypt(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array;
  readonly chain: HashChain;
  readonly merkle: Merkle;
}
