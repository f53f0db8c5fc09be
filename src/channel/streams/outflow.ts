/**
 * What waits to be sent on one stream. What flows through here: the writer's bytes wait as they are, uncopied; pieces of
 * them are taken when it is the stream's turn, as large as the peer's credit and a frame allow; the end follows the last.
 */
import { OotoError } from '../../base/errors.ts';
import { INITIAL_CREDIT, MAX_CREDIT, MAX_PIECE_BYTES, PIECE_COST } from './bounds.ts';
import type { Piece } from './frames.ts';
import { costOf } from './inflow.ts';

export class Outflow {
  #queue: Piece[] = [];
  /** Bytes of the first that were sent. */
  #sent = 0;
  #credit = INITIAL_CREDIT;
  #isEndDue = false;
  #isDropped = false;
  #hasEnded = false;

  /** This side has said that it sends no more in this direction. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The writer has ended or given up. */
  get isClosed(): boolean {
    return this.#isEndDue || this.#hasEnded;
  }

  /** The reader wants no more, or the stream was given up. */
  get isDropped(): boolean {
    return this.#isDropped;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Something can be sent now. */
  get isReady(): boolean {
    if (this.#hasEnded) return false;
    if (this.#queue.length === 0) return this.#isEndDue;
    return this.#credit >= PIECE_COST + Math.min(1, this.#queue[0].bytes.length);
  }

  /** The bytes must not change until they are sent. */
  write(piece: Piece): void {
    if (costOf(piece) > 0) this.#queue.push(piece);
  }

  /** The end goes out behind what waits. */
  end(): void {
    this.#isEndDue = true;
  }

  /** @throws OOTO_STREAM_CREDIT (peer) for more credit than a stream can have. */
  allow(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit > MAX_CREDIT)
      throw new OotoError('OOTO_STREAM_CREDIT', 'peer', 'the peer grants more than a stream can have');
  }

  /** What goes into the next frame; empty where only the end is due, or nothing. */
  take(): Piece & { readonly end: boolean } {
    const piece = this.isReady && this.#queue.length > 0 ? this.#takePiece() : NOTHING;
    const end = this.#isEndDue && this.#queue.length === 0;
    this.#hasEnded ||= end;
    return { bytes: piece.bytes, border: piece.border, end };
  }

  /** What waits is dropped, and nothing more is taken. */
  drop(): void {
    this.#queue = [];
    this.#sent = 0;
    this.#isEndDue = true;
    this.#isDropped = true;
  }

  /** The direction ended by a reset. */
  finish(): void {
    this.drop();
    this.#hasEnded = true;
  }

  #takePiece(): Piece {
    const { bytes, border } = this.#queue[0];
    const length = Math.min(bytes.length - this.#sent, MAX_PIECE_BYTES, this.#credit - PIECE_COST);
    const from = this.#sent;
    this.#credit -= length + PIECE_COST;
    this.#sent += length;
    if (this.#sent < bytes.length) return { bytes: bytes.subarray(from, this.#sent), border: false };
    this.#queue.shift();
    this.#sent = 0;
    return { bytes: bytes.subarray(from), border };
  }
}

const NOTHING: Piece = { bytes: new Uint8Array(), border: false };
