/**
 * The fields of a log, little-endian, as firmware and kernel write them. What flows through here: bytes are taken in order
 * as views, each with its size checked before it is touched; whoever reads says what a log that is cut short is.
 */
import type { OotoError } from '../../base/errors.ts';

export class LogReader {
  readonly #bytes: Uint8Array;
  readonly #malformed: (what: string) => OotoError;
  #at = 0;

  /** `malformed` makes the error of a log of this kind. */
  constructor(bytes: Uint8Array, malformed: (what: string) => OotoError) {
    this.#bytes = bytes;
    this.#malformed = malformed;
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** A view. */
  bytes(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  u16(): number {
    const at = this.#advance(2);
    return this.#bytes[at] | (this.#bytes[at + 1] << 8);
  }

  u32(): number {
    const low = this.u16();
    return low + this.u16() * 0x1_0000;
  }

  /** Bytes after their length. */
  sized(most: number): Uint8Array {
    const length = this.u32();
    if (length > most) throw this.#malformed(`a field of ${length} bytes`);
    return this.bytes(length);
  }

  /** Where the next `length` bytes begin. */
  #advance(length: number): number {
    if (length > this.#bytes.length - this.#at) throw this.#malformed('it is cut short');
    this.#at += length;
    return this.#at - length;
  }
}
