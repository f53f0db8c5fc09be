/**
 * Many streams on one channel, as a machine without I/O. What flows through here: this side opens streams, writes, reads,
 * ends and gives up; messages of the peer go into `receive`; `next` gives the frames to be sent, what is urgent first and
 * then a piece of each stream in turn; `takeEvents` says what happened, `deadline` when `tick` wants to be called. A peer
 * that breaks a rule makes `receive` throw, and the channel is to be closed with that error.
 */
import { utf8 } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import type { Role } from '../../noise/handshake-state.ts';
import {
  DEFAULT_STREAM_LIMITS,
  MAX_DEADLINE_MS,
  MAX_NAME_BYTES,
  MAX_STREAM_NUMBER,
  MOST_STREAMS,
  SLACK_BYTES,
  type StreamLimits,
} from './bounds.ts';
import { Deadlines } from './deadlines.ts';
import { type Frame, type Piece, RESET, type Reset, readFrame } from './frames.ts';
import type { GrowthBudget } from './inflow.ts';
import { ResetAllowance } from './reset-allowance.ts';
import { Stream } from './stream.ts';
import { Turns } from './turns.ts';

export type StreamEvent =
  /** The peer opened it. */
  | { readonly type: 'opened'; readonly stream: Stream }
  /** Pieces wait, or the peer has ended. */
  | { readonly type: 'readable'; readonly stream: Stream }
  /** All that was written has been sent. */
  | { readonly type: 'taken'; readonly stream: Stream }
  /** The peer reads no more. */
  | { readonly type: 'stopped'; readonly stream: Stream }
  /** The peer gave it up, both ways. */
  | { readonly type: 'reset'; readonly stream: Stream; readonly reset: Reset }
  /** Its deadline has passed here. */
  | { readonly type: 'late'; readonly stream: Stream }
  /** Nothing more happens on it; what was received whole can still be read. Where it was opened, another can be. */
  | { readonly type: 'over'; readonly stream: Stream };

export interface OpenOptions {
  readonly name: string;
  /** Makes it a request: it is given up by both sides after so many milliseconds. */
  readonly deadlineMs?: number | undefined;
}

const LATE: Reset = { code: RESET.deadline, refusal: '', message: '' };
const CANCELLED: Reset = { code: RESET.cancelled, refusal: '', message: '' };

export class Multiplexer {
  readonly #growth: GrowthBudget;
  readonly #isOdd: boolean;
  /** By number: opened, and not over. */
  readonly #live = new Map<number, Stream>();
  readonly #turns: Turns;
  readonly #deadlines = new Deadlines();
  readonly #resets: ResetAllowance;
  #events: StreamEvent[] = [];
  #nextOwn: number;
  #nextOther: number;
  #own = 0;
  #others = 0;

  constructor({ role, limits }: { role: Role; limits?: Partial<StreamLimits> }) {
    const all = { ...DEFAULT_STREAM_LIMITS, ...limits };
    this.#growth = { left: all.growthBytes, most: all.creditBytes, slack: SLACK_BYTES };
    this.#resets = new ResetAllowance(all);
    this.#turns = new Turns({
      opening: (stream) => this.#number(stream),
      pieceSent: (stream) => this.#pieceSent(stream),
      resetSent: (stream) => this.#finishWhenEnded(stream),
    });
    this.#isOdd = role === 'initiator';
    this.#nextOwn = this.#isOdd ? 1 : 2;
    this.#nextOther = this.#isOdd ? 2 : 1;
  }

  /** Whether another stream can be opened now. */
  get hasRoom(): boolean {
    return this.#own < MOST_STREAMS;
  }

  /** Streams that are not over: of this side, and of the peer. */
  get open(): { readonly own: number; readonly others: number } {
    return { own: this.#own, others: this.#others };
  }

  /**
   * Opens a stream, whose first frame goes out in its turn.
   * @throws OOTO_STREAM_NAME, OOTO_STREAM_DEADLINE, OOTO_STREAM_MANY (caller).
   */
  start({ name, deadlineMs }: OpenOptions, now: number): Stream {
    requireName(name, deadlineMs !== undefined);
    requireDeadline(deadlineMs);
    if (!this.hasRoom || this.#nextOwn > MAX_STREAM_NUMBER)
      throw new OotoError('OOTO_STREAM_MANY', 'caller', 'no more streams can be opened now');
    const stream = new Stream({ name, deadlineMs, isOwn: true }, this.#growth);
    this.#own++;
    this.#deadlines.set(stream, now);
    this.#turns.begin(stream);
    return stream;
  }

  /** Queues bytes, which must not change until the event `taken`; a border may be marked behind them. */
  write(stream: Stream, bytes: Uint8Array, border = false): void {
    if (stream.isReset || stream.outflow.isClosed) return;
    stream.outflow.write({ bytes, border });
    this.#turns.wake(stream);
  }

  /** This side sends no more on the stream, once what waits is sent. */
  end(stream: Stream): void {
    if (stream.isReset || stream.outflow.isClosed) return;
    stream.outflow.end();
    this.#turns.wake(stream);
  }

  /** The next piece that arrived, if there is one; the peer is granted more when enough was read. */
  read(stream: Stream): Piece | undefined {
    const piece = stream.inflow.read();
    if (piece && stream.inflow.isGrantDue) this.#turns.hurry(stream);
    if (piece) this.#turns.sayLast(stream);
    return piece;
  }

  /** The program of this side has a stream that the peer opened. */
  accept(stream: Stream): void {
    stream.isTaken = true;
    this.#turns.sayLast(stream);
  }

  /** This side reads no more; the other direction goes on. */
  stop(stream: Stream): void {
    if (stream.isReset || stream.inflow.isDiscarding) return;
    stream.inflow.discard();
    this.#turns.sayLast(stream);
    if (stream.inflow.hasEnded) return;
    stream.isStopDue = true;
    this.#turns.hurry(stream);
  }

  /** Gives the stream up, both ways. */
  reset(stream: Stream, reset: Reset = CANCELLED): void {
    if (stream.isReset || stream.isOver) return;
    stream.isReset = true;
    stream.inflow.discard();
    stream.outflow.drop();
    this.#turns.drop(stream);
    if (stream.number === 0) {
      this.#finish(stream);
      return;
    }
    stream.resetDue = reset;
    this.#turns.hurry(stream);
  }

  /**
   * A message of the channel that is a frame of a stream.
   * @throws OOTO_STREAM_FRAME, _NUMBER, _UNKNOWN, _ENDED, _CREDIT, _MANY, _RESETS (peer): the channel must be closed.
   */
  receive(message: Uint8Array, now: number): void {
    const frame = readFrame(message);
    if (frame.type === 'open') this.#receiveOpen(frame, now);
    else if (frame.type === 'data') this.#receiveBytes(this.#openStream(frame.stream), frame);
    else this.#receiveWord(frame, now);
  }

  /** The next frame for the channel, a view that is good until the next call; undefined when nothing can be sent. */
  next(now: number): Uint8Array | undefined {
    return this.#turns.next(now);
  }

  get hasEvents(): boolean {
    return this.#events.length > 0;
  }

  /** What happened since the last call, in order. */
  takeEvents(): readonly StreamEvent[] {
    if (this.#events.length === 0) return NONE;
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** Monotonic milliseconds at which {@link tick} is next needed, or somewhat before; infinite when never. */
  deadline(): number {
    return this.#deadlines.next;
  }

  /** Gives up the requests whose deadlines have passed. */
  tick(now: number): void {
    for (const stream of this.#deadlines.takeLate(now)) {
      this.reset(stream, LATE);
      this.#events.push({ type: 'late', stream });
    }
  }

  #receiveOpen(frame: Extract<Frame, { type: 'open' }>, now: number): void {
    if (frame.stream !== this.#nextOther)
      throw new OotoError(
        'OOTO_STREAM_NUMBER',
        'peer',
        `stream ${frame.stream} where ${this.#nextOther} is next`,
      );
    if (this.#others >= MOST_STREAMS)
      throw new OotoError('OOTO_STREAM_MANY', 'peer', `the peer opened more than ${MOST_STREAMS} streams`);
    const { name, deadlineMs } = frame;
    const stream = new Stream({ name, deadlineMs, isOwn: false }, this.#growth);
    stream.number = frame.stream;
    this.#nextOther += 2;
    this.#others++;
    this.#live.set(stream.number, stream);
    this.#deadlines.set(stream, now);
    this.#events.push({ type: 'opened', stream });
    if (frame.bytes.length > 0 || frame.border || frame.end) this.#receiveBytes(stream, frame);
  }

  #receiveBytes(stream: Stream, { bytes, border, end }: Piece & { readonly end: boolean }): void {
    const { inflow } = stream;
    if (inflow.hasEnded)
      throw new OotoError('OOTO_STREAM_ENDED', 'peer', 'the peer sent on a stream that it had ended');
    if (bytes.length === 0 && !border && !end)
      throw new OotoError('OOTO_STREAM_FRAME', 'peer', 'a frame of a stream says nothing');
    inflow.take({ bytes, border });
    if (end) inflow.end();
    if (!inflow.isDiscarding) this.#events.push({ type: 'readable', stream });
    this.#finishWhenEnded(stream);
  }

  /** What may come for a stream that is over: it was sent before the peer could know. */
  #receiveWord(frame: Extract<Frame, { type: 'credit' | 'stop' | 'reset' }>, now: number): void {
    const stream = this.#live.get(frame.stream);
    if (!stream) {
      this.#requireKnown(frame.stream);
      return;
    }
    if (frame.type === 'credit') {
      stream.outflow.allow(frame.bytes);
      this.#turns.wake(stream);
    } else if (frame.type === 'stop') this.#receiveStop(stream);
    else this.#receiveReset(stream, frame.reset, now);
  }

  #receiveStop(stream: Stream): void {
    if (stream.isReset || stream.outflow.hasEnded) return;
    stream.outflow.drop();
    this.#turns.drop(stream);
    this.#turns.wake(stream);
    this.#events.push({ type: 'stopped', stream });
  }

  #receiveReset(stream: Stream, reset: Reset, now: number): void {
    if (!stream.isReset && !stream.head.isOwn) this.#resets.take(now);
    // The body of a request that was given up is of no use; a stream that came whole before can still be read.
    if (!stream.inflow.hasEnded || stream.head.deadlineMs !== undefined) stream.inflow.discard();
    if (!stream.inflow.hasEnded) stream.inflow.end();
    if (!stream.isReset) {
      stream.isReset = true;
      stream.outflow.drop();
      this.#turns.drop(stream);
      if (!stream.outflow.hasEnded) {
        stream.resetDue = CANCELLED;
        this.#turns.sayLast(stream);
      }
      this.#events.push({ type: 'reset', stream, reset });
    }
    this.#finishWhenEnded(stream);
  }

  #openStream(number: number): Stream {
    const stream = this.#live.get(number);
    if (stream) return stream;
    this.#requireKnown(number);
    throw new OotoError('OOTO_STREAM_ENDED', 'peer', 'the peer sent on a stream that it had ended');
  }

  #requireKnown(number: number): void {
    if (number >= (this.#isOwn(number) ? this.#nextOwn : this.#nextOther))
      throw new OotoError('OOTO_STREAM_UNKNOWN', 'peer', `stream ${number} was never opened`);
  }

  #isOwn(number: number): boolean {
    return (number % 2 === 1) === this.#isOdd;
  }

  #number(stream: Stream): void {
    stream.number = this.#nextOwn;
    this.#nextOwn += 2;
    this.#live.set(stream.number, stream);
  }

  #pieceSent(stream: Stream): void {
    if (stream.outflow.isEmpty) this.#events.push({ type: 'taken', stream });
    this.#finishWhenEnded(stream);
  }

  #finishWhenEnded(stream: Stream): void {
    if (stream.inflow.hasEnded && stream.outflow.hasEnded && !stream.isOver) this.#finish(stream);
  }

  #finish(stream: Stream): void {
    stream.isOver = true;
    this.#live.delete(stream.number);
    this.#deadlines.drop(stream);
    this.#turns.drop(stream);
    if (stream.head.isOwn) this.#own--;
    else this.#others--;
    this.#events.push({ type: 'over', stream });
  }
}

const NONE: readonly StreamEvent[] = [];

function requireName(name: string, isMethod: boolean): void {
  if (utf8(name).length > MAX_NAME_BYTES || (isMethod && name === ''))
    throw new OotoError(
      'OOTO_STREAM_NAME',
      'caller',
      `a name has at most ${MAX_NAME_BYTES} bytes, a method's at least 1`,
    );
}

function requireDeadline(deadlineMs: number | undefined): void {
  if (deadlineMs !== undefined && !(deadlineMs > 0 && deadlineMs <= MAX_DEADLINE_MS))
    throw new OotoError(
      'OOTO_STREAM_DEADLINE',
      'caller',
      `a deadline of ${deadlineMs} ms is not within a day from now`,
    );
}
