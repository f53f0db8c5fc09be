/**
 * Messages longer than a record. What flows through here: sending, a long message is cut into items of one
 * record each; receiving, each part is given its place (which its leaf commits to) before its signature is
 * checked, and is put together with the others after.
 */
import { OotoError } from '../base/errors.ts';
import { type Item, MAX_ITEM_BYTES, type ReadItem } from './batch.ts';
import { badFrame } from './wire.ts';

/** Parts other than the last are at least this long, so that a message has few of them. */
export const MIN_FRAGMENT_BYTES = 64 * 1024;

/** Cuts messages, counting the long ones. */
export class Fragmenter {
  #messages = 0;

  /** The items of one message, as views into it. */
  cut(message: Uint8Array): Item[] {
    if (message.length <= MAX_ITEM_BYTES) return [{ bytes: message }];
    const number = this.#messages++;
    const parts = Math.ceil(message.length / MAX_ITEM_BYTES);
    return Array.from({ length: parts }, (_, index) => ({
      bytes: message.subarray(index * MAX_ITEM_BYTES, (index + 1) * MAX_ITEM_BYTES),
      fragment: { message: number, index, last: index === parts - 1 },
    }));
  }
}

/** Gives received items their place: parts follow each other without anything between them. */
export class FragmentOrder {
  readonly #maxBytes: number;
  #message = 0;
  #index = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * @throws OOTO_CHANNEL_FRAME (peer) for parts out of place or too short; OOTO_CHANNEL_SIZE (peer) for a
   *   message longer than allowed.
   */
  place({ bytes, part }: ReadItem): Item {
    this.#bytes += bytes.length;
    if (this.#bytes > this.#maxBytes) throw tooLong(this.#maxBytes);
    if (part === 'whole') return this.#placeWhole(bytes);
    const last = part === 'last-fragment';
    if (last ? this.#index === 0 || bytes.length === 0 : bytes.length < MIN_FRAGMENT_BYTES)
      throw badFrame('a message cut into parts without need');
    const fragment = { message: this.#message, index: this.#index, last };
    this.#index = last ? 0 : this.#index + 1;
    if (last) {
      this.#message++;
      this.#bytes = 0;
    }
    return { bytes, fragment };
  }

  #placeWhole(bytes: Uint8Array): Item {
    if (this.#index > 0) throw badFrame('a message between the parts of another');
    this.#bytes = 0;
    return { bytes };
  }
}

function tooLong(most: number): OotoError {
  return new OotoError('OOTO_CHANNEL_SIZE', 'peer', `the peer sends a message longer than ${most} bytes`);
}
