/**
 * What arrives on one stream and was not read yet. What flows through here: pieces come in against the credit that was
 * granted, wait, and go out to the reader; what was read is granted anew, and more than that while the reader keeps up
 * and the channel has room for it.
 */
import { OotoError } from '../../base/errors.ts';
import { INITIAL_CREDIT, PIECE_COST } from './bounds.ts';
import type { Piece } from './frames.ts';

/** Pieces that were read are dropped from the list so many at a time. */
const TIDY_AFTER = 64;

/** What all streams of a channel may hold above their first credit. */
export interface GrowthBudget {
  /** Credit that may still be granted. */
  left: number;
  /** Credit for one stream at most. */
  readonly most: number;
  /** Memory that waiting pieces may still keep beside what they are: each is a view into all that arrived with it. */
  slack: number;
}

interface WaitingPiece extends Piece {
  /** Memory that it keeps beside its bytes. */
  readonly excess: number;
}

const WAS_READ: WaitingPiece = { bytes: new Uint8Array(), border: false, excess: 0 };

export class Inflow {
  readonly #growth: GrowthBudget;
  readonly #pieces: WaitingPiece[] = [];
  #next = 0;
  /** Credit that the peer may use now. */
  #granted = INITIAL_CREDIT;
  /** Credit, used or not, that the stream may have at once. */
  #window = INITIAL_CREDIT;
  /** Read, and not granted anew. */
  #consumed = 0;
  #consumedSinceGrowth = 0;
  #isDiscarding = false;
  #hasEnded = false;

  constructor(growth: GrowthBudget) {
    this.#growth = growth;
  }

  /** The peer sends no more in this direction. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Nobody reads any more. */
  get isDiscarding(): boolean {
    return this.#isDiscarding;
  }

  /** A piece waits to be read. */
  get hasPieces(): boolean {
    return this.#next < this.#pieces.length;
  }

  /** @throws OOTO_STREAM_CREDIT (peer) for more than was granted. */
  take(piece: Piece): void {
    const cost = costOf(piece);
    if (cost > this.#granted)
      throw new OotoError('OOTO_STREAM_CREDIT', 'peer', 'the peer sent more on a stream than it was granted');
    this.#granted -= cost;
    if (cost > 0 && !this.#isDiscarding) this.#pieces.push(this.#keep(piece));
  }

  /** The next piece, if one waits. */
  read(): Piece | undefined {
    if (!this.hasPieces) return undefined;
    const piece = this.#pieces[this.#next];
    this.#pieces[this.#next++] = WAS_READ;
    this.#growth.slack += piece.excess;
    if (this.#next === this.#pieces.length || this.#next >= TIDY_AFTER) {
      this.#pieces.splice(0, this.#next);
      this.#next = 0;
    }
    this.#consumed += costOf(piece);
    this.#releaseWhenOver();
    return piece;
  }

  /** Whether so much was read that the peer should hear of it. */
  get isGrantDue(): boolean {
    return !this.#hasEnded && !this.#isDiscarding && this.#consumed * 2 >= this.#window;
  }

  /** Credit for what was read. */
  grant(): number {
    this.#consumedSinceGrowth += this.#consumed;
    const bytes = this.#consumed + this.#grow();
    this.#consumed = 0;
    this.#granted += bytes;
    return bytes;
  }

  /** What waits is dropped, and so is what comes. */
  discard(): void {
    this.#isDiscarding = true;
    for (const { excess } of this.#pieces.slice(this.#next)) this.#growth.slack += excess;
    this.#pieces.length = 0;
    this.#next = 0;
    this.#releaseWhenOver();
  }

  /** Nothing more comes; what is here can still be read. */
  end(): void {
    this.#hasEnded = true;
    this.#releaseWhenOver();
  }

  /**
   * As a view while there is slack for what it keeps beside it, which a reader that keeps up soon gives back; else, and
   * where it is but a small part of that, as a copy.
   */
  #keep({ bytes, border }: Piece): WaitingPiece {
    const excess = bytes.buffer.byteLength - bytes.length;
    if (excess > 7 * bytes.length || excess > this.#growth.slack)
      return { bytes: bytes.slice(), border, excess: 0 };
    this.#growth.slack -= excess;
    return { bytes, border, excess };
  }

  /** What is not read yet still takes its part of what all streams may hold. */
  #releaseWhenOver(): void {
    if (!this.#hasEnded || this.hasPieces) return;
    this.#growth.left += this.#window - INITIAL_CREDIT;
    this.#window = INITIAL_CREDIT;
  }

  /** A stream through which its whole credit has passed twice, all of it read, gets twice as much. */
  #grow(): number {
    const more = Math.min(this.#window, this.#growth.most - this.#window, this.#growth.left);
    if (this.hasPieces || more <= 0 || this.#consumedSinceGrowth < this.#window) return 0;
    this.#consumedSinceGrowth = 0;
    this.#window += more;
    this.#growth.left -= more;
    return more;
  }
}

/** What a piece takes of the credit; the mere end of a stream takes nothing. */
export function costOf({ bytes, border }: Piece): number {
  return bytes.length === 0 && !border ? 0 : bytes.length + PIECE_COST;
}
