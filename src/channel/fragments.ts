/**
 * Messages longer than a record. What flows through here: received parts are given their place (which their leaves
 * commit to) before their signature is checked.
 */
import { OotoError } from '../base/errors.ts';
import type { Fragment, ItemOrder } from './batch.ts';
import { badFrame } from './wire.ts';

/** Parts other than the last are at least this long, so that a message has few of them. */
export const MIN_FRAGMENT_BYTES = 64 * 1024;

/** Gives received items their place: parts follow each other without anything between them. */
export class FragmentOrder implements ItemOrder {
  readonly #maxBytes: number;
  #message = 0;
  #index = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * A whole message of `length` bytes.
   * @throws OOTO_CHANNEL_FRAME (peer) between the parts of another; OOTO_CHANNEL_SIZE (peer) when longer than allowed.
   */
  whole(length: number): void {
    if (this.#index > 0) throw badFrame('a message between the parts of another');
    if (length > this.#maxBytes) throw tooLong(this.#maxBytes);
  }

  /** A record of another kind. @throws OOTO_CHANNEL_FRAME (peer) between the parts of a message. */
  other(): void {
    if (this.#index > 0) throw badFrame('another record between the parts of a message');
  }

  /**
   * The next part, of `length` bytes.
   * @throws OOTO_CHANNEL_FRAME (peer) for parts out of place or too short; OOTO_CHANNEL_SIZE (peer) for a
   *   message longer than allowed.
   */
  part(length: number, last: boolean): Fragment {
    this.#bytes += length;
    if (this.#bytes > this.#maxBytes) throw tooLong(this.#maxBytes);
    if (last ? this.#index === 0 || length === 0 : length < MIN_FRAGMENT_BYTES)
      throw badFrame('a message cut into parts without need');
    const fragment = { message: this.#message, index: this.#index, last };
    this.#index = last ? 0 : this.#index + 1;
    if (last) {
      this.#message++;
      this.#bytes = 0;
    }
    return fragment;
  }
}

function tooLong(most: number): OotoError {
  return new OotoError('OOTO_CHANNEL_SIZE', 'peer', `the peer sends a message longer than ${most} bytes`);
}
