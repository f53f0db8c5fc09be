/**
 * A channel that another thread runs, as programs have it. What flows through here: messages sent in one turn go to the
 * thread together; a sender is told when too much waits there; messages that came and the end are events, as those of a
 * channel of this thread.
 */
import { OotoError } from '../../base/errors.ts';
import type { Peer } from '../credential.ts';
import { ChannelCloseEvent, ChannelMessageEvent } from '../streams/secure-channel.ts';
import { Bundle, messagesOf } from './bundle.ts';
import { FlowWindow } from './window.ts';

/** So much may be on its way to the connection before a sender had better wait. */
const UNSENT_BYTES_MOST = 2 ** 20;

export interface PooledChannelOptions {
  readonly peer: Peer;
  readonly messageBytes: number;
  readonly queueBytes: number;
  readonly post: (bundle: Uint8Array) => void;
  readonly close: () => void;
}

/** Events: `message` ({@link ChannelMessageEvent}), `close` ({@link ChannelCloseEvent}). */
export class PooledChannel extends EventTarget implements AsyncDisposable {
  /** Who is at the other end, as it has shown when the channel began. */
  readonly peer: Peer;
  /** Resolves when the channel has ended, with the error that ended it if there was one. */
  readonly closed: Promise<OotoError | undefined>;
  readonly #options: PooledChannelOptions;
  readonly #unsent = new FlowWindow(UNSENT_BYTES_MOST);
  readonly #bundle = new Bundle();
  #isPostDue = false;
  #isClosing = false;
  #ended: OotoError | undefined;
  #resolveClosed!: (error: OotoError | undefined) => void;

  constructor(options: PooledChannelOptions) {
    super();
    this.#options = options;
    this.peer = options.peer;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** The peer's id, proven. */
  get peerId(): string {
    return this.peer.identity.id;
  }

  /**
   * Sends a message, which is copied, when the turn ends; false when the sender had better wait for {@link drained}.
   * @throws OOTO_CHANNEL_SIZE, OOTO_CHANNEL_QUEUE (caller); what ended the channel.
   */
  send(message: Uint8Array): boolean {
    this.#requireOpen();
    const { messageBytes, queueBytes } = this.#options;
    if (message.length >= messageBytes)
      throw new OotoError('OOTO_CHANNEL_SIZE', 'caller', `a message of ${message.length} bytes is too long`, {
        hint: `at most ${messageBytes - 1} bytes; cut it, or raise the limit at both ends`,
      });
    if (this.#unsent.underWay + message.length > queueBytes)
      throw new OotoError('OOTO_CHANNEL_QUEUE', 'caller', 'too many bytes wait to be sent', {
        hint: 'wait for drained() whenever send() says false',
      });
    this.#unsent.posted(this.#bundle.add(message));
    if (!this.#isPostDue) this.#postSoon();
    return !this.#unsent.isFull;
  }

  /** Resolves once the connection takes more. */
  drained(): Promise<void> {
    return this.#unsent.room();
  }

  /** Ends the channel, after what was sent. Resolves when it has ended. */
  async close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.#post();
      this.#ended ??= new OotoError('OOTO_STREAM_CLOSED', 'local', 'the channel was closed here');
      this.#options.close();
    }
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The pool's: messages came. */
  take(bundle: Uint8Array): void {
    for (const message of messagesOf(bundle)) this.dispatchEvent(new ChannelMessageEvent(message));
  }

  /** The pool's: so many bytes of what was posted are with the connection. */
  sent(bytes: number): void {
    this.#unsent.taken(bytes);
  }

  /** The pool's: the channel has ended. */
  end(error: OotoError | undefined): void {
    this.#isClosing = true;
    this.#ended =
      error ?? this.#ended ?? new OotoError('OOTO_STREAM_CLOSED', 'peer', 'the channel has ended');
    this.#bundle.take();
    this.#unsent.end();
    this.#resolveClosed(error);
    this.dispatchEvent(new ChannelCloseEvent(error));
  }

  #requireOpen(): void {
    if (this.#ended) throw this.#ended;
  }

  #postSoon(): void {
    this.#isPostDue = true;
    queueMicrotask(() => {
      this.#isPostDue = false;
      this.#post();
    });
  }

  #post(): void {
    const bundle = this.#bundle.take();
    if (bundle) this.#options.post(bundle);
  }
}
