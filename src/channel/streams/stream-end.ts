/**
 * One end of one stream, for those who wait. What flows through here: a writer waits until its bytes were sent, a reader
 * until there are some; whatever ends the stream wakes both, and both get the same error.
 */
import { OotoError } from '../../base/errors.ts';
import { errorOf, late } from './failures.ts';
import type { Piece, Reset } from './frames.ts';
import type { Multiplexer, StreamEvent } from './multiplexer.ts';
import type { Stream } from './stream.ts';

export class StreamEnd {
  readonly #stream: Stream;
  readonly #machine: Multiplexer;
  readonly #settle: () => void;
  #failure: unknown;
  #hasFailed = false;
  #isStopped = false;
  #controller: AbortController | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;
  #wakeOver: (() => void) | undefined;

  /** @param settle sends what the machine has to say */
  constructor(stream: Stream, machine: Multiplexer, settle: () => void) {
    this.#stream = stream;
    this.#machine = machine;
    this.#settle = settle;
  }

  get name(): string {
    return this.#stream.head.name;
  }

  /** Monotonic milliseconds; infinite for plain streams. */
  get dueAt(): number {
    return this.#stream.dueAt;
  }

  /** Fires when the stream is given up by either side, its deadline passes, or the channel ends before it. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#hasFailed) this.#controller.abort(this.#failure);
    return this.#controller.signal;
  }

  /** Ended before it was whole: there is nothing to be read. */
  get isLost(): boolean {
    const { hasEnded, isDiscarding } = this.#stream.inflow;
    return this.#hasFailed && (isDiscarding || !hasEnded);
  }

  /** The program has the stream, which the peer opened: until then it keeps its place, whatever the peer does. */
  accept(): void {
    this.#machine.accept(this.#stream);
    this.#settle();
  }

  /** Tells the peer of a stream on which nothing is written yet. */
  announce(): void {
    this.#settle();
  }

  /** The next piece; undefined at the end. Rejects with what ended the stream before it was whole. One at a time. */
  async read(): Promise<Piece | undefined> {
    for (;;) {
      const piece = this.readNow();
      if (piece || this.#isReadOut()) return piece;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  /** A piece, if one waits. */
  readNow(): Piece | undefined {
    const piece = this.#machine.read(this.#stream);
    if (piece) this.#settle();
    return piece;
  }

  #isReadOut(): boolean {
    if (this.isLost) throw this.#failure;
    const { hasEnded, isDiscarding } = this.#stream.inflow;
    return hasEnded || isDiscarding;
  }

  /** Resolves once the bytes were sent; until then they must not change. One at a time. */
  async write(bytes: Uint8Array, border = false): Promise<void> {
    this.#requireWritable();
    this.#machine.write(this.#stream, bytes, border);
    this.#settle();
    await this.#taken();
  }

  /** Nothing more will be written; idempotent. */
  end(): void {
    this.#machine.end(this.#stream);
    this.#settle();
  }

  /** The last bytes, and the end. */
  async finish(bytes: Uint8Array, border = false): Promise<void> {
    this.#requireWritable();
    this.#machine.write(this.#stream, bytes, border);
    this.end();
    await this.#taken();
  }

  /** Nothing more will be read. */
  stop(): void {
    this.#machine.stop(this.#stream);
    this.#settle();
    this.#wake();
  }

  /** Gives the stream up; whoever waits here gets `reason`. */
  reset(reset: Reset | undefined, reason: unknown): void {
    if (this.#stream.isOver) return;
    this.#machine.reset(this.#stream, reset);
    this.fail(reason);
    this.#settle();
  }

  /** Resolves once nothing more happens on the stream; rejects with what ended it before. */
  async over(): Promise<void> {
    while (!this.#stream.isOver && !this.#hasFailed)
      await new Promise<void>((resolve) => {
        const others = this.#wakeOver;
        this.#wakeOver = () => {
          others?.();
          resolve();
        };
      });
    if (this.#hasFailed) throw this.#failure;
  }

  /** What the machine said about this stream. */
  take(event: StreamEvent): void {
    if (event.type === 'reset') this.fail(errorOf(event.reset, this.name));
    else if (event.type === 'late') this.fail(late(this.name));
    else {
      if (event.type === 'stopped') this.#isStopped = true;
      this.#wake();
    }
  }

  /** The stream has ended in this way; the first is what counts. */
  fail(reason: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#failure = reason;
    this.#controller?.abort(reason);
    this.#wake();
  }

  async #taken(): Promise<void> {
    while (!this.#stream.outflow.isEmpty && !this.#hasFailed && !this.#isStopped)
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
    this.#requireNotGivenUp();
  }

  #requireWritable(): void {
    this.#requireNotGivenUp();
    if (this.#stream.outflow.isClosed)
      throw new OotoError('OOTO_STREAM_ENDED', 'caller', 'the stream was ended here');
  }

  #requireNotGivenUp(): void {
    if (this.#hasFailed) throw this.#failure;
    if (this.#isStopped)
      throw new OotoError('OOTO_STREAM_STOPPED', 'peer', 'the peer reads no more of this stream');
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeWriter?.();
    this.#wakeOver?.();
    this.#wakeReader = undefined;
    this.#wakeWriter = undefined;
    this.#wakeOver = undefined;
  }
}
