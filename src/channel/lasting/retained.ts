/**
 * Records that were sent and that the peer is not known to have. What flows through here: frames go in as they are
 * sealed, numbered from 0 through all epochs of a session; those that the peer has are let go; where more is kept than
 * may be, all of it is let go, and what is asked for then is gone.
 */
import { readU32be } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { FRAME, LENGTH_BYTES } from '../wire.ts';

/** What a kept frame costs beside its bytes. */
const FRAME_OVERHEAD_BYTES = 256;

export class Retained {
  readonly #mostBytes: number;
  #frames: Uint8Array[] = [];
  /** Number of the first frame that is kept. */
  #first = 0;
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Memory that is held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The number of the next record. */
  get next(): number {
    return this.#first + this.#frames.length;
  }

  /** Keeps the records among whole frames, one after the other; their memory must stay as it is. */
  push(frames: Uint8Array): void {
    for (let at = 0; at < frames.length; ) {
      const end = at + LENGTH_BYTES + readU32be(frames, at);
      if (frames[at + LENGTH_BYTES] >= FRAME.batch) {
        this.#frames.push(frames.subarray(at, end));
        this.#bytes += end - at + FRAME_OVERHEAD_BYTES;
      }
      at = end;
    }
    if (this.#bytes > this.#mostBytes) this.acknowledge(this.next);
  }

  /** The peer has all records before number `count`. */
  acknowledge(count: number): void {
    const gone = this.#frames.splice(0, Math.max(0, count - this.#first));
    this.#first += gone.length;
    for (const frame of gone) this.#bytes -= frame.length + FRAME_OVERHEAD_BYTES;
  }

  /**
   * The records from number `count` on, of those that are kept: what was acknowledged meanwhile need not be sent.
   * @param acknowledged records that the peer is known to have
   * @throws OOTO_CHANNEL_RESUMPTION (peer) for a number never reached; (environment) when records are gone.
   */
  from(count: number, acknowledged: number): readonly Uint8Array[] {
    if (count > this.next)
      throw new OotoError(
        'OOTO_CHANNEL_RESUMPTION',
        'peer',
        'the peer says it has records that were never sent',
      );
    const start = Math.max(count, acknowledged);
    if (start < this.#first)
      throw new OotoError('OOTO_CHANNEL_RESUMPTION', 'environment', 'records that the peer lacks are gone', {
        hint: `at most ${this.#mostBytes} bytes are kept for it; open a new channel`,
      });
    return this.#frames.slice(start - this.#first);
  }

  clear(): void {
    this.acknowledge(this.next);
  }
}
