/**
 * Keys of words, short for any word. What flows through here: the bytes of a word, whole or in pieces as they
 * are found at the borders of chunks; out comes its key. A word of at most 1 KiB is its own key. A longer one is
 * known by its first 1 KiB, its length and the RFC 6962 root of its blocks of 64 KiB (SHA-256), so that a word of
 * a gigabyte needs no gigabyte. Bytewise order of keys is bytewise order of words, save that long words with the
 * same first 1 KiB are ordered by length, then root.
 */
import { concat, readU64be, u64be } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';

export const PREFIX_BYTES = 1024;
const BLOCK_BYTES = 64 * 1024;
const ROOT_BYTES = 32;
/** Prefix, length as u64be, root. */
export const KEY_BYTES_MOST = PREFIX_BYTES + 8 + ROOT_BYTES;

/** Builds the key of one word after the other from pieces. */
export class WordKeyBuilder {
  readonly #crypto: Crypto;
  readonly #prefix = new Uint8Array(PREFIX_BYTES);
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #leaves: Uint8Array[] = [];
  #length = 0;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  /** Bytes of the current word so far. */
  get length(): number {
    return this.#length;
  }

  update(piece: Uint8Array): void {
    if (this.#length < PREFIX_BYTES)
      this.#prefix.set(piece.subarray(0, PREFIX_BYTES - this.#length), this.#length);
    for (let at = 0; at < piece.length; ) {
      const filled = this.#length % BLOCK_BYTES;
      const part = piece.subarray(at, at + BLOCK_BYTES - filled);
      this.#block.set(part, filled);
      at += part.length;
      this.#length += part.length;
      if (this.#length % BLOCK_BYTES === 0) this.#leaves.push(this.#crypto.merkle.leafHash(this.#block));
    }
  }

  /** The key of the word that ends here; the next begins. */
  finish(): Uint8Array {
    const length = this.#length;
    const rest = length % BLOCK_BYTES;
    const leaves = this.#leaves;
    this.#length = 0;
    this.#leaves = [];
    if (length <= PREFIX_BYTES) return this.#prefix.slice(0, length);
    if (rest > 0) leaves.push(this.#crypto.merkle.leafHash(this.#block.subarray(0, rest)));
    return concat(this.#prefix, u64be(length), this.#crypto.merkle.rootOfHashes(leaves));
  }
}

export interface KeyedWord {
  /** The word, or its first 1 KiB. */
  prefix: Uint8Array;
  /** Of a word longer than 1 KiB. */
  long?: { bytes: number; root: Uint8Array };
}

/** What a key says about its word. */
export function readWordKey(key: Uint8Array): KeyedWord {
  if (key.length <= PREFIX_BYTES) return { prefix: key };
  const bytes = Number(readU64be(key, PREFIX_BYTES));
  return { prefix: key.subarray(0, PREFIX_BYTES), long: { bytes, root: key.subarray(PREFIX_BYTES + 8) } };
}
