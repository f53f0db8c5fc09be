/**
 * Streams over a live channel. What flows through here: messages of the link go into the machine of streams, its frames
 * go out while the connection takes them, its events wake those who wait; a peer that breaks a rule closes the channel;
 * when the channel ends, every stream that is not over gets the one error that ended it.
 */
import { isOotoError, OotoError } from '../../base/errors.ts';
import type { Role } from '../../noise/handshake-state.ts';
import type { Clock } from '../../ports.ts';
import type { Link, MessageListener } from '../link.ts';
import type { StreamLimits } from './bounds.ts';
import { late } from './failures.ts';
import { messageFrame, readMessage } from './frames.ts';
import { Multiplexer, type OpenOptions, type StreamEvent } from './multiplexer.ts';
import type { Stream } from './stream.ts';
import { StreamEnd } from './stream-end.ts';

export interface StreamLinkOptions {
  /** Established, and read by nobody else. */
  readonly link: Link;
  readonly role: Role;
  readonly clock: Clock;
  readonly limits?: Partial<StreamLimits> | undefined;
  /** Takes a stream that the peer opened. */
  readonly opened: (end: StreamEnd, deadlineMs: number | undefined) => void;
  /** Takes a message that belongs to no stream. */
  readonly message: MessageListener;
}

export class StreamLink {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #machine: Multiplexer;
  readonly #opened: StreamLinkOptions['opened'];
  readonly #message: MessageListener;
  readonly #ends = new Map<Stream, StreamEnd>();
  readonly #waitingForRoom = new Set<() => void>();
  #ended: unknown;
  #hasEnded = false;
  #isFull = false;
  #isSettling = false;
  #isSettleDue = false;
  #cancelTimer = () => {};
  #timerAt = Number.POSITIVE_INFINITY;

  constructor({ link, role, clock, limits, opened, message }: StreamLinkOptions) {
    this.#link = link;
    this.#clock = clock;
    this.#opened = opened;
    this.#message = message;
    this.#machine = new Multiplexer({ role, ...(limits && { limits }) });
    link.onMessage = (bytes, vouch) => this.#receive(bytes, vouch);
    void link.closed.then((error) =>
      this.#end(error ?? new OotoError('OOTO_STREAM_CLOSED', 'peer', 'the channel has ended')),
    );
  }

  /** Streams that are not over: of this side, and of the peer. */
  get open(): { readonly own: number; readonly others: number } {
    return this.#machine.open;
  }

  /**
   * Opens a stream, of which the peer hears with the first thing done to it; waits while too many are open. Rejects with
   * the signal's reason, or with what ended the channel. The wait counts against the deadline.
   * @throws OOTO_STREAM_NAME, OOTO_STREAM_DEADLINE (caller); OOTO_STREAM_DEADLINE (peer) when it passes first.
   */
  async start(options: OpenOptions, signal?: AbortSignal): Promise<StreamEnd> {
    signal?.throwIfAborted();
    this.#requireOpen();
    let { deadlineMs } = options;
    const dueAt = this.#clock.monotonic() + (deadlineMs ?? Number.POSITIVE_INFINITY);
    while (!this.#machine.hasRoom) {
      await this.#room(signal, dueAt);
      this.#requireOpen();
      deadlineMs &&= dueAt - this.#clock.monotonic();
      if (signal?.aborted || (deadlineMs ?? 1) <= 0) this.#passRoomOn();
      signal?.throwIfAborted();
      if ((deadlineMs ?? 1) <= 0) throw late(options.name);
    }
    return this.#endOf(this.#machine.start({ ...options, deadlineMs }, this.#clock.monotonic()));
  }

  /** Sends a message that belongs to no stream; false when the sender had better wait for {@link Link.drained}. */
  send(message: Uint8Array): boolean {
    this.#requireOpen();
    return this.#link.send(messageFrame(message));
  }

  /** Ends the channel; streams that are not over fail with `reason`. */
  close(reason = new OotoError('OOTO_STREAM_CLOSED', 'local', 'the channel was closed here')): void {
    this.#end(reason);
    this.#link.close();
  }

  #receive(message: Uint8Array, vouch: Parameters<MessageListener>[1]): unknown {
    if (this.#hasEnded) return undefined;
    const whole = readMessage(message);
    if (whole) return this.#message(whole, vouch);
    try {
      this.#machine.receive(message, this.#clock.monotonic());
      this.#settleSoon();
    } catch (error) {
      this.#refuse(error);
    }
    return undefined;
  }

  /** The peer broke a rule: the channel ends, and says why on this side. */
  #refuse(cause: unknown): void {
    const error = isOotoError(cause)
      ? cause
      : new OotoError('OOTO_STREAM_INTERNAL', 'local', 'a step of the streams failed unexpectedly', {
          cause,
        });
    this.#end(error);
    this.#link.channel.fail(error);
    this.#link.close();
  }

  /** What arrives in one turn, or is written, is answered together. */
  #settleSoon(): void {
    if (this.#isSettleDue || this.#isSettling) return;
    this.#isSettleDue = true;
    queueMicrotask(() => {
      this.#isSettleDue = false;
      this.#settle();
    });
  }

  #settle(): void {
    if (this.#isSettling || this.#hasEnded) return;
    this.#isSettling = true;
    try {
      do {
        this.#pump();
        for (const event of this.#machine.takeEvents()) this.#take(event);
      } while (this.#pump() || this.#machine.hasEvents);
      this.#setTimer();
    } catch (error) {
      this.#refuse(error);
    } finally {
      this.#isSettling = false;
    }
  }

  /** Sends while the connection takes it; returns whether anything was sent. */
  #pump(): boolean {
    let hasSent = false;
    while (!this.#isFull && !this.#hasEnded && this.#link.channel.state === 'established') {
      const frame = this.#machine.next(this.#clock.monotonic());
      if (!frame) return hasSent;
      hasSent = true;
      if (!this.#link.send(frame)) this.#waitUntilDrained();
    }
    return hasSent;
  }

  #waitUntilDrained(): void {
    this.#isFull = true;
    const goOn = () => {
      this.#isFull = false;
      this.#settle();
    };
    this.#link.drained().then(goOn, goOn);
  }

  #take(event: StreamEvent): void {
    const { stream } = event;
    if (event.type === 'opened') this.#opened(this.#endOf(stream), stream.head.deadlineMs);
    else this.#ends.get(stream)?.take(event);
    if (event.type !== 'over') return;
    this.#ends.delete(stream);
    if (stream.head.isOwn) this.#callWaiting();
  }

  #endOf(stream: Stream): StreamEnd {
    const end = new StreamEnd(stream, this.#machine, () => this.#settle());
    this.#ends.set(stream, end);
    return end;
  }

  /** Resolves when there may be room, or nobody waits for it any more. */
  async #room(signal: AbortSignal | undefined, dueAt: number): Promise<void> {
    let wake = () => {};
    const isTimed = Number.isFinite(dueAt);
    const cancel = isTimed && this.#clock.after(Math.max(0, dueAt - this.#clock.monotonic()), () => wake());
    await new Promise<void>((resolve) => {
      wake = resolve;
      this.#waitingForRoom.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
    signal?.removeEventListener('abort', wake);
    this.#waitingForRoom.delete(wake);
    if (cancel) cancel();
  }

  /** Whoever gave up may have been called: another one takes the place. */
  #passRoomOn(): void {
    if (this.#machine.hasRoom) this.#callWaiting();
  }

  #callWaiting(): void {
    const [first] = this.#waitingForRoom;
    if (first) this.#waitingForRoom.delete(first);
    first?.();
  }

  #end(reason: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#ended = reason;
    this.#cancelTimer();
    for (const [stream, end] of this.#ends) {
      if (!stream.inflow.hasEnded) stream.inflow.discard();
      stream.outflow.drop();
      end.fail(reason);
    }
    this.#ends.clear();
    for (const wake of this.#waitingForRoom) wake();
  }

  #requireOpen(): void {
    if (this.#hasEnded) throw this.#ended;
  }

  /** A timer that is early does no harm, so it is replaced only when something is due before it. */
  #setTimer(): void {
    const due = this.#machine.deadline();
    if (due >= this.#timerAt || this.#hasEnded) return;
    this.#cancelTimer();
    this.#timerAt = due;
    this.#cancelTimer = this.#clock.after(Math.max(0, due - this.#clock.monotonic()), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#machine.tick(this.#clock.monotonic());
      this.#settle();
      this.#setTimer();
    });
  }
}
