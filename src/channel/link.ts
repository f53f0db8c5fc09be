/**
 * A channel over a live connection. What flows through here: bytes of the connection go into the channel machine as
 * they arrive; messages come out to one listener, at once; messages sent in one turn of the event loop leave together;
 * a sender is told when the connection is full. Signatures are checked by the node's verifier, those of all links
 * together.
 */
import { isOotoError, OotoError } from '../base/errors.ts';
import type { Clock, Connection } from '../ports.ts';
import type { Channel, ChannelEvent, ChannelListener, SPENT } from './channel.ts';
import type { OwnCredential, Peer } from './credential.ts';
import type { Moment } from './limits.ts';
import type { SignatureVerifier } from './signature-verifier.ts';

export interface LinkOptions {
  /** Not started yet; of its signatures the link takes care when its options defer them. */
  readonly channel: Channel;
  readonly connection: Connection;
  readonly clock: Clock;
  readonly verifier: SignatureVerifier;
  /** Told of all that happens besides messages, at once and in order. */
  readonly onEvent?: (event: LinkEvent) => void;
}

export type LinkEvent = Exclude<ChannelEvent, { type: 'message' }>;

/**
 * Takes a message, a view into the plain text of its record: whoever keeps one message for long copies it, or keeps
 * the record. Whoever needs it no more when the call ends returns {@link SPENT}.
 */
export type MessageListener = ChannelListener['message'];

/** How long a connection stays after its channel, for what was written to it. */
const CLOSE_GRACE_MS = 2_000;

export class Link {
  readonly channel: Channel;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #verifier: SignatureVerifier;
  readonly #listener: ChannelListener;
  readonly #established = deferred<Peer>();
  readonly #closed = deferred<OotoError | undefined>();
  readonly #onEvent: (event: LinkEvent) => void;
  #onMessage: MessageListener = () => {};
  #flushDue = false;
  #writing: Promise<void> | undefined;
  #cancelTimer = () => {};
  #timerAt = Number.POSITIVE_INFINITY;
  #isClosed = false;

  /** Nothing is told of before the constructor has returned. */
  constructor({ channel, connection, clock, verifier, onEvent = () => {} }: LinkOptions) {
    this.channel = channel;
    this.#onEvent = onEvent;
    this.#connection = connection;
    this.#clock = clock;
    this.#verifier = verifier;
    this.#listener = {
      message: (message, vouch) => this.#onMessage(message, vouch),
      event: (event) => this.#take(event),
    };
    channel.start(this.#moment());
    this.#settle();
    queueMicrotask(() => this.#read());
  }

  /** Resolves with the peer once messages may be sent; rejects when the channel ends before. */
  get established(): Promise<Peer> {
    return this.#established.promise;
  }

  /** Resolves when the channel has ended, with the error that ended it if there was one. */
  get closed(): Promise<OotoError | undefined> {
    return this.#closed.promise;
  }

  /** Sets who takes the messages. Set it before the first can arrive: within {@link established}. */
  set onMessage(listener: MessageListener) {
    this.#onMessage = listener;
  }

  /**
   * Sends a message, which is copied: at once when it fills a record, else when the turn ends. Returns false when the
   * sender had better wait for {@link drained}.
   * @throws OOTO_CHANNEL_STATE, OOTO_CHANNEL_SIZE, OOTO_CHANNEL_QUEUE (caller).
   */
  send(message: Uint8Array): boolean {
    if (this.channel.state === 'closed') this.#settle();
    this.channel.send(message);
    if (this.channel.hasFull) this.#write(this.channel.takeFull(this.#moment()));
    else if (!this.#flushDue) this.#flushSoon();
    return this.#writing === undefined;
  }

  /** Resolves once the connection takes more; at once when it does. */
  async drained(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  /** Shows the peer a new credential or delegation; see {@link Channel.renewCredential}. Does nothing before or after. */
  renewCredential(own: OwnCredential): void {
    if (this.channel.state !== 'established') return;
    this.channel.renewCredential(own);
    this.#settle();
  }

  /** Ends the channel, and the connection behind it. */
  close(): void {
    this.channel.close(this.#moment());
    this.#settle();
  }

  #read(): void {
    const { receive } = this.#connection;
    if (!receive) void this.#readAll();
    else
      receive.call(this.#connection, {
        take: (bytes) => this.#receive(bytes),
        end: () => this.#receiveEnd(),
      });
  }

  async #readAll(): Promise<void> {
    try {
      for await (const bytes of this.#connection.incoming) {
        this.#receive(bytes);
        if (this.#isClosed) return;
      }
    } catch {
      // The channel says below what a broken connection means.
    }
    this.#receiveEnd();
  }

  #receive(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.channel.receive(bytes, this.#moment());
    this.#settle();
  }

  #receiveEnd(): void {
    if (this.#isClosed) return;
    this.channel.receiveEnd();
    this.#settle();
  }

  /** Hands out what happened, and sends what has to be sent at once. */
  #settle(): void {
    const job = this.channel.takeJob();
    if (job)
      this.#verifier.submit(job, (refused) => {
        this.channel.settle(job, refused);
        this.#settle();
      });
    this.#handOut();
    if (!this.#flushDue) this.#flush();
    this.#setTimer();
  }

  /** A listener that throws ends its own channel, and holds up no other whose signatures were checked with these. */
  #handOut(): void {
    try {
      this.channel.drain(this.#listener);
    } catch (cause) {
      this.channel.fail(
        new OotoError('OOTO_CHANNEL_LISTENER', 'caller', 'the listener of a channel threw', { cause }),
      );
      this.channel.drain({ message: () => {}, event: this.#listener.event });
    }
  }

  #flushSoon(): void {
    this.#flushDue = true;
    queueMicrotask(() => {
      this.#flushDue = false;
      this.#settle();
    });
  }

  #flush(): void {
    this.#write(this.channel.flushParts(this.#moment()));
  }

  #write(parts: readonly Uint8Array[]): void {
    for (const frames of parts) {
      const written = this.#connection.write(frames, () => this.channel.release(frames));
      this.#writing = written;
      written.then(
        () => this.#written(written),
        (error) => this.#fail(error),
      );
    }
  }

  #written(promise: Promise<void>): void {
    if (this.#writing === promise) this.#writing = undefined;
  }

  #fail(cause: unknown): void {
    this.#writing = undefined;
    const error = isOotoError(cause)
      ? cause
      : new OotoError('OOTO_CHANNEL_INTERNAL', 'local', 'writing failed unexpectedly', { cause });
    this.channel.fail(error);
    this.#settle();
  }

  #take(event: LinkEvent): void {
    if (event.type === 'established') this.#established.resolve(event.peer);
    if (event.type === 'closed') this.#end(event.error);
    this.#onEvent(event);
  }

  #end(error: OotoError | undefined): void {
    this.#isClosed = true;
    this.#flush();
    this.#cancelTimer();
    this.#established.reject(error ?? new OotoError('OOTO_CHANNEL_CLOSED', 'peer', 'the channel has ended'));
    this.#closed.resolve(error);
    this.#closeConnection();
  }

  /** What was written may still leave, but a peer that takes nothing holds no connection open. */
  #closeConnection(): void {
    const close = () => {
      cancel();
      this.#connection.close();
    };
    const cancel = this.#clock.after(CLOSE_GRACE_MS, close);
    this.drained().then(close, close);
  }

  /** A timer that is early does no harm, so it is replaced only when something is due before it. */
  #setTimer(): void {
    const due = this.channel.deadline();
    if (due >= this.#timerAt || this.#isClosed) return;
    this.#cancelTimer();
    this.#timerAt = due;
    this.#cancelTimer = this.#clock.after(Math.max(0, due - this.#clock.monotonic()), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.channel.tick(this.#moment());
      this.#settle();
    });
  }

  #moment(): Moment {
    return { wall: this.#clock.now(), monotonic: this.#clock.monotonic() };
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Rejections that nobody waits for are no failure of the program. */
function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    [resolve, reject] = [yes, no];
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
