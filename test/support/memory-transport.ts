/**
 * The Transport port in memory. What flows through here: a dial makes a pair of connections; what one end writes,
 * the other reads, in order; a test may hold a direction back (a peer that does not read), cut the wire, or take
 * one end itself and speak raw bytes.
 */
import { OotoError } from '../../src/base/errors.ts';
import type { Connection, Listener, Transport } from '../../src/ports.ts';

class Queue<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #ended = false;
  #wake: () => void = () => {};

  push(item: T): void {
    if (this.#ended) return;
    this.#items.push(item);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      while (this.#items.length > 0) yield this.#items.shift() as T;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

export class MemoryConnection implements Connection {
  readonly remoteAddress: string;
  readonly incoming = new Queue<Uint8Array>();
  /** All that was written here. */
  readonly written: Uint8Array[] = [];
  other!: MemoryConnection;
  closed = false;
  #stalled = false;
  #release: (() => void)[] = [];

  constructor(remoteAddress: string) {
    this.remoteAddress = remoteAddress;
  }

  static pair(a = 'a:1', b = 'b:1'): [MemoryConnection, MemoryConnection] {
    const [left, right] = [new MemoryConnection(b), new MemoryConnection(a)];
    left.other = right;
    right.other = left;
    return [left, right];
  }

  /** From now on writes wait, as with a peer that does not read. */
  stall(): void {
    this.#stalled = true;
  }

  async write(bytes: Uint8Array, onTaken?: () => void): Promise<void> {
    if (this.closed) throw new OotoError('OOTO_TRANSPORT_CLOSED', 'environment', 'the connection is closed');
    this.written.push(bytes.slice());
    if (this.#stalled) await new Promise<void>((resolve) => this.#release.push(resolve));
    else this.other.incoming.push(bytes.slice());
    onTaken?.();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.incoming.end();
    this.other.incoming.end();
    this.other.closed = true;
    for (const release of this.#release) release();
  }
}

export class MemoryNetwork {
  readonly #listeners = new Map<string, { arriving: Queue<Connection>; accepted: Connection[] }>();
  readonly connections: MemoryConnection[] = [];
  /** Told of each new pair before anybody reads. */
  onConnection: (dialler: MemoryConnection, acceptor: MemoryConnection, address: string) => void = () => {};

  transport(name: string): Transport {
    return {
      dial: async (address) => this.#dial(name, address),
      listen: async (address) => this.#listen(address),
    };
  }

  #dial(from: string, address: string): Connection {
    const listener = this.#listeners.get(address);
    if (!listener)
      throw new OotoError('OOTO_TRANSPORT_UNREACHABLE', 'environment', `nobody listens at ${address}`);
    const [dialler, acceptor] = MemoryConnection.pair(from, address);
    this.connections.push(dialler);
    this.onConnection(dialler, acceptor, address);
    listener.accepted.push(acceptor);
    listener.arriving.push(acceptor);
    return dialler;
  }

  #listen(address: string): Listener {
    const listener = { arriving: new Queue<Connection>(), accepted: [] as Connection[] };
    this.#listeners.set(address, listener);
    return {
      address,
      connections: listener.arriving,
      close: async () => {
        this.#listeners.delete(address);
        listener.arriving.end();
        for (const connection of listener.accepted) connection.close();
      },
    };
  }
}
