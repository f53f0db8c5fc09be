/**
 * Inputs of the cases. Everything is made before the clock runs, from the platform's randomness, and every
 * contestant of a contest gets the same. Nonces count upwards, so that no two calls share one.
 */
import type { Random } from '../../src/ports.ts';

export const IV_BYTES = 12;
export const TAG_BYTES = 16;
export const DIGEST_BYTES = 32;
/** As much as the header of a record. */
export const AAD_BYTES = 13;

/** A nonce that is another one at each call, in the same array. */
export class Nonce {
  readonly bytes = new Uint8Array(IV_BYTES);
  readonly #view = new DataView(this.bytes.buffer);
  #count = 0;

  next(): Uint8Array {
    this.#view.setUint32(8, ++this.#count);
    return this.bytes;
  }

  rewind(): void {
    this.#count = 0;
  }
}

/** Things in turn, for ever. */
export class Turns<T> {
  readonly all: readonly T[];
  #next = 0;

  constructor(all: readonly T[]) {
    this.all = all;
  }

  next(): T {
    const thing = this.all[this.#next];
    this.#next = this.#next + 1 === this.all.length ? 0 : this.#next + 1;
    return thing;
  }

  rewind(): void {
    this.#next = 0;
  }
}

export function messages(random: Random, count: number, bytes: number): Uint8Array[] {
  return Array.from({ length: count }, () => random.bytes(bytes));
}

/** A copy with one bit changed. */
export function forged(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] ^= 1;
  return copy;
}

/** The `i`-th of items of one length that lie end to end. */
export function placeOf(items: Uint8Array, i: number, length: number): Uint8Array {
  return items.subarray(i * length, (i + 1) * length);
}
