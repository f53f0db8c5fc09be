/**
 * The sessions of a node. What flows through here: accepted connections are matched to the mesh they mean and
 * become responders; dialled addresses become initiators; every session is known by its peer's id until it ends.
 * Before a node has a certificate it stands in another mesh context (the genesis draft, an enrolment), each with
 * credentials and a verifier of its own.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { Channel, type ChannelStatus } from '../channel/channel.ts';
import { isAdmitted, makeCookie } from '../channel/cookie.ts';
import type { CredentialKind, CredentialVerifier, OwnCredential } from '../channel/credential.ts';
import { readPreamble } from '../channel/preamble.ts';
import { SignatureVerifier } from '../channel/signature-verifier.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { Clock, Connection, Listener, Logger, Transport } from '../ports.ts';
import { Doorway, type DoorwayStatus } from './doorway.ts';
import { underDeadline } from './patience.ts';
import { Refusals } from './refusals.ts';
import { asOotoError, Session, type SessionHandlers } from './session.ts';
import { type FirstMessage, Stranger } from './stranger.ts';

/** From the first packet to a session on which both sides are attested. */
const DIAL_MS = 15_000;
const MOST_SESSIONS = 4_096;
/** Connections whose first bytes have not come yet; the oldest gives way. */
const MOST_SILENT = 1_024;
/** More than two nodes that dial each other at the same moment can need. */
const MOST_SESSIONS_WITH_ONE = 16;
/** Anybody can enrol under any number of keys: together they must leave room for members. */
const MOST_ENROLLING = 256;
/** A channel whose epoch is this late closes: 60 s and 30 s make 90 s. */
const EPOCH_GRACE_MS = 30_000;

/** How this node stands in one mesh, or in one genesis draft. */
export interface MeshContext {
  meshId: Uint8Array;
  own(): OwnCredential;
  verifier: CredentialVerifier;
  /** Kinds of peers that may dial this node here; none when it only dials. */
  accept: readonly CredentialKind[];
}

export interface PeersOptions {
  crypto: Crypto;
  clock: Clock;
  logger: Logger;
  transport: Transport;
  handlers: Omit<SessionHandlers, 'ended'> & {
    /** Someone was refused in this phase. */
    refused(phase: string): void;
  };
  /** Milliseconds between epochs. */
  epochMs: number;
}

/** Totals over sessions that live and that have ended. */
export interface SessionTotals {
  count: number;
  suite: string;
  /** Epochs begun on the channel that began most. */
  epochs: number;
  signedMessages: number;
}

export interface PeersLimits extends DoorwayStatus {
  /** Connections that have said nothing yet. */
  silent: number;
  refused: Record<string, number>;
}

export class Peers {
  readonly #options: PeersOptions;
  readonly #contexts = new Map<string, MeshContext>();
  readonly #sessions = new Set<Session>();
  readonly #past = { epochs: 0, signedMessages: 0 };
  readonly #doorway: Doorway;
  readonly #refusals: Refusals;
  readonly #signatures: SignatureVerifier;
  readonly #silent = new Map<Connection, Stranger>();
  readonly #listeners: Listener[] = [];
  #isClosed = false;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#doorway = new Doorway(options.crypto, options.clock);
    this.#refusals = new Refusals(options.clock, options.logger);
    const { crypto, clock } = options;
    this.#signatures = new SignatureVerifier(crypto, (callback) =>
      clock.soon ? clock.soon(callback) : queueMicrotask(callback),
    );
  }

  /** Stands in this mesh from now on, replacing how it stood there before. */
  join(context: MeshContext): void {
    this.#contexts.set(hex(context.meshId), context);
  }

  /** Listens at `address`, besides where it listens already, and accepts until closed; returns the real address. */
  async listen(address: string): Promise<string> {
    const listener = await this.#options.transport.listen(address);
    this.#listeners.push(listener);
    void this.#acceptAll(listener);
    return listener.address;
  }

  /**
   * A session with the peer at `address`, authenticated and attested.
   * @param expectedId whom to find there; only an enrolment may leave it open
   */
  async dial(
    meshId: Uint8Array,
    address: string,
    expectedId: string | undefined,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<Session> {
    const context = this.#contextOf(meshId);
    const kind = context.own().kind;
    const accept: CredentialKind[] = kind === 'founder' ? ['founder'] : ['member'];
    const late = new OotoError('OOTO_MESH_TIMEOUT', 'environment', `no session with ${address} came about`);
    return underDeadline(this.#options.clock, DIAL_MS, late, signal, async (limited) => {
      const connection = await this.#options.transport.dial(address, { signal: limited });
      const session = this.#openDialled(connection, context, { expectedId, accept });
      const abort = () => session.close(asOotoError(limited.reason));
      limited.addEventListener('abort', abort, { once: true });
      if (limited.aborted) abort();
      try {
        await session.ready();
        return session;
      } finally {
        limited.removeEventListener('abort', abort);
      }
    });
  }

  /** Shows every live peer in this mesh what this node presents now. */
  renewCredentials(meshId: Uint8Array): void {
    const own = this.#contextOf(meshId).own();
    for (const session of this.#sessions) if (equal(session.meshId, meshId)) session.renewCredential(own);
  }

  /** The live, ready session with this peer in this mesh, the newest first. */
  with(meshId: Uint8Array, id: string): Session | undefined {
    return [...this.#sessions].reverse().find((session) => session.isWith(meshId, id));
  }

  get sessions(): readonly Session[] {
    return [...this.#sessions];
  }

  get totals(): SessionTotals {
    const live = this.sessions.map((session) => session.channel.status);
    return {
      count: live.length,
      suite: live[0]?.suite ?? '',
      epochs: Math.max(this.#past.epochs, ...live.map(epochsOf)),
      signedMessages: live.reduce((sum, status) => sum + messagesOf(status), this.#past.signedMessages),
    };
  }

  /** What strangers take, and who was refused, by code. */
  get limits(): PeersLimits {
    return { ...this.#doorway.status, silent: this.#silent.size, refused: this.#refusals.counts };
  }

  /** Ends every session, with time for the peers to be told, then stops listening. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const sessions = this.sessions;
    for (const session of sessions) session.close();
    await Promise.all(sessions.map((session) => session.closing));
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  async #acceptAll(listener: Listener): Promise<void> {
    try {
      for await (const connection of listener.connections) void this.#accept(connection);
    } catch (error) {
      this.#options.logger.log('error', 'no more connections are accepted', { error });
    }
  }

  async #accept(connection: Connection): Promise<void> {
    try {
      this.#requireRoom();
      const stranger = new Stranger(connection, this.#options.clock);
      const first = await this.#firstBytes(connection, stranger);
      this.#requireRoom();
      const context = this.#contextOf(first.meshId);
      await this.#admit(connection.remoteAddress, stranger, first);
      this.#requireRoom();
      const session = this.#open(stranger.connection, context, 'responder', { accept: context.accept });
      if (!session.ended) this.#doorway.admitted(session);
    } catch (error) {
      this.#options.handlers.refused('connection');
      this.#refusals.note(asOotoError(error), { phase: 'connection', remote: connection.remoteAddress });
      connection.close();
    }
  }

  /** Waits for the first bytes; of connections that say nothing there are so many and no more. */
  async #firstBytes(connection: Connection, stranger: Stranger): Promise<FirstMessage> {
    this.#silent.set(connection, stranger);
    if (this.#silent.size > MOST_SILENT) this.#endOldestSilent();
    try {
      return await stranger.firstMessage();
    } finally {
      this.#silent.delete(connection);
    }
  }

  /** Under load a first message needs a cookie; whoever brings none is asked for it, once, and nothing is made for it. */
  async #admit(address: string, stranger: Stranger, { meshId, preamble }: FirstMessage): Promise<void> {
    const { crypto } = this.#options;
    const guard = this.#doorway.guardFor(address);
    if (isAdmitted(crypto, guard, meshId, readPreamble(preamble, meshId))) return;
    this.#doorway.opened(stranger);
    try {
      const again = await stranger.askForCookie(makeCookie(crypto, guard, meshId));
      if (!isAdmitted(crypto, guard, meshId, readPreamble(again.preamble, meshId)))
        throw new OotoError('OOTO_CHANNEL_COOKIE', 'peer', 'the first message carries no valid cookie');
    } finally {
      this.#doorway.settled(stranger);
    }
  }

  #endOldestSilent(): void {
    const [[connection, stranger]] = this.#silent;
    this.#silent.delete(connection);
    stranger.close(
      new OotoError('OOTO_MESH_SILENT_FULL', 'peer', `${MOST_SILENT} newer connections say nothing`),
    );
  }

  #openDialled(
    connection: Connection,
    context: MeshContext,
    expectations: { expectedId: string | undefined; accept: readonly CredentialKind[] },
  ): Session {
    try {
      return this.#open(connection, context, 'initiator', expectations);
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  #requireRoom(): void {
    if (this.#isClosed) throw new OotoError('OOTO_MESH_CLOSED', 'local', 'this node is being closed');
    if (this.#sessions.size >= MOST_SESSIONS)
      throw new OotoError('OOTO_MESH_FULL', 'environment', `${MOST_SESSIONS} sessions are open`);
  }

  #open(
    connection: Connection,
    context: MeshContext,
    role: 'initiator' | 'responder',
    expectations: {
      expectedId?: string | undefined;
      accept: readonly CredentialKind[];
    },
  ): Session {
    const { crypto, clock, logger, handlers, epochMs } = this.#options;
    const { meshId, verifier } = context;
    const limits = { epochMs, epochLimitMs: epochMs + EPOCH_GRACE_MS };
    const own = context.own();
    const channel = new Channel({
      crypto,
      role,
      meshId,
      own,
      verifier,
      limits,
      defersSignatures: true,
      ...expectations,
    });
    const ended = (session: Session, reason: OotoError) => this.#ended(session, reason);
    const ready = (session: Session) => {
      this.#limitSessionsWith(session);
      this.#limitEnrolling();
      this.#renewOutdated(session, own);
      handlers.ready(session);
    };
    const authenticated: SessionHandlers['authenticated'] = (session, peer) => {
      this.#doorway.settled(session);
      return handlers.authenticated(session, peer);
    };
    const session = new Session({
      meshId,
      connection,
      channel,
      verifier: this.#signatures,
      clock,
      logger,
      handlers: { ...handlers, authenticated, ready, ended },
    });
    if (session.ended) return session;
    this.#sessions.add(session);
    return session;
  }

  /** What this node shows may have been renewed while the handshake was under way, which the peer has not seen. */
  #renewOutdated(session: Session, shown: OwnCredential): void {
    if (shown.kind === 'enrol') return;
    const own = this.#contextOf(session.meshId).own();
    if (!equal(own.delegation, shown.delegation)) session.renewCredential(own);
  }

  /** A peer that opens one session after the other loses its oldest; a peer is known by its identity key. */
  #limitSessionsWith({ peer, meshId }: Session): void {
    const { identityKey } = peer.identity;
    const isSamePeer = (other: Session) =>
      other.peerId !== undefined &&
      equal(other.meshId, meshId) &&
      equal(other.peer.identity.identityKey.bytes, identityKey.bytes);
    const same = this.sessions.filter(isSamePeer);
    const busy = new OotoError('OOTO_MESH_PEER_SESSIONS', 'peer', 'the peer has opened newer sessions');
    for (const session of same.slice(0, -MOST_SESSIONS_WITH_ONE)) session.close(busy);
  }

  #limitEnrolling(): void {
    const enrolling = this.sessions.filter(
      (other) => other.peerId !== undefined && other.peer.identity.kind === 'enrol',
    );
    const busy = new OotoError('OOTO_MESH_ENROLLING', 'peer', 'others enrol, and this took too long');
    for (const session of enrolling.slice(0, -MOST_ENROLLING)) session.close(busy);
  }

  #ended(session: Session, reason: OotoError): void {
    if (!this.#sessions.delete(session)) return;
    const { status } = session.channel;
    this.#past.epochs = Math.max(this.#past.epochs, epochsOf(status));
    this.#past.signedMessages += messagesOf(status);
    this.#doorway.settled(session);
    const { code, fault } = reason;
    const phase = session.peerId ? 'session' : 'handshake';
    const fields = { phase, peer: session.peerId, remote: session.remoteAddress };
    const left = code === 'OOTO_MESH_DISCONNECTED' || code === 'OOTO_CHANNEL_TRUNCATED';
    if (fault === 'peer' && !left) {
      this.#options.handlers.refused(phase);
      this.#refusals.note(reason, fields);
    } else if (phase === 'handshake') this.#refusals.note(reason, fields, ['info', 'session ended']);
    else this.#options.logger.log('info', 'session ended', { ...fields, code, fault, error: reason });
  }

  #contextOf(meshId: Uint8Array): MeshContext {
    const context = this.#contexts.get(hex(meshId));
    if (!context) throw new OotoError('OOTO_MESH_OTHER_MESH', 'peer', 'this node is not in that mesh');
    return context;
  }
}

function epochsOf(status: ChannelStatus): number {
  return status.state === 'new' || status.messagesSent + status.messagesReceived === 0 ? 0 : status.epoch + 1;
}

function messagesOf(status: ChannelStatus): number {
  return status.messagesSent + status.messagesReceived;
}
