/**
 * UDP as the DatagramSocket port. What flows through here: datagrams go to the system at once; what it cannot take
 * waits in a queue that is bounded, and beyond the bound is dropped and counted, as the network drops. What arrives is
 * handed on as it comes: a reader that is too slow loses datagrams in the system's own buffer.
 */
import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import type { DatagramCounts, DatagramSocket } from '../../ports.ts';
import { type Endpoint, formatAddress, parseAddress } from './address.ts';
import { systemError } from './system-error.ts';

/** So many bytes may wait for the system. */
const UNSENT_BYTES_MOST = 2 ** 20;
/**
 * How sockets share a port, where one that is connected gets all that its peer sends: by SO_REUSEPORT, which the kernel
 * gives to programs of one user alone. Node has it from 22.12 and 23.1 on; before, it has SO_REUSEADDR only, by which any
 * user's program can bind the port too and take datagrams away. Neither is set unless it is asked for. What is meant to
 * be shared is bound alone first, so that a port in use is still noticed.
 */
const SHARING: SocketSharing | undefined =
  process.platform === 'linux' ? sharingOf(process.versions.node) : undefined;
/** Peers with a socket of their own at most. */
const APART_MOST = 1_024;
/** Asked of the system for what has arrived and was not read; it may give less. */
const RECEIVE_BUFFER_BYTES = 4 * 2 ** 20;
/** Longer datagrams than any of this project's are dropped unseen. */
const DATAGRAM_BYTES_MOST = 1_500;

type SocketSharing = { readonly reusePort: true } | { readonly reuseAddr: true };

/** Exported for its test. */
export function sharingOf(version: string): SocketSharing {
  const [major, minor] = version.split('.').map(Number);
  const since: Record<number, number> = { 22: 12, 23: 1 };
  const isKnown = major > 23 || minor >= (since[major] ?? Number.POSITIVE_INFINITY);
  return isKnown ? { reusePort: true } : { reuseAddr: true };
}

export interface UdpOptions {
  /**
   * Whether anybody may send here, so that known peers need room apart from strangers. Where a port can be shared among
   * sockets it is then, which lets other programs of this user bind it as well.
   */
  takesStrangers?: boolean;
  /** Closes the socket when aborted. */
  signal?: AbortSignal;
}

/**
 * A socket bound to `host:port`; port 0 is any free one.
 * @throws OOTO_TRANSPORT_ADDRESS (caller); OOTO_TRANSPORT_LISTEN (environment); the signal's reason when aborted.
 */
export async function udpSocket(
  address: string,
  { signal, takesStrangers = false }: UdpOptions = {},
): Promise<DatagramSocket> {
  signal?.throwIfAborted();
  const { host, port } = parseAddress(await resolveAddress(address, 'OOTO_TRANSPORT_LISTEN'));
  signal?.throwIfAborted();
  try {
    const alone = await bound({ host, port });
    if (!SHARING || !takesStrangers) return new UdpSocket(alone, signal);
    const own = endpointOf(alone);
    await closed(alone);
    return new UdpSocket(await bound(own, SHARING), signal, SHARING);
  } catch (cause) {
    throw systemError('OOTO_TRANSPORT_LISTEN', `cannot listen on ${address}`, cause);
  }
}

class UdpSocket implements DatagramSocket {
  readonly address: string;
  readonly counts: DatagramCounts = { received: 0, sent: 0, dropped: 0 };
  readonly #socket: Socket;
  readonly #sharing: SocketSharing | undefined;
  /** Connected sockets, by the address of their peer. */
  readonly #apart = new Map<string, Socket>();
  #listener: (datagram: Uint8Array, from: string) => void = () => {};
  #closed: Promise<void> | undefined;

  constructor(socket: Socket, signal: AbortSignal | undefined, sharing?: SocketSharing) {
    this.#socket = socket;
    this.#sharing = sharing;
    this.address = formatAddress(endpointOf(socket));
    this.#read(socket);
    const onAbort = () => void this.close();
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('close', () => signal?.removeEventListener('abort', onAbort));
    if (signal?.aborted) onAbort();
  }

  get isFull(): boolean {
    return this.#closed !== undefined || this.#socket.getSendQueueSize() > UNSENT_BYTES_MOST;
  }

  onDatagram(listener: (datagram: Uint8Array, from: string) => void): void {
    this.#listener = listener;
  }

  keepApart(address: string): void {
    if (!this.#sharing || this.#closed || this.#apart.has(address) || this.#apart.size >= APART_MOST) return;
    const peer = parseAddress(address);
    const socket = createSocket({ type: typeOf(peer.host), ...this.#sharing, lookup: asItIs as never });
    this.#apart.set(address, socket);
    this.#read(socket);
    socket.once('error', () => this.letGo(address));
    const { host, port } = endpointOf(this.#socket);
    socket.bind({ address: host, port }, () => socket.connect(peer.port, peer.host));
  }

  letGo(address: string): void {
    const socket = this.#apart.get(address);
    this.#apart.delete(address);
    if (socket) void closed(socket);
  }

  send(datagram: Uint8Array, to: string): boolean {
    if (this.isFull || !this.#hand(datagram, to)) {
      this.counts.dropped++;
      return false;
    }
    this.counts.sent++;
    return true;
  }

  resolve(address: string, { signal }: { signal?: AbortSignal } = {}): Promise<string> {
    signal?.throwIfAborted();
    return resolveAddress(address, 'OOTO_TRANSPORT_UNREACHABLE');
  }

  close(): Promise<void> {
    for (const address of this.#apart.keys()) this.letGo(address);
    this.#closed ??= closed(this.#socket);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #read(socket: Socket): void {
    enlargeBuffer(socket);
    socket.on('error', () => {
      this.counts.dropped++;
    });
    socket.on('message', (bytes, { address, family, port }) => {
      this.counts.received++;
      if (bytes.length > DATAGRAM_BYTES_MOST) return;
      const from = family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
      this.#listener(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), from);
    });
  }

  /** An address of another family, or one that nobody may send to, is refused here and now. */
  #hand(datagram: Uint8Array, to: string): boolean {
    const at = to.lastIndexOf(':');
    const host = to.startsWith('[') ? to.slice(1, at - 1) : to.slice(0, at);
    try {
      this.#socket.send(datagram, Number(to.slice(at + 1)), host);
      return true;
    } catch {
      return false;
    }
  }
}

async function bound({ host, port }: Endpoint, sharing?: SocketSharing): Promise<Socket> {
  const socket = createSocket({ type: typeOf(host), ...sharing, lookup: asItIs as never });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (cause) => {
      socket.close();
      reject(cause);
    });
    socket.bind({ address: host, port }, resolve);
  });
  return socket.removeAllListeners('error');
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.close(() => resolve());
  });
}

function endpointOf(socket: Socket): Endpoint {
  const { address: host, port } = socket.address();
  return { host, port };
}

function typeOf(host: string): 'udp4' | 'udp6' {
  return isIPv6(host) ? 'udp6' : 'udp4';
}

/** Addresses are numbers already: nothing is looked up, and datagrams leave in the call that sends them. */
function asItIs(
  host: string,
  family: number,
  callback: (error: null, host: string, family: number) => void,
): void {
  callback(null, host, family);
}

/** Systems that give less, or that do not say, serve as they are. */
function enlargeBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch {
    // The system's own size stays.
  }
}

async function resolveAddress(address: string, code: string): Promise<string> {
  const { host, port } = parseAddress(address);
  if (isIP(host)) return address;
  try {
    return formatAddress({ host: (await lookup(host)).address, port });
  } catch (cause) {
    throw systemError(code, `cannot find ${address}`, cause);
  }
}
