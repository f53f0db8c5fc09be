/**
 * Which stream speaks next. What flows through here: streams that have something to say; what is urgent (grants, stops,
 * resets) goes first, then a piece of each stream in turn, in frames laid out in a buffer that serves again. A stream gets
 * its number with its first frame, so that numbers follow the order on the wire.
 */
import { utf8 } from '../../base/bytes.ts';
import { MAX_DEADLINE_MS, MAX_PIECE_BYTES } from './bounds.ts';
import {
  BORDER,
  creditFrame,
  END,
  MAX_HEADER_BYTES,
  putDataHeader,
  putOpenHeader,
  resetFrame,
  stopFrame,
} from './frames.ts';
import type { Stream } from './stream.ts';

/** Told of what goes out. */
export interface TurnsListener {
  /** The first frame of a stream of this side: it needs its number. */
  opening(stream: Stream): void;
  /** A piece of the stream went out. */
  pieceSent(stream: Stream): void;
  resetSent(stream: Stream): void;
}

export class Turns {
  readonly #listener: TurnsListener;
  /** Streams that have something urgent to say. */
  readonly #urgent = new Set<Stream>();
  /** Streams that have a piece to send, in the order of their turns. */
  readonly #turns = new Set<Stream>();
  readonly #scratch = new Uint8Array(MAX_HEADER_BYTES + MAX_PIECE_BYTES);

  constructor(listener: TurnsListener) {
    this.#listener = listener;
  }

  /** A stream that is new has a turn, whatever there is to be sent on it. */
  begin(stream: Stream): void {
    this.#turns.add(stream);
  }

  /** The stream has something urgent to say; before its first frame nobody could know what it is about. */
  hurry(stream: Stream): void {
    if (stream.number !== 0) this.#urgent.add(stream);
  }

  /** There may be a piece to send now. */
  wake(stream: Stream): void {
    if (stream.isReset || (stream.outflow.isDropped && stream.isHeld)) return;
    if (stream.number === 0 || stream.outflow.isReady) this.#turns.add(stream);
  }

  /** What was held back may go out now. */
  sayLast(stream: Stream): void {
    if (stream.isOver || stream.isHeld) return;
    if (stream.resetDue) this.#urgent.add(stream);
    else if (stream.outflow.isDropped) this.wake(stream);
  }

  /** No more pieces of the stream are sent. */
  drop(stream: Stream): void {
    this.#turns.delete(stream);
  }

  /** The next frame for the channel, a view that is good until the next call; undefined when nothing can be sent. */
  next(now: number): Uint8Array | undefined {
    for (const stream of this.#urgent) {
      const frame = this.#urgentFrame(stream);
      if (frame) return frame;
      this.#urgent.delete(stream);
    }
    const [stream] = this.#turns;
    return stream && this.#pieceFrame(stream, now);
  }

  #urgentFrame(stream: Stream): Uint8Array | undefined {
    if (stream.resetDue && !stream.isHeld) {
      const frame = resetFrame(stream.number, stream.resetDue);
      stream.resetDue = undefined;
      stream.isStopDue = false;
      stream.outflow.finish();
      this.#listener.resetSent(stream);
      return frame;
    }
    if (stream.isReset) return undefined;
    if (stream.isStopDue) {
      stream.isStopDue = false;
      if (!stream.inflow.hasEnded) return stopFrame(stream.number);
    }
    return stream.inflow.isGrantDue ? creditFrame(stream.number, stream.inflow.grant()) : undefined;
  }

  #pieceFrame(stream: Stream, now: number): Uint8Array {
    const { bytes, border, end } = stream.outflow.take();
    const marks = (border ? BORDER : 0) | (end ? END : 0);
    const at =
      stream.number === 0
        ? this.#putOpening(stream, marks, now)
        : putDataHeader(this.#scratch, stream.number, marks);
    this.#scratch.set(bytes, at);
    this.#turns.delete(stream);
    this.wake(stream);
    this.#listener.pieceSent(stream);
    return this.#scratch.subarray(0, at + bytes.length);
  }

  #putOpening(stream: Stream, marks: number, now: number): number {
    this.#listener.opening(stream);
    if (stream.isStopDue) this.#urgent.add(stream);
    const deadlineMs =
      stream.head.deadlineMs === undefined
        ? undefined
        : Math.min(MAX_DEADLINE_MS, Math.max(1, Math.ceil(stream.dueAt - now)));
    return putOpenHeader(this.#scratch, stream.number, marks, { name: utf8(stream.head.name), deadlineMs });
  }
}
