/**
 * A channel for programs. What flows through here: requests and their answers, streams of bytes, and single messages that
 * can be proven to others, between this program and one peer that has shown who it is; all of it signed by its sender.
 */

import { OotoError } from '../../base/errors.ts';
import type { Role } from '../../noise/handshake-state.ts';
import type { Clock } from '../../ports.ts';
import { type ChannelStatus, SPENT } from '../channel.ts';
import type { Peer } from '../credential.ts';
import type { Link } from '../link.ts';
import type { Body } from './body.ts';
import type { StreamLimits } from './bounds.ts';
import { ChannelStream } from './channel-stream.ts';
import { EarlyMessages } from './early-messages.ts';
import {
  ask,
  askForParts,
  Handlers,
  type HandlerTable,
  type RequestHandler,
  type RequestOptions,
} from './requests.ts';
import type { StreamEnd } from './stream-end.ts';
import { StreamLink } from './stream-link.ts';

export interface SecureChannelOptions {
  /** Read by nobody else. Programs get the channel once the link is established. */
  readonly link: Link;
  readonly role: Role;
  readonly clock: Clock;
  /** Handlers that other channels have as well; those of {@link SecureChannel.handle} come first. */
  readonly handlers?: HandlerTable | undefined;
  readonly limits?: Partial<StreamLimits> | undefined;
  /** Has the channel go on over another connection, where it can. */
  readonly move?: (() => void) | undefined;
}

/** A message that belongs to no stream: event `message` of a {@link SecureChannel}. */
export class ChannelMessageEvent extends Event {
  /** A view into what arrived together: whoever keeps one message for long copies it. */
  readonly data: Uint8Array;
  readonly #prove: (() => Uint8Array) | undefined;
  #isSpent = false;

  /** @param prove gives what {@link exportProof} gives */
  constructor(data: Uint8Array, prove?: () => Uint8Array) {
    super('message');
    this.data = data;
    this.#prove = prove;
  }

  /** Whether {@link spend} was called. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  /**
   * What shows to others that the peer sent this message to this side; see {@link verifyProof}. It keeps nothing of
   * other messages, and can be made as long as the event is held.
   * @throws OOTO_CHANNEL_PROOF (caller) for a message that was spent; OOTO_CHANNEL_PROOF (local) for one too long, one whose
   *   bytes were changed, and one that is not signed by the peer after all (`authenticated` delivery does not wait for that).
   */
  exportProof(): Uint8Array {
    if (this.#isSpent || !this.#prove)
      throw new OotoError('OOTO_CHANNEL_PROOF', 'caller', 'nothing is left that proves this message');
    return this.#prove();
  }

  /**
   * Says that nobody needs `data` after the event: its memory is given back at once, and the array is empty then. Where
   * much is received this saves the collection of as much garbage.
   */
  spend(): void {
    this.#isSpent = true;
  }
}

/** The end of a channel: event `close` of a {@link SecureChannel}. */
export class ChannelCloseEvent extends Event {
  /** Absent where the end was agreed. */
  readonly error: OotoError | undefined;

  constructor(error: OotoError | undefined) {
    super('close');
    this.error = error;
  }
}

export interface SecureChannelEvents {
  message: ChannelMessageEvent;
  /** The connection is lost, and another one is awaited. */
  parted: Event;
  /** Another connection carries the channel on. */
  resumed: Event;
  close: ChannelCloseEvent;
}

/**
 * Events: `message` ({@link ChannelMessageEvent}), `close` ({@link ChannelCloseEvent}), and of a lasting channel `parted`
 * and `resumed` ({@link SecureChannelEvents}). Messages wait for the first listener, as long as they hold no more than 1 MiB.
 */
export class SecureChannel extends EventTarget implements AsyncDisposable {
  readonly #link: Link;
  readonly #streams: StreamLink;
  readonly #handlers: Handlers;
  readonly #move: () => void;
  readonly #early = new EarlyMessages<ChannelMessageEvent>();
  /** Opened by the peer, and not taken from the iteration yet. */
  readonly #arrived = new Set<StreamEnd>();
  #wakeAcceptor: (() => void) | undefined;
  #hasEnded = false;
  #peer: Peer | undefined;

  constructor({ link, role, clock, handlers, limits, move = () => {} }: SecureChannelOptions) {
    super();
    this.#link = link;
    this.#move = move;
    this.#handlers = new Handlers(clock, handlers);
    this.#streams = new StreamLink({
      link,
      role,
      clock,
      limits,
      opened: (end, deadlineMs) => this.#opened(end, deadlineMs),
      message: (message, vouch) => {
        const event = new ChannelMessageEvent(message, () => link.channel.prove(vouch()));
        if (!this.#early.keep(event)) this.dispatchEvent(event);
        return event.isSpent ? SPENT : undefined;
      },
    });
    // Kept at once: a channel may end in the turn that established it, and the machine names its peer no longer.
    link.established.then(
      (peer) => {
        this.#peer ??= peer;
      },
      () => {},
    );
    void link.closed.then((error) => {
      this.#hasEnded = true;
      this.#wakeAcceptor?.();
      this.dispatchEvent(new ChannelCloseEvent(error));
    });
  }

  override addEventListener(...[type, ...rest]: Parameters<EventTarget['addEventListener']>): void {
    super.addEventListener(type, ...rest);
    if (type === 'message') queueMicrotask(() => this.#deliverEarly());
  }

  /** Who is at the other end, as it has shown last. */
  get peer(): Peer {
    this.#peer = this.#link.channel.peer ?? this.#peer;
    if (!this.#peer) throw new OotoError('OOTO_STREAM_STATE', 'caller', 'the peer is not known yet');
    return this.#peer;
  }

  /** The peer's id, proven. */
  get peerId(): string {
    return this.peer.identity.id;
  }

  get status(): ChannelStatus {
    return this.#link.channel.status;
  }

  /** Whether the channel outlives its connection: both sides have said so. */
  get isLasting(): boolean {
    return this.#link.channel.isLasting;
  }

  /**
   * Leaves the connection for another one, for example because this machine's network has changed: the side that
   * dialled dials again. Does nothing on a channel that does not last.
   */
  move(): void {
    if (this.isLasting) this.#move();
  }

  /** Resolves when the channel has ended, with the error that ended it if there was one. */
  get closed(): Promise<OotoError | undefined> {
    return this.#link.closed;
  }

  /** Streams that are not over: of this side, and of the peer. */
  get open(): { readonly own: number; readonly others: number } {
    return this.#streams.open;
  }

  /**
   * Asks the peer, and resolves with its whole answer. Rejects with the signal's reason, with what ended the channel, and
   * @throws OOTO_STREAM_DEADLINE, _METHOD, _BUSY, _REFUSED, _RESET, _SIZE (peer); _NAME, _BODY (caller).
   */
  request(method: string, body?: Body, options: RequestOptions = {}): Promise<Uint8Array> {
    return ask(this.#streams, method, body, options);
  }

  /** Asks the peer, and gives the parts of its answer as they come. @throws as {@link request}. */
  requestParts(method: string, body?: Body, options: RequestOptions = {}): AsyncGenerator<Uint8Array> {
    return askForParts(this.#streams, method, body, options);
  }

  /** Answers requests of the peer for `method` from now on. @throws OOTO_STREAM_HANDLER (caller) if it has a handler. */
  handle(method: string, handler: RequestHandler): void {
    this.#handlers.add(method, handler);
  }

  /** Requests for `method` are refused from now on. */
  unhandle(method: string): void {
    this.#handlers.remove(method);
  }

  /** Opens a stream; waits while 256 of this side are open. Rejects with the signal's reason, or what ended the channel. */
  async openStream({
    name = '',
    signal,
  }: {
    name?: string;
    signal?: AbortSignal;
  } = {}): Promise<ChannelStream> {
    const end = await this.#streams.start({ name }, signal);
    const stream = new ChannelStream(end);
    end.announce();
    if (signal) abortBy(signal, stream);
    return stream;
  }

  /** Streams that the peer opens, each once; ends with the channel. */
  async *incomingStreams(): AsyncGenerator<ChannelStream> {
    for (;;) {
      for (const end of this.#arrived) {
        this.#arrived.delete(end);
        end.accept();
        yield new ChannelStream(end);
      }
      if (this.#hasEnded) return;
      await new Promise<void>((resolve) => {
        const other = this.#wakeAcceptor;
        this.#wakeAcceptor = () => {
          other?.();
          resolve();
        };
      });
    }
  }

  /** Sends a message that belongs to no stream; false when the sender had better wait for {@link drained}. */
  send(message: Uint8Array): boolean {
    return this.#streams.send(message);
  }

  /** Resolves once the connection takes more. */
  drained(): Promise<void> {
    return this.#link.drained();
  }

  /** Ends the channel now: whatever was not over fails with OOTO_STREAM_CLOSED. Resolves when it has ended. */
  async close(): Promise<void> {
    this.#streams.close();
    await this.#link.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #deliverEarly(): void {
    for (const event of this.#early.take()) this.dispatchEvent(event);
  }

  #opened(end: StreamEnd, deadlineMs: number | undefined): void {
    if (deadlineMs !== undefined) {
      void this.#handlers.serve(end, this.peer);
      return;
    }
    this.#arrived.add(end);
    end.over().catch(() => end.isLost && !this.#hasEnded && this.#arrived.delete(end));
    const wake = this.#wakeAcceptor;
    this.#wakeAcceptor = undefined;
    wake?.();
  }
}

function abortBy(signal: AbortSignal, stream: ChannelStream): void {
  const abort = () => stream.abort(signal.reason);
  if (signal.aborted) abort();
  signal.throwIfAborted();
  signal.addEventListener('abort', abort, { once: true });
  const release = () => signal.removeEventListener('abort', abort);
  stream.closed.then(release, release);
}
