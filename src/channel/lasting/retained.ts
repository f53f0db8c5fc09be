/**
 * Records that were sent and that the peer is not known to have. What flows through here: frames go in as they are
 * sealed, numbered from 0 through all epochs of a session; those that the peer has are let go, and their memory is given
 * back; where more is kept than may be, all of it is let go, and what is asked for then is gone.
 */
import { readU32be } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { FRAME, LENGTH_BYTES } from '../wire.ts';
import { type Keeper, KeptMemory } from './kept-memory.ts';

/** What a kept frame costs beside its bytes. */
const FRAME_OVERHEAD_BYTES = 256;

export interface RetainedOptions {
  readonly mostBytes: number;
  /** Shared with others, where they have a bound together. */
  readonly memory?: KeptMemory | undefined;
  /** Takes memory that nobody needs any more. */
  readonly spent?: ((bytes: Uint8Array) => void) | undefined;
}

interface Kept {
  readonly frame: Uint8Array;
  readonly piece: Piece;
}

export class Retained implements Keeper {
  readonly #options: RetainedOptions;
  readonly #memory: KeptMemory;
  #frames: Kept[] = [];
  /** Number of the first frame that is kept. */
  #first = 0;
  #bytes = 0;

  constructor(options: RetainedOptions) {
    this.#options = options;
    this.#memory = options.memory ?? new KeptMemory();
  }

  /** Memory that is held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The number of the next record. */
  get next(): number {
    return this.#first + this.#frames.length;
  }

  /**
   * Keeps the records among whole frames, one after the other; their memory must stay as it is.
   * @returns what to call once the connection that they go out on has taken them
   */
  push(frames: Uint8Array): () => void {
    const piece = new Piece(frames, this.#options.spent);
    for (let at = 0; at < frames.length; ) {
      const end = at + LENGTH_BYTES + readU32be(frames, at);
      if (frames[at + LENGTH_BYTES] >= FRAME.batch)
        this.#frames.push({ frame: frames.subarray(at, end), piece: piece.used() });
      at = end;
    }
    if (piece.users > 0) this.#count(piece.bytes);
    if (this.#bytes > this.#options.mostBytes) this.letGo();
    return () => piece.taken();
  }

  /** The peer has all records before number `count`. */
  acknowledge(count: number): void {
    const gone = this.#frames.splice(0, Math.max(0, count - this.#first));
    this.#first += gone.length;
    let less = 0;
    for (const { piece } of gone) if (piece.release()) less += piece.bytes;
    if (less > 0) this.#count(-less);
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
        hint: `at most ${this.#options.mostBytes} bytes are kept for it; open a new channel`,
      });
    const again = this.#frames.slice(start - this.#first);
    for (const { piece } of again) piece.isSentAgain = true;
    return again.map(({ frame }) => frame);
  }

  /** Lets go of all that is kept, which cannot be sent again then. */
  letGo(): void {
    this.acknowledge(this.next);
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#memory.changed(this, bytes);
  }
}

/** Memory in which frames lie that were written together. */
class Piece {
  /** What it takes: all of the memory, of which the frames may be a part. */
  readonly bytes: number;
  /** It may lie in the queue of more than one connection: nobody can say when the last has let go of it. */
  isSentAgain = false;
  readonly #memory: Uint8Array;
  readonly #spent: (bytes: Uint8Array) => void;
  #users = 0;
  #isTaken = false;
  #wasKept = false;

  constructor(frames: Uint8Array, spent: (bytes: Uint8Array) => void = () => {}) {
    this.#memory = frames;
    this.#spent = spent;
    this.bytes = frames.buffer.byteLength + FRAME_OVERHEAD_BYTES;
  }

  /** Frames in it that are kept. */
  get users(): number {
    return this.#users;
  }

  used(): this {
    this.#users++;
    this.#wasKept = true;
    return this;
  }

  /** One frame less is kept. Whether it was the last. */
  release(): boolean {
    this.#users--;
    this.#giveBackWhenFree();
    return this.#users === 0;
  }

  /** The connection has no more use for it. */
  taken(): void {
    this.#isTaken = true;
    this.#giveBackWhenFree();
  }

  #giveBackWhenFree(): void {
    const isFree = this.#isTaken && this.#wasKept && this.#users === 0;
    if (isFree && !this.isSentAgain) this.#spent(this.#memory);
  }
}
