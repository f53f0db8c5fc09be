/**
 * The outer side of one thread of a pool. What flows through here: dials and accepted connections go to the thread as
 * commands; what it reports becomes channels, their messages and their ends; when the thread dies, all that it had ends
 * with one error.
 */
import { OotoError } from '../../base/errors.ts';
import type { Connection, Thread } from '../../ports.ts';
import type { Peer } from '../credential.ts';
import { type ChannelLimits, DEFAULT_LIMITS } from '../limits.ts';
import { PooledChannel } from './pooled-channel.ts';
import { type Command, errorOf, type Report, shapeOf } from './protocol.ts';
import { Relay } from './relay.ts';

export interface PoolThreadOptions {
  readonly thread: Thread;
  readonly limits: Partial<ChannelLimits> | undefined;
  readonly sign: (message: Uint8Array) => Promise<Uint8Array>;
  /** A channel came about that a listener took. */
  readonly taken: (listener: number, channel: PooledChannel) => void;
}

/** As many as a listener of the thread takes. */
const MOST_RELAYS = 4_096;

interface Dial {
  resolve(channel: PooledChannel): void;
  reject(reason: unknown): void;
}

export class PoolThread {
  /** Resolves when the thread has ended. */
  readonly ended: Promise<void>;
  readonly #options: PoolThreadOptions;
  readonly #dials = new Map<number, Dial>();
  readonly #channels = new Map<number, PooledChannel>();
  readonly #relays = new Map<number, Relay>();
  readonly #unlistened = new Map<number, () => void>();
  #numbers = 0;
  #failure: OotoError | undefined;

  constructor(options: PoolThreadOptions) {
    this.#options = options;
    options.thread.onMessage((report) => this.#take(report as Report));
    this.ended = options.thread.ended.then((cause) => this.#end(cause));
  }

  /** What it has to do, for choosing the one that has least. */
  get load(): number {
    return Math.max(this.#channels.size, this.#relays.size) + this.#dials.size;
  }

  get channels(): readonly PooledChannel[] {
    return [...this.#channels.values()];
  }

  /** Rejects with the signal's reason, with what the handshake ended by, or with what the thread died of. */
  async connect(address: string, peer: Uint8Array, signal?: AbortSignal): Promise<PooledChannel> {
    signal?.throwIfAborted();
    if (this.#failure) throw this.#failure;
    const channel = ++this.#numbers;
    const abort = () => {
      this.#dials.get(channel)?.reject(signal?.reason);
      this.#post({ type: 'close', channel });
    };
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await new Promise<PooledChannel>((resolve, reject) => {
        this.#dials.set(channel, { resolve, reject });
        this.#post({ type: 'connect', channel, address, peer });
      });
    } finally {
      this.#dials.delete(channel);
      signal?.removeEventListener('abort', abort);
    }
  }

  listen(listener: number, peers: Uint8Array[]): void {
    this.#post({ type: 'listen', listener, peers });
  }

  /** Resolves when the channels that the listener took have ended. */
  unlisten(listener: number): Promise<void> {
    if (this.#failure) return Promise.resolve();
    return new Promise((resolve) => {
      this.#unlistened.set(listener, resolve);
      this.#post({ type: 'unlisten', listener });
    });
  }

  accept(listener: number, connection: Connection): void {
    if (this.#failure || this.#relays.size >= MOST_RELAYS) {
      connection.close();
      return;
    }
    const number = ++this.#numbers;
    const { remoteAddress, localAddress } = connection;
    this.#post({ type: 'accept', listener, connection: number, remoteAddress, localAddress });
    this.#relays.set(number, new Relay(number, connection, (command, given) => this.#post(command, given)));
  }

  /** Ends all channels after what they have sent, and then the thread. */
  async stop(): Promise<void> {
    for (const dial of this.#dials.values()) dial.reject(closedError());
    await Promise.all(this.channels.map((channel) => channel.close()));
    this.#post({ type: 'stop' });
    await this.ended;
  }

  terminate(): Promise<void> {
    return this.#options.thread.terminate();
  }

  #post(command: Command, given?: readonly Uint8Array[]): void {
    if (!this.#failure) this.#options.thread.post(command, given);
  }

  #take(report: Report): void {
    switch (report.type) {
      case 'established':
        this.#established(report.channel, report.peer, report.listener);
        break;
      case 'closed':
        this.#closed(report.channel, report.error && errorOf(report.error));
        break;
      case 'messages':
        this.#deliver(report.channel, report.bundle);
        break;
      case 'sent':
        this.#channels.get(report.channel)?.sent(report.bytes);
        break;
      case 'unlistened':
        this.#unlistened.get(report.listener)?.();
        this.#unlistened.delete(report.listener);
        break;
      case 'read':
        this.#relays.get(report.connection)?.read(report.bytes);
        break;
      case 'write':
        this.#relays.get(report.connection)?.write(report.bytes);
        break;
      case 'hang-up':
        this.#relays.get(report.connection)?.close();
        this.#relays.delete(report.connection);
        break;
      case 'sign':
        void this.#sign(report.request, report.message);
    }
  }

  #established(number: number, peer: Peer, listener: number | undefined): void {
    const { messageBytes, queueBytes } = { ...DEFAULT_LIMITS, ...this.#options.limits };
    const dial = this.#dials.get(number);
    const channel = new PooledChannel({
      peer,
      messageBytes,
      queueBytes,
      post: (bundle) => this.#post({ type: 'send', channel: number, bundle }, [bundle]),
      close: () => this.#post({ type: 'close', channel: number }),
    });
    this.#channels.set(number, channel);
    if (listener !== undefined) this.#options.taken(listener, channel);
    else if (dial) dial.resolve(channel);
    else void channel.close();
  }

  #closed(number: number, error: OotoError | undefined): void {
    this.#dials.get(number)?.reject(error ?? closedError());
    const channel = this.#channels.get(number);
    this.#channels.delete(number);
    channel?.end(error);
  }

  /** A listener that throws is the program's own affair: an uncaught error, as with every event. */
  #deliver(number: number, bundle: Uint8Array): void {
    const bytes = bundle.length;
    this.#channels.get(number)?.take(bundle);
    this.#post({ type: 'delivered', bytes });
  }

  /** The signature alone crosses, not the memory that the signer made it in. */
  async #sign(request: number, message: Uint8Array): Promise<void> {
    const answer = await this.#options.sign(message).then((signature) => signature.slice(), shapeOf);
    this.#post({ type: 'signature', request, answer });
  }

  #end(cause: unknown): void {
    const error = new OotoError('OOTO_POOL_THREAD', 'local', 'the thread that ran this channel has ended', {
      cause,
      hint: 'open the channel anew: another thread takes it',
    });
    this.#failure = error;
    for (const { reject } of this.#dials.values()) reject(error);
    for (const relay of this.#relays.values()) relay.close();
    for (const resolve of this.#unlistened.values()) resolve();
    for (const channel of this.#channels.values()) channel.end(error);
    this.#relays.clear();
    this.#channels.clear();
  }
}

function closedError(): OotoError {
  return new OotoError('OOTO_CHANNEL_CLOSED', 'caller', 'the pool was closed');
}
