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
import type { CredentialKind, CredentialVerifier, OwnCredential } from '../channel/credential.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { Clock, Connection, Listener, Logger, Transport } from '../ports.ts';
import { underDeadline } from './patience.ts';
import { previewMeshId } from './preview.ts';
import { asOotoError, Session, type SessionHandlers } from './session.ts';

const FIRST_BYTES_MS = 5_000;
/** From the first packet to a session on which both sides are attested. */
const DIAL_MS = 15_000;
const MOST_SESSIONS = 4_096;
/** Connections whose first bytes have not come yet. */
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

export class Peers {
  readonly #options: PeersOptions;
  readonly #contexts = new Map<string, MeshContext>();
  readonly #sessions = new Set<Session>();
  readonly #past = { epochs: 0, signedMessages: 0 };
  #listener: Listener | undefined;
  #silent = 0;
  #isClosed = false;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** Stands in this mesh from now on, replacing how it stood there before. */
  join(context: MeshContext): void {
    this.#contexts.set(hex(context.meshId), context);
  }

  /** Listens at `address` and accepts until closed; returns the real address. */
  async listen(address: string): Promise<string> {
    const listener = await this.#options.transport.listen(address);
    this.#listener = listener;
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

  /** Ends every session, with time for the peers to be told, then stops listening. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const sessions = this.sessions;
    for (const session of sessions) session.close();
    await Promise.all(sessions.map((session) => session.closing));
    await this.#listener?.close();
  }

  async #acceptAll(listener: Listener): Promise<void> {
    try {
      for await (const connection of listener.connections) void this.#accept(connection);
    } catch (error) {
      this.#options.logger.log('error', 'no more connections are accepted', { error });
    }
  }

  async #accept(connection: Connection): Promise<void> {
    const { clock, logger } = this.#options;
    try {
      this.#requireRoom();
      this.#silent++;
      const preview = await previewMeshId(connection, clock, FIRST_BYTES_MS).finally(() => this.#silent--);
      this.#requireRoom();
      const context = this.#contextOf(preview.meshId);
      this.#open(preview.connection, context, 'responder', { accept: context.accept });
    } catch (error) {
      const { code, fault } = asOotoError(error);
      this.#options.handlers.refused('connection');
      logger.log('warn', 'refused', {
        phase: 'connection',
        remote: connection.remoteAddress,
        code,
        fault,
        error,
      });
      connection.close();
    }
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
    if (this.#sessions.size >= MOST_SESSIONS || this.#silent >= MOST_SILENT)
      throw new OotoError('OOTO_MESH_BUSY', 'environment', 'too many connections are open');
  }

  #open(
    connection: Connection,
    context: MeshContext,
    role: 'initiator' | 'responder',
    expectations: { expectedId?: string | undefined; accept: readonly CredentialKind[] },
  ): Session {
    const { crypto, clock, logger, handlers, epochMs } = this.#options;
    const { meshId, verifier } = context;
    const limits = { epochMs, epochLimitMs: epochMs + EPOCH_GRACE_MS };
    const channel = new Channel({
      crypto,
      role,
      meshId,
      own: context.own(),
      verifier,
      limits,
      ...expectations,
    });
    const ended = (session: Session, reason: OotoError) => this.#ended(session, reason);
    const ready = (session: Session) => {
      this.#limitSessionsWith(session);
      this.#limitEnrolling();
      handlers.ready(session);
    };
    const session = new Session({
      meshId,
      connection,
      channel,
      clock,
      logger,
      handlers: { ...handlers, ready, ended },
    });
    if (!session.ended) this.#sessions.add(session);
    return session;
  }

  /** A peer that opens one session after the other loses its oldest; a peer is known by its identity key. */
  #limitSessionsWith({ peer, meshId }: Session): void {
    const { identityKey } = peer.identity;
    const isSamePeer = (other: Session) =>
      other.peerId !== undefined &&
      equal(other.meshId, meshId) &&
      equal(other.peer.identity.identityKey.bytes, identityKey.bytes);
    const same = this.sessions.filter(isSamePeer);
    const busy = new OotoError('OOTO_MESH_BUSY', 'peer', 'the peer has opened newer sessions');
    for (const session of same.slice(0, -MOST_SESSIONS_WITH_ONE)) session.close(busy);
  }

  #limitEnrolling(): void {
    const enrolling = this.sessions.filter(
      (other) => other.peerId !== undefined && other.peer.identity.kind === 'enrol',
    );
    const busy = new OotoError('OOTO_MESH_BUSY', 'peer', 'others enrol, and this took too long');
    for (const session of enrolling.slice(0, -MOST_ENROLLING)) session.close(busy);
  }

  #ended(session: Session, reason: OotoError): void {
    if (!this.#sessions.delete(session)) return;
    const { status } = session.channel;
    this.#past.epochs = Math.max(this.#past.epochs, epochsOf(status));
    this.#past.signedMessages += messagesOf(status);
    const peer = session.peerId;
    const { code, fault } = reason;
    const refused =
      fault === 'peer' && code !== 'OOTO_MESH_DISCONNECTED' && code !== 'OOTO_CHANNEL_TRUNCATED';
    const phase = peer ? 'session' : 'handshake';
    if (refused) this.#options.handlers.refused(phase);
    const fields = {
      phase,
      peer,
      remote: session.remoteAddress,
      code,
      fault,
    };
    this.#options.logger.log(refused ? 'warn' : 'info', refused ? 'refused' : 'session ended', {
      ...fields,
      error: reason,
    });
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
