/**
 * Channels that others open with a pool. What flows through here: connections are accepted and go to a thread each; whoever
 * has shown there who it is comes back as a channel and is handed to whoever iterates.
 */
import type { Connection, Listener } from '../../ports.ts';
import { StandingChannels } from '../standing-channels.ts';
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
  readonly #channels = new StandingChannels<PooledChannel>();
  readonly #accepting: Promise<void>;
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
    return this.#channels.all;
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
  [Symbol.asyncIterator](): AsyncGenerator<PooledChannel> {
    return this.#channels[Symbol.asyncIterator]();
  }

  /** The pool's: a channel came about. */
  welcome(channel: PooledChannel): void {
    this.#channels.add(channel);
  }

  async #acceptAll(): Promise<void> {
    for await (const connection of this.#options.listener.connections)
      if (this.#channels.isEnded) connection.close();
      else this.#options.accept(connection);
    this.#channels.end();
  }

  async #close(): Promise<void> {
    await this.#channels.close();
    await this.#options.release();
    await this.#options.listener.close();
    await this.#accepting;
  }
}
