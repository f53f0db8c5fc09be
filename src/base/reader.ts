/**
 * Reading of binary messages. What flows through here: bytes from outside are taken in order, field after
 * field, each with its size checked before it is touched; at the end nothing may be left over, so a message
 * has one reading only.
 */
import { readU32be, readU64be } from './bytes.ts';
import { OotoError } from './errors.ts';

/** Takes fields off the front of a byte string; every result is a copy. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /**
   * The next `length` bytes.
   * @throws OOTO_BASE_SHORT (peer) when fewer are left; so do all readers of this class.
   */
  bytes(length: number): Uint8Array {
    return this.#take(length).slice();
  }

  u8(): number {
    return this.#take(1)[0];
  }

  /** Big-endian. */
  u16(): number {
    const [high, low] = this.#take(2);
    return (high << 8) | low;
  }

  /** Big-endian. */
  u32(): number {
    return readU32be(this.#take(4));
  }

  /** Big-endian. */
  u64(): bigint {
    return readU64be(this.#take(8));
  }

  /**
   * A string after its length as u32be.
   * @throws OOTO_BASE_LONG (peer) when it is longer than `most`.
   */
  prefixed(most: number): Uint8Array {
    const length = this.u32();
    if (length > most)
      throw new OotoError(
        'OOTO_BASE_LONG',
        'peer',
        `a field of ${length} bytes where at most ${most} may be`,
      );
    return this.bytes(length);
  }

  /** @throws OOTO_BASE_TRAILING (peer) when bytes are left. */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw new OotoError('OOTO_BASE_TRAILING', 'peer', `${left} bytes after the end`);
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at)
      throw new OotoError(
        'OOTO_BASE_SHORT',
        'peer',
        `${this.#bytes.length} bytes where at least ${this.#at + length} are needed`,
      );
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
