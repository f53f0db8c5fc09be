/**
 * Connections that another thread holds, as this thread has them. What flows through here: chunks come as messages and
 * wait, a bounded sum of them, until the channel reads; what the channel writes is copied and posted, and holds its
 * writer back until the socket took it.
 */
import { OotoError } from '../../base/errors.ts';
import type { Connection, Listener } from '../../ports.ts';
import type { Report } from './protocol.ts';
import { FlowWindow } from './window.ts';

const UNSENT_BYTES_MOST = 256 * 1024;

/** Items that one reader takes in order. */
class Queue<T> implements AsyncIterable<T> {
  #items: T[] = [];
  #hasEnded = false;
  #wake = () => {};

  push(item: T): void {
    if (this.#hasEnded) return;
    this.#items.push(item);
    this.#wake();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  takeAll(): T[] {
    return this.#items.splice(0);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      for (let item = this.#items.shift(); item !== undefined; item = this.#items.shift()) yield item;
      if (this.#hasEnded) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

export interface RelayedOptions {
  readonly number: number;
  readonly remoteAddress: string;
  readonly localAddress: string | undefined;
  readonly report: (report: Report, given?: readonly Uint8Array[]) => void;
  readonly closed: () => void;
}

export class RelayedConnection implements Connection {
  readonly remoteAddress: string;
  readonly localAddress: string | undefined;
  readonly incoming: AsyncIterable<Uint8Array>;
  readonly #options: RelayedOptions;
  readonly #arrived = new Queue<Uint8Array>();
  readonly #unsent = new FlowWindow(UNSENT_BYTES_MOST);
  #isGone = false;
  #isClosed = false;

  constructor(options: RelayedOptions) {
    this.#options = options;
    this.remoteAddress = options.remoteAddress;
    this.localAddress = options.localAddress;
    this.incoming = this.#read();
  }

  /** A chunk came. */
  take(bytes: Uint8Array): void {
    this.#arrived.push(bytes);
  }

  /** No chunk comes any more. */
  end(): void {
    this.#arrived.end();
  }

  /** The socket took so many bytes. */
  taken(bytes: number): void {
    this.#unsent.taken(bytes);
  }

  /** Nothing can be written any more. */
  broken(): void {
    this.#isGone = true;
    this.#arrived.end();
    this.#unsent.end();
  }

  async write(bytes: Uint8Array, onTaken?: () => void): Promise<void> {
    this.#requireThere();
    const copy = bytes.slice();
    onTaken?.();
    this.#unsent.posted(copy.length);
    this.#options.report({ type: 'write', connection: this.#options.number, bytes: copy }, [copy]);
    if (!this.#unsent.isFull) return;
    await this.#unsent.room();
    this.#requireThere();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.broken();
    this.#options.closed();
    this.#options.report({ type: 'hang-up', connection: this.#options.number });
  }

  /** What was read counts once the reader comes for more. */
  async *#read(): AsyncGenerator<Uint8Array> {
    const { number, report } = this.#options;
    for await (const chunk of this.#arrived) {
      const bytes = chunk.length;
      yield chunk;
      report({ type: 'read', connection: number, bytes });
    }
  }

  #requireThere(): void {
    if (this.#isGone)
      throw new OotoError(
        'OOTO_TRANSPORT_CLOSED',
        'environment',
        `the connection with ${this.remoteAddress} is closed`,
      );
  }
}

/** A listener whose connections the main thread accepts; those that nobody took end with it. */
export class RelayedListener implements Listener {
  readonly address: string;
  readonly connections = new Queue<RelayedConnection>();

  constructor(address: string) {
    this.address = address;
  }

  async close(): Promise<void> {
    this.connections.end();
    for (const connection of this.connections.takeAll()) connection.close();
  }
}
