/**
 * TCP as the Transport port. What flows through here: bytes written go to the kernel at once (no Nagle delay)
 * and the returned promise holds a fast writer back while the peer is slow; bytes that arrive go to a
 * receiver at once, or wait in a bounded queue, where a slow reader stops the socket, hence the peer. A broken connection ends `incoming`;
 * whether all was received is for the channel above to know.
 *
 * Bytes given to `write` belong to the transport until it says otherwise: the kernel may read them later.
 */
import { createServer, connect as netConnect, type Server, type Socket } from 'node:net';
import { OotoError } from '../../base/errors.ts';
import type { Connection, Listener, Receiver, Transport } from '../../ports.ts';
import { formatAddress, parseAddress } from './address.ts';
import { Arrivals } from './arrivals.ts';
import { landed } from './landing.ts';
import { startListening } from './listening.ts';
import { systemError } from './system-error.ts';

const UNREAD_BYTES_MOST = 256 * 1024;
/** What a queued chunk costs beside its bytes: a peer that sends single bytes must not fill memory. */
const CHUNK_OVERHEAD_BYTES = 256;
const UNSENT_BYTES_MOST = 128 * 1024;
/** The types of Node 20 know this option for servers alone. */
const BUFFERING: object = { highWaterMark: UNSENT_BYTES_MOST };
const WAITING_CONNECTIONS_MOST = 1024;
const CLOSE_GRACE_MS = 2_000;

/**
 * A transport over TCP. Addresses are `host:port`; port 0 listens on any free port.
 *
 * `dial` throws OOTO_TRANSPORT_ADDRESS (caller) for a malformed address, OOTO_TRANSPORT_UNREACHABLE
 * (environment) when nobody answers, and the signal's reason when aborted. `listen` throws
 * OOTO_TRANSPORT_LISTEN (environment). `write` rejects with OOTO_TRANSPORT_CLOSED (environment).
 */
export function tcpTransport(): Transport {
  return { dial, listen };
}

async function dial(address: string, { signal }: { signal?: AbortSignal } = {}): Promise<Connection> {
  const { host, port } = parseAddress(address);
  signal?.throwIfAborted();
  const socket = netConnect({ host, port, noDelay: true, ...BUFFERING });
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError).off('connect', onConnect);
      act();
    };
    const onAbort = () => settle(() => reject(abandon(socket, signal?.reason)));
    const onError = (cause: Error) =>
      settle(() =>
        reject(abandon(socket, systemError('OOTO_TRANSPORT_UNREACHABLE', `cannot reach ${address}`, cause))),
      );
    const onConnect = () => settle(() => resolve(new TcpConnection(socket)));
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError).once('connect', onConnect);
  });
}

/** Ends a socket whose later errors concern nobody; hands `reason` on. */
function abandon(socket: Socket, reason: unknown): unknown {
  socket.on('error', () => {}).destroy();
  return reason;
}

async function listen(address: string): Promise<Listener> {
  const endpoint = parseAddress(address);
  const server = createServer({ noDelay: true, pauseOnConnect: true, ...BUFFERING });
  await startListening(server, endpoint, address);
  return new TcpListener(server);
}

class TcpListener implements Listener {
  readonly address: string;
  readonly connections: Arrivals<Connection>;
  readonly #server: Server;
  readonly #open = new Set<TcpConnection>();

  constructor(server: Server) {
    const bound = server.address() as { address: string; port: number };
    this.address = formatAddress({ host: bound.address, port: bound.port });
    this.#server = server;
    this.connections = new Arrivals({ weigh: () => 1, most: WAITING_CONNECTIONS_MOST });
    server.removeAllListeners('error').on('error', () => {});
    server.on('connection', (socket: Socket) => this.#admit(socket));
  }

  /** Stops listening and closes the connections it accepted. */
  async close(): Promise<void> {
    this.connections.end();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const open = [...this.#open];
    for (const connection of open) connection.close();
    await Promise.all([closed, ...open.map((connection) => connection.closed)]);
  }

  #admit(socket: Socket): void {
    if (this.connections.isFull) {
      abandon(socket, undefined);
      return;
    }
    const connection = new TcpConnection(socket);
    this.#open.add(connection);
    void connection.closed.then(() => this.#open.delete(connection));
    this.connections.push(connection);
  }
}

class TcpConnection implements Connection {
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly incoming: Arrivals<Uint8Array>;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #receiver: Receiver | undefined;
  #drained: PromiseWithResolvers | undefined;

  /** @param connected nothing was read from it, and nothing will be but here */
  constructor(connected: Socket) {
    const socket = landed(connected, BUFFERING, (bytes) => this.#take(bytes));
    this.#socket = socket;
    this.remoteAddress = formatAddress({
      host: socket.remoteAddress ?? 'unknown',
      port: socket.remotePort ?? 0,
    });
    this.localAddress = formatAddress({
      host: socket.localAddress ?? 'unknown',
      port: socket.localPort ?? 0,
    });
    this.incoming = new Arrivals({
      weigh: (chunk) => chunk.length + CHUNK_OVERHEAD_BYTES,
      most: UNREAD_BYTES_MOST,
      pause: () => socket.pause(),
      resume: () => socket.resume(),
    });
    socket.on('error', () => {});
    socket.on('drain', () => this.#release());
    socket.on('end', () => this.#end());
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#ended();
        resolve();
      });
    });
    socket.resume();
  }

  receive(receiver: Receiver): void {
    for (const chunk of this.incoming.takeAll()) receiver.take(chunk);
    if (this.incoming.hasEnded) receiver.end();
    else this.#receiver = receiver;
  }

  write(bytes: Uint8Array, onTaken?: () => void): Promise<void> {
    if (!this.#socket.writable) return Promise.reject(closed(this.remoteAddress));
    if (this.#socket.write(bytes, onTaken && ((error) => !error && onTaken()))) return Promise.resolve();
    this.#drained ??= promiseWithResolvers();
    return this.#drained.promise;
  }

  /** What has been written is still sent, unless the peer does not take it within two seconds. */
  close(): void {
    this.incoming.end();
    this.#receiver = undefined;
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.resume();
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), CLOSE_GRACE_MS).unref();
  }

  #take(bytes: Uint8Array): void {
    if (this.#receiver) this.#receiver.take(bytes);
    else this.incoming.push(bytes.slice());
  }

  #end(): void {
    this.incoming.end();
    this.#receiver?.end();
    this.#receiver = undefined;
  }

  #release(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  #ended(): void {
    this.#end();
    this.#drained?.reject(closed(this.remoteAddress));
    this.#drained = undefined;
  }
}

function closed(address: string): OotoError {
  return new OotoError('OOTO_TRANSPORT_CLOSED', 'environment', `the connection with ${address} is closed`);
}

interface PromiseWithResolvers {
  promise: Promise<void>;
  resolve: () => void;
  reject: (reason: unknown) => void;
}

function promiseWithResolvers(): PromiseWithResolvers {
  let resolve!: () => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
