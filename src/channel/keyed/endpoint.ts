/**
 * Where channels of a program begin. What flows through here: an identity and what the platform gives; out come channels
 * to peers that were dialled, and listeners for those that dial; while channels stand, what this side shows of itself is
 * renewed on them.
 */
import { isOotoError, OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { Role } from '../../noise/handshake-state.ts';
import type { Clock, Connection, Signer, Transport } from '../../ports.ts';
import { Channel, type ChannelOptions } from '../channel.ts';
import type { CookieGuard } from '../cookie.ts';
import type { CredentialVerifier, OwnCredential } from '../credential.ts';
import type { Delivery } from '../incoming.ts';
import { type BackOffLimits, isMendable } from '../lasting/back-off.ts';
import { KeptMemory } from '../lasting/kept-memory.ts';
import type { LastingLimits } from '../lasting/lasting-connection.ts';
import { type LastingLinkOptions, openLastingLink } from '../lasting/lasting-link.ts';
import { Redial } from '../lasting/redial.ts';
import { Resumptions } from '../lasting/resumptions.ts';
import type { ChannelLimits } from '../limits.ts';
import { Link } from '../link.ts';
import { SignatureVerifier } from '../signature-verifier.ts';
import type { StreamLimits } from '../streams/bounds.ts';
import type { HandlerTable, RequestHandler } from '../streams/requests.ts';
import { SecureChannel } from '../streams/secure-channel.ts';
import { type Admission, ChannelListener } from './listener.ts';
import { OwnKey } from './own-key.ts';
import {
  applicationId,
  keyPeerId,
  type PinnedKeys,
  type PublicKey,
  pinnedKeyVerifier,
} from './public-key.ts';

/** What the platform gives. */
export interface Surroundings {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly transport: Transport;
  /** Calls back once the input at hand was taken in; see {@link SignatureVerifier}. */
  readonly soon: (callback: () => void) => void;
  /** What strangers may take of a listener; one for each. */
  readonly admission: () => Admission;
}

export interface EndpointOptions {
  /** The identity key of this side. */
  readonly identity: Signer;
  /** Name of what both ends are: channels of different applications do not come about. Empty unless said. */
  readonly application?: string | undefined;
  /** `verified` unless said: see docs/protocol.md. */
  readonly delivery?: Delivery | undefined;
  readonly limits?: Partial<ChannelLimits> | undefined;
  readonly streamLimits?: Partial<StreamLimits> | undefined;
  /** Whether channels outlive their connections, where the other side says so too; with limits of one's own, or not. */
  readonly lasting?: boolean | Partial<LastingLimits> | undefined;
}

/** Handlers by method, of every channel of a listener or of the one that is dialled. */
export type HandlerRecord = Readonly<Record<string, RequestHandler>> | HandlerTable;

export interface DialOptions {
  /** For example `127.0.0.1:4710`, `ws://127.0.0.1:4711`. */
  readonly address: string;
  /** Whose channel it must be. */
  readonly peer: PublicKey;
  readonly handlers?: HandlerRecord | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface KeepOptions extends DialOptions {
  /** How long to wait between attempts. */
  readonly backOff?: Partial<BackOffLimits> | undefined;
}

export interface ListenOptions {
  /** Port 0 is any free one; see {@link ChannelListener.address}. */
  readonly address: string;
  /** Who may dial. */
  readonly peers: PinnedKeys;
  readonly handlers?: HandlerRecord | undefined;
}

/** What a channel is opened with. */
interface Side {
  readonly own: OwnCredential;
  readonly verifier: CredentialVerifier;
  readonly expectedId?: string;
  readonly cookies?: CookieGuard;
  /** Where the peer can be dialled again. */
  readonly dial?: LastingLinkOptions['dial'];
}

/** Opens one thing on an endpoint that serves for nothing else: it ends with it, or at once when that fails. */
export async function onlyOpening<T extends { readonly closed: Promise<unknown> }>(
  endpoint: Endpoint,
  open: (endpoint: Endpoint) => Promise<T>,
): Promise<T> {
  try {
    const opened = await open(endpoint);
    void opened.closed.then(() => endpoint.close());
    return opened;
  } catch (error) {
    await endpoint.close();
    throw error;
  }
}

export class Endpoint implements AsyncDisposable {
  readonly #surroundings: Surroundings;
  readonly #options: EndpointOptions;
  readonly #meshId: Uint8Array;
  readonly #ownKey: OwnKey;
  readonly #verifier: SignatureVerifier;
  readonly #links = new Set<Link>();
  readonly #listeners = new Set<ChannelListener>();
  readonly #redials = new Set<Redial<SecureChannel>>();
  /** Where sessions of this side go on, whichever listener their next connection comes to. */
  readonly #resumptions: Resumptions;
  readonly #kept = new KeptMemory();
  #cancelRenewal: (() => void) | undefined;
  #isClosed = false;

  constructor(surroundings: Surroundings, options: EndpointOptions) {
    const { crypto, clock, soon } = surroundings;
    this.#surroundings = surroundings;
    this.#options = options;
    this.#meshId = applicationId(crypto, options.application ?? '');
    this.#ownKey = new OwnKey({ crypto, clock, identity: options.identity, meshId: this.#meshId });
    this.#verifier = new SignatureVerifier(crypto, soon);
    this.#resumptions = new Resumptions(clock, this.#meshId);
  }

  /** This side's public key, which peers pin. */
  get publicKey(): Uint8Array {
    return this.#options.identity.publicKey;
  }

  /** This side's id. */
  get id(): string {
    return keyPeerId(this.publicKey);
  }

  /**
   * Opens a channel to `peer` at `address`. Rejects with the signal's reason, with what the transport or the handshake
   * ended by, and
   * @throws OOTO_CHANNEL_PEER_ID, OOTO_CHANNEL_PIN (peer) when somebody else answers.
   */
  async connect({ address, peer, handlers, signal }: DialOptions): Promise<SecureChannel> {
    const expectedId = keyPeerId(peer);
    const verifier = pinnedKeyVerifier(this.#surroundings.crypto, [peer]);
    const { transport } = this.#surroundings;
    // A signer that fails is heard of before anything is dialled; what is shown is what is newest then.
    await this.#own();
    const connection = await transport.dial(address, signal && { signal });
    const own = await this.#ownFor(connection);
    const dial = (again: AbortSignal) => transport.dial(address, { signal: again });
    const { link, channel } = this.#open(
      connection,
      'initiator',
      { own, verifier, expectedId, dial },
      handlers,
    );
    const abort = () => link.close();
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    try {
      await link.established;
      return channel;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /**
   * Keeps a channel to `peer` standing: whenever it ends or could not be opened, another one is, with growing waits. That
   * somebody else answers is no reason to give up, for whoever stands on the way can; mistakes of this side are.
   */
  keepConnected({ backOff, signal, ...options }: KeepOptions): Redial<SecureChannel> {
    this.#requireOpen();
    const { clock, crypto } = this.#surroundings;
    const redial = new Redial<SecureChannel>({
      open: (limited) => this.connect({ ...options, signal: limited }),
      ...{ clock, random: crypto.random },
      isMendable: (error) => isMendable(error) || (isOotoError(error) && error.fault === 'peer'),
      ...(backOff && { limits: backOff }),
      ...(signal && { signal }),
    });
    this.#redials.add(redial);
    void redial.closed.then(() => this.#redials.delete(redial));
    return redial;
  }

  /** Takes channels of pinned peers at `address`. @throws OOTO_TRANSPORT_LISTEN, OOTO_TRANSPORT_ADDRESS. */
  async listen({ address, peers, handlers }: ListenOptions): Promise<ChannelListener> {
    const verifier = pinnedKeyVerifier(this.#surroundings.crypto, peers);
    await this.#own();
    const bound = await this.#surroundings.transport.listen(address);
    if (this.#isClosed) await bound.close();
    this.#requireOpen();
    const listener = new ChannelListener({
      listener: bound,
      admission: this.#surroundings.admission(),
      sift: async (connection) => (this.#options.lasting ? this.#resumptions.sift(connection) : connection),
      open: async (connection, shared, cookies) => {
        const own = await this.#own();
        this.#requireOpen();
        return this.#open(connection, 'responder', { own, verifier, cookies }, shared);
      },
    });
    for (const [method, handler] of entriesOf(handlers)) listener.handle(method, handler);
    this.#listeners.add(listener);
    void listener.closed.then(() => this.#listeners.delete(listener));
    return listener;
  }

  /** Ends all channels and listeners; the keys in memory are wiped. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const redial of this.#redials) redial.close();
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
    for (const link of this.#links) link.close();
    await Promise.all([...this.#links].map((link) => link.closed));
    await Promise.all([...this.#redials].map((redial) => redial.closed));
    this.#cancelRenewal?.();
    this.#ownKey[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #own(): Promise<OwnCredential> {
    this.#requireOpen();
    return this.#ownKey.credential();
  }

  async #ownFor(connection: Connection): Promise<OwnCredential> {
    try {
      const own = await this.#own();
      this.#requireOpen();
      return own;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new OotoError('OOTO_CHANNEL_CLOSED', 'caller', 'this endpoint was closed');
  }

  #open(
    connection: Connection,
    role: Role,
    who: Side,
    handlers: HandlerRecord | undefined,
  ): { link: Link; channel: SecureChannel } {
    try {
      const opened = this.#link(connection, role, who, (change) => channel.dispatchEvent(new Event(change)));
      const channel = this.#channelOver(opened, role, handlers);
      this.#keep(opened.link);
      return { link: opened.link, channel };
    } catch (error) {
      // Limits may be refused, or handlers be none: nobody else has the connection, and its link ends with it.
      connection.close();
      throw error;
    }
  }

  #link(
    connection: Connection,
    role: Role,
    who: Side,
    onChange: NonNullable<LastingLinkOptions['onChange']>,
  ): { link: Link; move?: () => void } {
    const channel = this.#channelOptions(role, who);
    const options = { connection, clock: this.#surroundings.clock, verifier: this.#verifier };
    const { lasting } = this.#options;
    if (!lasting) return { link: new Link({ ...options, channel: new Channel(channel) }) };
    const opened = openLastingLink({
      ...options,
      ...{ channel, onChange, dial: who.dial, memory: this.#kept },
      ...(role === 'responder' && { resumptions: this.#resumptions }),
      ...(lasting !== true && { limits: lasting }),
    });
    return { link: opened.link, move: () => opened.connection.move() };
  }

  #channelOptions(role: Role, { own, verifier, expectedId, cookies }: Side): ChannelOptions {
    const { delivery, limits } = this.#options;
    return {
      ...{ crypto: this.#surroundings.crypto, role, meshId: this.#meshId },
      ...{ own, verifier, expectedId, cookies, defersSignatures: true },
      ...(delivery && { delivery }),
      ...(limits && { limits }),
    };
  }

  #channelOver(
    { link, move }: { link: Link; move?: () => void },
    role: Role,
    handlers: HandlerRecord | undefined,
  ): SecureChannel {
    const table = handlers instanceof Map ? handlers : new Map(entriesOf(handlers));
    const { clock } = this.#surroundings;
    const limits = this.#options.streamLimits;
    return new SecureChannel({ link, role, clock, handlers: table, limits, move });
  }

  #keep(link: Link): void {
    this.#links.add(link);
    this.#renewLater();
    void link.closed.then(() => {
      this.#links.delete(link);
      if (this.#links.size > 0) return;
      this.#cancelRenewal?.();
      this.#cancelRenewal = undefined;
    });
  }

  #renewLater(): void {
    const { clock } = this.#surroundings;
    this.#cancelRenewal ??= clock.after(this.#ownKey.renewsInMs, () => void this.#renew());
  }

  /** A channel lives as long as the newest delegation that its peer was shown. */
  async #renew(): Promise<void> {
    this.#cancelRenewal = undefined;
    const own = await this.#ownKey.credential().catch(() => undefined);
    if (this.#isClosed || this.#links.size === 0) return;
    if (own) for (const link of this.#links) link.renewCredential(own);
    this.#renewLater();
  }
}

/** Own names alone: no method comes from a prototype. */
function entriesOf(handlers: HandlerRecord | undefined): Iterable<[string, RequestHandler]> {
  if (!handlers) return [];
  return handlers instanceof Map ? handlers : Object.entries(handlers as Record<string, RequestHandler>);
}
