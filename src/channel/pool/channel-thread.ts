/**
 * The inner side of one thread of a pool. What flows through here: commands of the main thread become channels over
 * connections that this thread dials, or that the main thread relays; messages that arrive in one turn go up together,
 * and while too many of them are under way no connection is read; message keys, epoch keys and all that is sealed stay
 * here.
 */
import type { Crypto } from '../../crypto/crypto.ts';
import type { Clock, ThreadPort, Transport } from '../../ports.ts';
import { Endpoint } from '../keyed/endpoint.ts';
import type { Admission, ChannelListener } from '../keyed/listener.ts';
import type { ChannelMessageEvent, SecureChannel } from '../streams/secure-channel.ts';
import { Bundle } from './bundle.ts';
import { RemoteSigner } from './delegating.ts';
import { gatedTransport } from './gated.ts';
import { Outlet } from './outlet.ts';
import { type Command, type Report, shapeOf, type ThreadOptions } from './protocol.ts';
import { RelayedConnection, RelayedListener } from './relayed.ts';
import { FlowWindow } from './window.ts';

/** Messages that the main thread has not taken yet; beyond, no connection of this thread is read. */
export const UNDELIVERED_BYTES_MOST = 4 * 2 ** 20;

export interface ThreadSurroundings {
  readonly port: ThreadPort;
  readonly options: ThreadOptions;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly soon: (callback: () => void) => void;
  readonly admission: () => Admission;
  /** Called once everything is closed and wiped. */
  readonly stopped: () => void;
}

interface LiveChannel {
  readonly outlet: Outlet;
  readonly arrived: Bundle;
}

interface LiveListener {
  readonly relayed: RelayedListener;
  readonly listener: Promise<ChannelListener>;
}

export class ChannelThread {
  readonly #surroundings: ThreadSurroundings;
  readonly #signer: RemoteSigner;
  readonly #endpoint: Endpoint;
  readonly #undelivered = new FlowWindow(UNDELIVERED_BYTES_MOST);
  readonly #channels = new Map<number, LiveChannel>();
  readonly #dialling = new Map<number, AbortController>();
  /** Whom each listener takes. */
  readonly #peers = new Map<number, readonly Uint8Array[]>();
  readonly #listeners = new Map<number, LiveListener>();
  readonly #connections = new Map<number, RelayedConnection>();
  /** Channels in whose bundles something waits. */
  readonly #unreported = new Set<number>();
  #taken = 0;

  constructor(surroundings: ThreadSurroundings) {
    const { port, options, crypto, clock, transport, soon, admission } = surroundings;
    this.#surroundings = surroundings;
    this.#signer = new RemoteSigner(options, (request, message) =>
      this.#report({ type: 'sign', request, message }),
    );
    const relaying: Transport = {
      dial: (address, signal) => transport.dial(address, signal),
      listen: async (number) => this.#listeners.get(Number(number))!.relayed,
    };
    const gated = gatedTransport(relaying, this.#undelivered, (chunk) => crypto.giveBack(chunk));
    this.#endpoint = new Endpoint(
      { crypto, clock, soon, admission, transport: gated },
      { ...options, identity: this.#signer },
    );
    port.onMessage((command) => this.#obey(command as Command));
  }

  #report(report: Report, given?: readonly Uint8Array[]): void {
    this.#surroundings.port.post(report, given);
  }

  #obey(command: Command): void {
    switch (command.type) {
      case 'connect':
        void this.#connect(command);
        break;
      case 'listen':
        this.#peers.set(command.listener, command.peers);
        break;
      case 'unlisten':
        void this.#unlisten(command.listener);
        break;
      case 'accept':
        this.#accept(command);
        break;
      case 'bytes':
        this.#connections.get(command.connection)?.take(command.bytes);
        break;
      case 'end':
        this.#connections.get(command.connection)?.end();
        break;
      case 'taken':
        this.#connections.get(command.connection)?.taken(command.bytes);
        break;
      case 'broken':
        this.#connections.get(command.connection)?.broken();
        break;
      case 'send':
        this.#channels.get(command.channel)?.outlet.take(command.bundle);
        break;
      case 'close':
        this.#dialling.get(command.channel)?.abort();
        this.#channels.get(command.channel)?.outlet.close();
        break;
      case 'delivered':
        this.#undelivered.taken(command.bytes);
        break;
      case 'signature':
        this.#signer.answered(command.request, command.answer);
        break;
      case 'stop':
        void this.#stop();
    }
  }

  async #connect({ channel, address, peer }: Extract<Command, { type: 'connect' }>): Promise<void> {
    const controller = new AbortController();
    this.#dialling.set(channel, controller);
    try {
      const opened = await this.#endpoint.connect({ address, peer, signal: controller.signal });
      this.#keep(channel, opened);
    } catch (error) {
      this.#report({ type: 'closed', channel, error: shapeOf(error) });
    } finally {
      this.#dialling.delete(channel);
    }
  }

  #accept({
    listener,
    connection: number,
    remoteAddress,
    localAddress,
  }: Extract<Command, { type: 'accept' }>): void {
    const connection = new RelayedConnection({
      number,
      remoteAddress,
      localAddress,
      report: (report, given) => this.#report(report, given),
      closed: () => this.#connections.delete(number),
    });
    this.#connections.set(number, connection);
    const live = this.#listenerOf(listener);
    if (live) live.relayed.connections.push(connection);
    else connection.close();
  }

  /** Begun with the first connection, and again after it failed. */
  #listenerOf(number: number): LiveListener | undefined {
    const [live, peers] = [this.#listeners.get(number), this.#peers.get(number)];
    if (live || !peers) return live;
    const relayed = new RelayedListener(`${number}`);
    const listener = Promise.resolve().then(() => this.#endpoint.listen({ address: relayed.address, peers }));
    const begun = { relayed, listener };
    this.#listeners.set(number, begun);
    void this.#takeAll(number, begun);
    return begun;
  }

  async #takeAll(number: number, { relayed, listener }: LiveListener): Promise<void> {
    try {
      for await (const channel of await listener) this.#keep(--this.#taken, channel, number);
    } catch {
      // Whoever dialled sees the connection end; the next one is tried anew.
    }
    await relayed.close();
    this.#listeners.delete(number);
  }

  async #unlisten(number: number): Promise<void> {
    const live = this.#listeners.get(number);
    this.#peers.delete(number);
    const listener = await live?.listener.catch(() => undefined);
    await listener?.close();
    this.#report({ type: 'unlistened', listener: number });
  }

  #keep(number: number, channel: SecureChannel, listener?: number): void {
    const arrived = new Bundle();
    const outlet = new Outlet(channel, (bytes) => this.#report({ type: 'sent', channel: number, bytes }));
    this.#channels.set(number, { outlet, arrived });
    channel.addEventListener('message', (event) => {
      this.#take(number, arrived, event as ChannelMessageEvent);
    });
    void refuseStreams(channel);
    void channel.closed.then((error) => {
      this.#reportMessages();
      this.#channels.delete(number);
      this.#report({ type: 'closed', channel: number, error: error && shapeOf(error) });
    });
    this.#report({
      type: 'established',
      channel: number,
      peer: channel.peer,
      ...(listener !== undefined && { listener }),
    });
  }

  #take(number: number, arrived: Bundle, event: ChannelMessageEvent): void {
    this.#undelivered.posted(arrived.add(event.data));
    event.spend();
    if (this.#unreported.size === 0) queueMicrotask(() => this.#reportMessages());
    this.#unreported.add(number);
  }

  #reportMessages(): void {
    for (const channel of this.#unreported) {
      const bundle = this.#channels.get(channel)?.arrived.take();
      if (bundle) this.#report({ type: 'messages', channel, bundle }, [bundle]);
    }
    this.#unreported.clear();
  }

  async #stop(): Promise<void> {
    this.#undelivered.end();
    for (const controller of this.#dialling.values()) controller.abort();
    await this.#endpoint.close();
    this.#surroundings.stopped();
  }
}

/** A pool passes messages alone. */
async function refuseStreams(channel: SecureChannel): Promise<void> {
  for await (const stream of channel.incomingStreams()) stream.abort();
}
