/**
 * Channels that others open with a pool. What flows through here: connections are accepted and go to a thread each; whoever
 * has shown there who it is comes back as a channel and is handed to whoever iterates.
 */
import type { Connection, Listener } from '../../ports.ts';
import type { PooledChannel } from './pooled-channel.ts';

export interface PoolListenerOptions {
  readonly listener: Listener;
  readonly accept: (connection: Connection) => void;
  /** Resolves once no thread has channels of this listener any more. */
  readonly release: () => Promise<void>;
}

/** Iterate it for the channels as they come. */
export class PoolListener implements AsyncIterable<PooledChannel>, AsyncDisposable {
  readonly #options: PoolListenerOptions;
  readonly #channels = new Set<PooledChannel>();
  /** Channels that nobody has taken from the iteration yet. */
  readonly #fresh = new Set<PooledChannel>();
  readonly #accepting: Promise<void>;
  #waiting: (() => void)[] = [];
  #isClosed = false;
  #closing: Promise<void> | undefined;

  constructor(options: PoolListenerOptions) {
    this.#options = options;
    this.#accepting = this.#acceptAll();
  }

  /** Where others dial. */
  get address(): string {
    return this.#options.listener.address;
  }

  /** The channels that stand. */
  get channels(): readonly PooledChannel[] {
    return [...this.#channels];
  }

  /** Resolves once no more channels are taken. */
  get closed(): Promise<void> {
    return this.#accepting;
  }

  /** Takes no more channels, and ends those that stand. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Channels as they come, each once; those that have ended before somebody asked are left out. */
  async *[Symbol.asyncIterator](): AsyncGenerator<PooledChannel> {
    for (;;) {
      const [channel] = this.#fresh;
      if (channel) {
        this.#fresh.delete(channel);
        yield channel;
      } else if (this.#isClosed) return;
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The pool's: a channel came about. */
  welcome(channel: PooledChannel): void {
    this.#channels.add(channel);
    this.#fresh.add(channel);
    void channel.closed.then(() => {
      this.#channels.delete(channel);
      this.#fresh.delete(channel);
    });
    if (this.#isClosed) void channel.close();
    this.#wake();
  }

  async #acceptAll(): Promise<void> {
    for await (const connection of this.#options.listener.connections)
      if (this.#isClosed) connection.close();
      else this.#options.accept(connection);
    this.#isClosed = true;
    this.#wake();
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.channels.map((channel) => channel.close()));
    await this.#options.release();
    await this.#options.listener.close();
    await this.#accepting;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
