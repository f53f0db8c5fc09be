/**
 * Datagram channels over a live socket. What flows through here: datagrams go into the host as they arrive, and all
 * that came together is one turn; messages come out to one listener a peer; messages sent in one turn of the event
 * loop leave together. Signatures are checked by the node's verifier. What the socket does not take is dropped, and
 * counted.
 */
import { OotoError } from '../../base/errors.ts';
import type { Clock, DatagramSocket } from '../../ports.ts';
import type { Peer } from '../credential.ts';
import type { Moment } from '../limits.ts';
import type { SignatureVerifier } from '../signature-verifier.ts';
import type { SignedItem } from '../signed-batch.ts';
import type { DatagramChannel } from './channel.ts';
import type { DatagramEvent } from './channel-options.ts';
import { DatagramHost, type DatagramHostOptions } from './host.ts';

export interface DatagramEndpointOptions extends Omit<DatagramHostOptions, 'defersSignatures'> {
  readonly socket: DatagramSocket;
  readonly clock: Clock;
  readonly verifierOfSignatures: SignatureVerifier;
  /** Calls back once the input at hand was taken in, before anything else is waited for. */
  readonly soon: (callback: () => void) => void;
}

/** `message` is a view into the plain text of its record: whoever keeps it for long copies it. */
export type DatagramMessageListener = (message: Uint8Array, items: readonly SignedItem[]) => void;

/** One peer, through as many sessions as it takes. */
export class DatagramPeer implements Disposable {
  readonly channel: DatagramChannel;
  readonly established: Promise<Peer>;
  /** Resolves when the channel has ended, with the error that ended it if there was one. */
  readonly closed: Promise<OotoError | undefined>;
  readonly #endpoint: Pick<DatagramEndpoint, 'send' | 'close'>;
  readonly #end: () => void;
  #peerId: string | undefined;
  #hasEnded = false;
  #onMessage: DatagramMessageListener = () => {};
  #onEvent: (event: DatagramEvent) => void = () => {};
  #resolve!: (peer: Peer) => void;
  #reject!: (error: unknown) => void;
  #resolveClosed!: (error: OotoError | undefined) => void;

  /** Made by {@link DatagramEndpoint}. */
  constructor(channel: DatagramChannel, endpoint: Pick<DatagramEndpoint, 'send' | 'close'>, end: () => void) {
    this.channel = channel;
    this.#endpoint = endpoint;
    this.#end = end;
    this.established = new Promise((resolve, reject) => {
      [this.#resolve, this.#reject] = [resolve, reject];
    });
    this.established.catch(() => {});
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** The peer's id, proven. @throws OOTO_CHANNEL_STATE (caller) before the first session. */
  get peerId(): string {
    if (this.#peerId === undefined)
      throw new OotoError('OOTO_CHANNEL_STATE', 'caller', 'the peer is not known yet');
    return this.#peerId;
  }

  /** Sets who takes the messages. Set it before the first can arrive: within {@link established}. */
  set onMessage(listener: DatagramMessageListener) {
    this.#onMessage = listener;
  }

  /** Sets who is told of sessions, epochs, addresses and the end. */
  set onEvent(listener: (event: DatagramEvent) => void) {
    this.#onEvent = listener;
  }

  /**
   * Sends a message, which is copied; false when it was dropped because the socket takes no more.
   * @throws OOTO_CHANNEL_STATE, OOTO_CHANNEL_SIZE, OOTO_CHANNEL_QUEUE (caller).
   */
  send(message: Uint8Array): boolean {
    return this.#endpoint.send(this.channel, message);
  }

  /** Ends the channel. */
  close(): void {
    this.#end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Hands out what happened; after the end nothing more, though it came before. */
  take(event: DatagramEvent): void {
    if (this.#hasEnded) return;
    this.#hasEnded = event.type === 'closed';
    if (event.type === 'established') {
      this.#peerId = event.peer.identity.id;
      this.#resolve(event.peer);
    }
    if (event.type === 'closed') {
      this.#reject(event.error ?? new OotoError('OOTO_CHANNEL_CLOSED', 'peer', 'the channel has ended'));
      this.#resolveClosed(event.error);
    }
    if (event.type === 'message') this.#onMessage(event.message, event.items);
    else this.#onEvent(event);
  }
}

export class DatagramEndpoint implements AsyncDisposable {
  readonly #options: DatagramEndpointOptions;
  readonly #host: DatagramHost;
  readonly #peers = new Map<DatagramChannel, DatagramPeer>();
  readonly #places = new Map<DatagramChannel, string>();
  readonly #users = new Map<string, number>();
  #onPeer: (peer: DatagramPeer) => void = (peer) => peer.close();
  #turnDue = false;
  #sendDue = false;
  #dropped = 0;
  #timerAt = Number.POSITIVE_INFINITY;
  #cancelTimer = () => {};
  #isClosed = false;

  /** @throws OOTO_CHANNEL_OPTIONS (caller). */
  constructor(options: DatagramEndpointOptions) {
    this.#options = options;
    this.#host = new DatagramHost({ ...options, defersSignatures: true });
    options.socket.onDatagram((datagram, from) => this.#receive(datagram, from));
  }

  /** Where others dial. */
  get address(): string {
    return this.#options.socket.address;
  }

  get status() {
    return { ...this.#host.status, ...this.#options.socket.counts, messagesDropped: this.#dropped };
  }

  /** Sets who takes peers that dialled; without, they are sent away. */
  set onPeer(listener: (peer: DatagramPeer) => void) {
    this.#onPeer = listener;
  }

  /**
   * A channel with `expectedId` at `host:port`, once it is established.
   * @throws OOTO_TRANSPORT_ADDRESS (caller); OOTO_TRANSPORT_UNREACHABLE (environment); OOTO_CHANNEL_OPTIONS (caller);
   *   what ended the handshake; the signal's reason when aborted.
   */
  async dial(
    address: string,
    expectedId: string | undefined,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<DatagramPeer> {
    const resolved = await this.#options.socket.resolve(address, signal ? { signal } : {});
    signal?.throwIfAborted();
    this.#requireOpen();
    const peer = this.#adopt(this.#host.dial(resolved, expectedId, this.#moment()));
    const onAbort = () => peer.close();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#settle();
    try {
      await peer.established;
      return peer;
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** For {@link DatagramPeer}. */
  send(channel: DatagramChannel, message: Uint8Array): boolean {
    if (this.#options.socket.isFull) {
      this.#dropped++;
      return false;
    }
    channel.send(message);
    this.#host.touch(channel);
    if (this.#sendDue) return true;
    this.#sendDue = true;
    queueMicrotask(() => {
      this.#sendDue = false;
      this.#settle();
    });
    return true;
  }

  /** Ends all channels and closes the socket. Idempotent. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#host.close(this.#moment());
      this.#settle();
      this.#isClosed = true;
      this.#cancelTimer();
    }
    await this.#options.socket.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #receive(datagram: Uint8Array, from: string): void {
    if (this.#isClosed) return;
    this.#host.receive(datagram, from, this.#moment());
    this.#turnSoon();
  }

  /** Once in a turn of the event loop strangers are served: a few, for peers come first. */
  #turnSoon(): void {
    if (this.#turnDue) return;
    this.#turnDue = true;
    this.#options.soon(() => {
      this.#turnDue = false;
      if (this.#isClosed) return;
      this.#host.serveStrangers(this.#moment());
      this.#settle();
      if (this.#host.hasKnocking) this.#turnSoon();
    });
  }

  /** Ends a turn: jobs go to the verifier, events to their listeners, datagrams to the socket. */
  #settle(): void {
    if (this.#isClosed) return;
    this.#host.turn(this.#moment());
    for (const channel of this.#host.takeAccepted()) {
      const peer = this.#adopt(channel);
      this.#listening(channel, () => this.#onPeer(peer));
    }
    for (const channel of this.#host.takeTouched()) this.#serve(channel);
    for (const { bytes, to } of this.#host.takeOutput()) this.#options.socket.send(bytes, to);
    this.#setTimer();
  }

  #serve(channel: DatagramChannel): void {
    const job = channel.takeJob();
    if (job)
      this.#options.verifierOfSignatures.submit(job, (refused) => {
        channel.settle(job, refused, this.#moment());
        this.#host.touch(channel);
        this.#settle();
      });
    this.#place(channel);
    const peer = this.#peers.get(channel);
    while (peer && channel.hasEvents)
      for (const event of channel.takeEvents()) this.#listening(channel, () => peer.take(event));
    if (channel.state === 'closed') this.#peers.delete(channel);
  }

  /** A listener that throws ends its own channel, and holds up no other. */
  #listening(channel: DatagramChannel, call: () => void): void {
    try {
      call();
    } catch (cause) {
      channel.fail(
        new OotoError('OOTO_CHANNEL_LISTENER', 'caller', 'the listener of a channel threw', { cause }),
        this.#moment(),
      );
      this.#host.touch(channel);
    }
  }

  /** An established peer is kept apart from strangers, wherever it is. */
  #place(channel: DatagramChannel): void {
    const { socket } = this.#options;
    const before = this.#places.get(channel);
    const now = channel.state === 'established' ? channel.address : undefined;
    if (before === now) return;
    if (before !== undefined && this.#count(before, -1) === 0) socket.letGo(before);
    if (now !== undefined && this.#count(now, 1) === 1) socket.keepApart(now);
    if (now === undefined) this.#places.delete(channel);
    else this.#places.set(channel, now);
  }

  /** A peer's next session may come from the same address before the one before it is forgotten. */
  #count(address: string, by: number): number {
    const count = (this.#users.get(address) ?? 0) + by;
    if (count === 0) this.#users.delete(address);
    else this.#users.set(address, count);
    return count;
  }

  #adopt(channel: DatagramChannel): DatagramPeer {
    const peer = new DatagramPeer(channel, this, () => {
      channel.close(this.#moment());
      this.#host.touch(channel);
      this.#settle();
    });
    this.#peers.set(channel, peer);
    return peer;
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new OotoError('OOTO_CHANNEL_STATE', 'caller', 'the endpoint is closed');
  }

  /** A timer that is early does no harm, so it is replaced only when something is due before it. */
  #setTimer(): void {
    const due = this.#host.deadline();
    if (due >= this.#timerAt || this.#isClosed) return;
    this.#cancelTimer();
    this.#timerAt = due;
    const { clock } = this.#options;
    this.#cancelTimer = clock.after(Math.max(0, due - clock.monotonic()), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#host.tick(this.#moment());
      this.#settle();
    });
  }

  #moment(): Moment {
    return { wall: this.#options.clock.now(), monotonic: this.#options.clock.monotonic() };
  }
}
