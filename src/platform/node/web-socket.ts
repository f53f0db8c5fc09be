/**
 * WebSocket as the Transport port, so that browsers reach a node. What flows through here: bytes written are cut into
 * binary frames of a bounded size; where the socket has too much unsent, the writer waits; bytes that arrive queue up
 * to a bound, and a slow reader stops the socket, hence the peer. Frames mean nothing: the bytes are one stream.
 * Nothing is compressed: what passes is encrypted. Text frames and frames that are too long end the connection.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { OotoError } from '../../base/errors.ts';
import type { Connection, Listener, Transport } from '../../ports.ts';
import { formatAddress, parseAddress } from './address.ts';
import { Arrivals } from './arrivals.ts';
import { startListening } from './listening.ts';
import { systemError } from './system-error.ts';

export const WEB_SOCKET_SCHEME = 'ws://';
/** Longest frame that is taken, and that is sent. */
const FRAME_BYTES_MOST = 1024 * 1024;
const FRAME_BYTES_SENT = 256 * 1024;
const UNREAD_BYTES_MOST = 256 * 1024;
const UNSENT_BYTES_MOST = 256 * 1024;
const CHUNK_OVERHEAD_BYTES = 256;
const WAITING_CONNECTIONS_MOST = 1024;
/** For the request that opens a connection. */
const OPENING_MS = 5_000;
const CLOSE_GRACE_MS = 2_000;
const DONE = 1000;
const UNSUPPORTED_DATA = 1003;
const UPGRADE_REQUIRED = 426;
const OPTIONS = { perMessageDeflate: false, maxPayload: FRAME_BYTES_MOST, skipUTF8Validation: true } as const;

/**
 * A transport over WebSocket. Addresses are `ws://host:port`; port 0 listens on any free port. Throws what
 * {@link tcpTransport} throws.
 */
export function webSocketTransport(): Transport {
  return { dial, listen };
}

async function dial(address: string, { signal }: { signal?: AbortSignal } = {}): Promise<Connection> {
  const endpoint = formatAddress(parseWebSocketAddress(address));
  signal?.throwIfAborted();
  const socket = new WebSocket(`${WEB_SOCKET_SCHEME}${endpoint}/`, {
    ...OPTIONS,
    handshakeTimeout: OPENING_MS,
    followRedirects: false,
  });
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      signal?.removeEventListener('abort', onAbort);
      socket.off('error', onError).off('open', onOpen);
      act();
    };
    const fail = (reason: unknown) => {
      socket.on('error', () => {}).terminate();
      reject(reason);
    };
    const onAbort = () => settle(() => fail(signal?.reason));
    const onError = (cause: Error) =>
      settle(() => fail(systemError('OOTO_TRANSPORT_UNREACHABLE', `cannot reach ${address}`, cause)));
    const onOpen = () => settle(() => resolve(new WebSocketConnection(socket, endpoint)));
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError).once('open', onOpen);
  });
}

/** @throws OOTO_TRANSPORT_ADDRESS (caller). */
function parseWebSocketAddress(address: string): ReturnType<typeof parseAddress> {
  if (address.startsWith(WEB_SOCKET_SCHEME)) return parseAddress(address.slice(WEB_SOCKET_SCHEME.length));
  throw new OotoError('OOTO_TRANSPORT_ADDRESS', 'caller', `"${address.slice(0, 80)}" is not an address`, {
    hint: 'write ws://host:port',
  });
}

async function listen(address: string): Promise<Listener> {
  const endpoint = parseWebSocketAddress(address);
  const server = createServer(
    {
      requestTimeout: OPENING_MS,
      headersTimeout: OPENING_MS,
      connectionsCheckingInterval: 1_000,
      noDelay: true,
    },
    (_, response) => void response.writeHead(UPGRADE_REQUIRED, { connection: 'close' }).end(),
  );
  await startListening(server, endpoint, address);
  return new WebSocketListener(server);
}

class WebSocketListener implements Listener {
  readonly address: string;
  readonly connections: Arrivals<Connection>;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #open = new Set<WebSocketConnection>();

  constructor(server: Server) {
    const bound = server.address() as AddressInfo;
    this.address = `${WEB_SOCKET_SCHEME}${formatAddress({ host: bound.address, port: bound.port })}`;
    this.#server = server;
    this.connections = new Arrivals({ weigh: () => 1, most: WAITING_CONNECTIONS_MOST });
    server.removeAllListeners('error').on('error', () => {});
    this.#sockets = new WebSocketServer({ ...OPTIONS, server, clientTracking: false });
    this.#sockets.on('error', () => {});
    this.#sockets.on('connection', (socket, request) => this.#admit(socket, request));
  }

  /** Stops listening and closes the connections it accepted. */
  close(): Promise<void> {
    this.connections.end();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#open) connection.close();
    this.#sockets.close();
    this.#server.closeIdleConnections();
    return closed;
  }

  #admit(socket: WebSocket, request: IncomingMessage): void {
    if (this.connections.isFull) {
      socket.on('error', () => {}).terminate();
      return;
    }
    const { remoteAddress = 'unknown', remotePort = 0 } = request.socket;
    const remote = formatAddress({ host: remoteAddress, port: remotePort });
    const connection = new WebSocketConnection(socket, remote);
    this.#open.add(connection);
    socket.once('close', () => this.#open.delete(connection));
    this.connections.push(connection);
  }
}

class WebSocketConnection implements Connection {
  readonly remoteAddress: string;
  readonly incoming: Arrivals<Uint8Array>;
  readonly #socket: WebSocket;
  #waiting: { resolve(): void; reject(reason: OotoError): void }[] = [];

  constructor(socket: WebSocket, remoteAddress: string) {
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
    this.incoming = new Arrivals({
      weigh: (chunk) => chunk.length + CHUNK_OVERHEAD_BYTES,
      most: UNREAD_BYTES_MOST,
      pause: () => socket.pause(),
      resume: () => socket.resume(),
    });
    socket.binaryType = 'arraybuffer';
    socket.on('error', () => {});
    socket.on('close', () => this.#ended());
    socket.on('message', (data, isBinary) => this.#receive(data as ArrayBuffer, isBinary));
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.reject(closed(this.remoteAddress));
    for (let at = 0; at < bytes.length; at += FRAME_BYTES_SENT)
      this.#socket.send(bytes.subarray(at, at + FRAME_BYTES_SENT), { binary: true, compress: false }, () =>
        this.#release(),
      );
    if (this.#socket.bufferedAmount <= UNSENT_BYTES_MOST) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** What has been written is still sent, unless the peer does not take it within two seconds. */
  close(): void {
    this.incoming.end();
    if (this.#socket.readyState >= WebSocket.CLOSING) return;
    this.#socket.resume();
    this.#socket.close(DONE);
    setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS).unref();
  }

  #receive(data: ArrayBuffer, isBinary: boolean): void {
    if (isBinary) this.incoming.push(new Uint8Array(data));
    else {
      this.incoming.end();
      this.#socket.close(UNSUPPORTED_DATA);
    }
  }

  #release(): void {
    if (this.#socket.bufferedAmount > UNSENT_BYTES_MOST) return;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  #ended(): void {
    this.incoming.end();
    for (const { reject } of this.#waiting.splice(0)) reject(closed(this.remoteAddress));
  }
}

function closed(address: string): OotoError {
  return new OotoError('OOTO_TRANSPORT_CLOSED', 'environment', `the connection with ${address} is closed`);
}
