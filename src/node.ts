/** The door for Node: the platform-neutral door, and what is wired to Node's own parts. */
import { Datagrams, type DatagramsOptions } from './channel/keyed/datagrams.ts';
import {
  type DialOptions,
  Endpoint,
  type EndpointOptions,
  type KeepOptions,
  type ListenOptions,
  onlyOpening,
} from './channel/keyed/endpoint.ts';
import { type Identity, identityOf } from './channel/keyed/identity.ts';
import type { ChannelListener } from './channel/keyed/listener.ts';
import type { Redial } from './channel/lasting/redial.ts';
import { ChannelPool, type PoolOptions } from './channel/pool/channel-pool.ts';
import type { SecureChannel } from './channel/streams/secure-channel.ts';
import { instantiateCore } from './core/index.ts';
import { type Crypto, createCrypto } from './crypto/index.ts';
import { Doorway } from './mesh/doorway.ts';
import { nodeClock } from './platform/node/clock.ts';
import { readCore } from './platform/node/core-file.ts';
import { duplexOf, type StreamPair } from './platform/node/duplex.ts';
import { nodeHardware } from './platform/node/hardware.ts';
import { nodeRandom } from './platform/node/random.ts';
import { softwareSigner } from './platform/node/signer.ts';
import { spareProcessors, startThread } from './platform/node/threads.ts';
import { nodeTransport } from './platform/node/transports.ts';
import { udpSocket } from './platform/node/udp.ts';
import type { Signer, Transport } from './ports.ts';

export type { DatagramChannel } from './channel/datagram/channel.ts';
export type { DatagramEvent, DatagramState } from './channel/datagram/channel-options.ts';
export type { DatagramMessageListener, DatagramPeer } from './channel/datagram/endpoint.ts';
export type { DatagramLimits } from './channel/datagram/limits.ts';
export type { PoolListener } from './channel/pool/pool-listener.ts';
export type { PooledChannel } from './channel/pool/pooled-channel.ts';
export type { SignedBatch, SignedItem } from './channel/signed-batch.ts';
export * from './index.ts';
export {
  type ChannelPool,
  type Datagrams,
  type DatagramsOptions,
  duplexOf,
  nodeClock,
  nodeTransport,
  type PoolOptions,
  type StreamPair,
};

/**
 * The primitives, over a core of their own and the processor's instructions.
 * @throws OOTO_CORE_MISSING (environment) without core.wasm; OOTO_CORE_MODULE (environment) where it cannot run.
 */
export function createNodeCrypto(): Crypto {
  return createCrypto({
    core: instantiateCore(readCore()),
    hardware: nodeHardware(),
    random: nodeRandom(),
  });
}

/** What a program may bring itself; whatever is absent is made. */
export interface NodeParts {
  /** Primitives that several endpoints share. */
  readonly crypto?: Crypto | undefined;
  /** Another way than TCP (`host:port`) and WebSocket (`ws://host:port`). */
  readonly transport?: Transport | undefined;
}

/** A new identity key in memory, or that of a seed of 32 bytes. */
export function createIdentity(seed?: Uint8Array, { crypto = createNodeCrypto() }: NodeParts = {}): Identity {
  return identityOf(crypto, seed);
}

/**
 * The identity key of a file (PKCS #8, mode 0600), which is made if there is none.
 * @throws OOTO_SIGNER_FILE, OOTO_FILES_* (environment).
 */
export function identityFromFile(
  file: string,
  { crypto = createNodeCrypto() }: NodeParts = {},
): Promise<Signer & Disposable> {
  return softwareSigner({ file, random: crypto.random, ed25519: crypto.ed25519 });
}

/** Where channels of one identity begin: many can be dialled and listened for, over TCP and WebSocket. */
export function createEndpoint(options: EndpointOptions & NodeParts): Endpoint {
  const { crypto = createNodeCrypto(), transport = nodeTransport() } = options;
  const clock = nodeClock();
  return new Endpoint(
    { crypto, clock, transport, soon: setImmediate, admission: () => new Doorway(crypto, clock) },
    options,
  );
}

/**
 * Channels of one identity on several threads: for messages alone, and for more of them than one processor seals.
 * @throws OOTO_POOL_OPTIONS (caller) for a number of threads that is none.
 */
export function createChannelPool(options: PoolOptions & Pick<NodeParts, 'crypto'>): ChannelPool {
  const { crypto = createNodeCrypto(), threads = spareProcessors() } = options;
  const start = (data: unknown) => startThread('channel-thread.js', data);
  return new ChannelPool({ crypto, clock: nodeClock(), transport: nodeTransport(), threads, start }, options);
}

/** Opens one channel; see {@link Endpoint.connect}. */
export async function connect(options: EndpointOptions & DialOptions & NodeParts): Promise<SecureChannel> {
  return onlyOpening(createEndpoint(options), (endpoint) => endpoint.connect(options));
}

/** Keeps one channel standing, dialling again whenever it ends; see {@link Endpoint.keepConnected}. */
export function keepConnected(options: EndpointOptions & KeepOptions & NodeParts): Redial<SecureChannel> {
  const endpoint = createEndpoint(options);
  const redial = endpoint.keepConnected(options);
  void redial.closed.then(() => endpoint.close());
  return redial;
}

/** Takes channels at one address; see {@link Endpoint.listen}. */
export async function listen(options: EndpointOptions & ListenOptions & NodeParts): Promise<ChannelListener> {
  return onlyOpening(createEndpoint(options), (endpoint) => endpoint.listen(options));
}

/**
 * Datagram channels over a UDP socket bound to `address`: messages arrive once, whole, or not at all.
 * An aborted `signal` closes them, as `close` does.
 * @throws OOTO_TRANSPORT_ADDRESS, OOTO_CHANNEL_OPTIONS (caller); OOTO_TRANSPORT_LISTEN (environment).
 */
export async function openDatagrams(
  options: DatagramsOptions & {
    readonly address: string;
    readonly crypto?: Crypto | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Datagrams> {
  const { crypto = createNodeCrypto(), address, signal } = options;
  signal?.throwIfAborted();
  const socket = await udpSocket(address, { takesStrangers: options.onPeer !== undefined });
  return Datagrams.over({ crypto, clock: nodeClock(), socket, soon: setImmediate }, options, { signal });
}
