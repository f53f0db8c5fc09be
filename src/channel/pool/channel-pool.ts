/**
 * Channels of one identity on several threads. What flows through here: each new channel goes to the thread that has
 * least to do, which is started when it is first needed and again when it has died; connections that others open are
 * accepted here and handed out in the same way.
 */
import { OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { Clock, Connection, Listener, Signer, Thread, Transport } from '../../ports.ts';
import type { Delivery } from '../incoming.ts';
import { keyPeerId, type PublicKey, publicKey } from '../keyed/public-key.ts';
import type { ChannelLimits } from '../limits.ts';
import { signDelegation } from './delegating.ts';
import { PoolListener } from './pool-listener.ts';
import { PoolThread } from './pool-thread.ts';
import type { PooledChannel } from './pooled-channel.ts';
import type { ThreadOptions } from './protocol.ts';

export interface PoolOptions {
  /** The identity key of this side; it stays in this thread, and signs a delegation for each other. */
  readonly identity: Signer;
  /** Most threads; as many as there are processors but one, unless said. */
  readonly threads?: number | undefined;
  /** As for an endpoint: both ends must name the same. */
  readonly application?: string | undefined;
  readonly delivery?: Delivery | undefined;
  readonly limits?: Partial<ChannelLimits> | undefined;
}

export interface PoolSurroundings {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Takes the connections of others; threads dial themselves. */
  readonly transport: Transport;
  readonly threads: number;
  readonly start: (options: ThreadOptions) => Thread;
}

/** Threads that have not ended after so long are ended. */
const STOP_MS = 10_000;

export class ChannelPool implements AsyncDisposable {
  readonly #surroundings: PoolSurroundings;
  readonly #options: PoolOptions;
  readonly #threads = new Set<PoolThread>();
  readonly #listeners = new Map<number, { readonly listener: PoolListener; readonly peers: Uint8Array[] }>();
  #numbers = 0;
  #closing: Promise<void> | undefined;

  /** @throws OOTO_POOL_OPTIONS (caller) for a number of threads that is none. */
  constructor(surroundings: PoolSurroundings, options: PoolOptions) {
    if (!Number.isInteger(surroundings.threads) || surroundings.threads < 1)
      throw new OotoError('OOTO_POOL_OPTIONS', 'caller', 'a pool has at least one thread');
    this.#surroundings = surroundings;
    this.#options = options;
  }

  /** This side's public key, which peers pin. */
  get publicKey(): Uint8Array {
    return this.#options.identity.publicKey;
  }

  /** This side's id. */
  get id(): string {
    return keyPeerId(this.publicKey);
  }

  /** Threads that run. */
  get threads(): number {
    return this.#threads.size;
  }

  /**
   * Opens a channel to `peer` at `address`. Rejects with the signal's reason, with what the transport or the handshake
   * ended by, and
   * @throws OOTO_CHANNEL_PEER_ID, OOTO_CHANNEL_PIN (peer) when somebody else answers; OOTO_POOL_THREAD (local) when the
   *   thread dies; OOTO_CHANNEL_CLOSED (caller) after {@link close}.
   */
  async connect({
    address,
    peer,
    signal,
  }: {
    readonly address: string;
    readonly peer: PublicKey;
    readonly signal?: AbortSignal | undefined;
  }): Promise<PooledChannel> {
    return this.#leastLoaded().connect(address, copyOfKey(peer), signal);
  }

  /**
   * Takes channels of pinned peers at `address`; a function cannot say whom, for the threads judge.
   * @throws OOTO_TRANSPORT_LISTEN (environment), OOTO_TRANSPORT_ADDRESS, OOTO_CHANNEL_KEY (caller).
   */
  async listen({
    address,
    peers,
  }: {
    readonly address: string;
    readonly peers: Iterable<PublicKey>;
  }): Promise<PoolListener> {
    this.#requireOpen();
    const keys = [...peers].map(copyOfKey);
    const transported = await this.#surroundings.transport.listen(address);
    if (this.#closing) await transported.close();
    this.#requireOpen();
    return this.#open(transported, keys);
  }

  /** Ends all channels and listeners, and every thread. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(transported: Listener, peers: Uint8Array[]): PoolListener {
    const number = ++this.#numbers;
    const listener = new PoolListener({
      listener: transported,
      accept: (connection) => this.#accept(number, connection),
      release: async () => {
        await Promise.all([...this.#threads].map((thread) => thread.unlisten(number)));
        this.#listeners.delete(number);
      },
    });
    this.#listeners.set(number, { listener, peers });
    for (const thread of this.#threads) thread.listen(number, peers);
    return listener;
  }

  #accept(number: number, connection: Connection): void {
    try {
      this.#leastLoaded().accept(number, connection);
    } catch {
      // No thread can be had: whoever dialled sees the connection end.
      connection.close();
    }
  }

  async #close(): Promise<void> {
    const cancel = this.#surroundings.clock.after(STOP_MS, () => {
      for (const thread of this.#threads) void thread.terminate();
    });
    await Promise.all([...this.#listeners.values()].map(({ listener }) => listener.close()));
    await Promise.all([...this.#threads].map((thread) => thread.stop()));
    cancel();
  }

  #requireOpen(): void {
    if (this.#closing) throw new OotoError('OOTO_CHANNEL_CLOSED', 'caller', 'this pool was closed');
  }

  #leastLoaded(): PoolThread {
    this.#requireOpen();
    const [least] = [...this.#threads].sort((one, other) => one.load - other.load);
    const isEnough = least && (least.load === 0 || this.#threads.size >= this.#surroundings.threads);
    return isEnough ? least : this.#start();
  }

  #start(): PoolThread {
    const { crypto, clock, start } = this.#surroundings;
    const { identity, application = '', delivery, limits } = this.#options;
    const { algorithm } = identity;
    const key = copyOfKey(identity.publicKey);
    // What waits is bounded on this side, where a sender can be told.
    const unbounded = { ...limits, queueBytes: Number.POSITIVE_INFINITY };
    const thread = new PoolThread({
      thread: start({ algorithm, publicKey: key, application, delivery, limits: unbounded }),
      limits,
      sign: (message) => signDelegation({ crypto, identity, application, now: clock.now() }, message),
      taken: (listener, channel) => {
        const live = this.#listeners.get(listener);
        if (live) live.listener.welcome(channel);
        else void channel.close();
      },
    });
    this.#threads.add(thread);
    void thread.ended.then(() => this.#threads.delete(thread));
    for (const [number, { peers }] of this.#listeners) thread.listen(number, peers);
    return thread;
  }
}

/** Alone in its memory: what crosses to a thread takes all of its memory along, and what a caller has may change. */
function copyOfKey(key: PublicKey): Uint8Array {
  return publicKey(key).bytes.slice();
}
