/**
 * One live connection to a peer. What flows through here: the link's events become: the peer is known, a message is
 * here, it is over. Once the peer is known both sides attest each other, and until both are satisfied nothing but attestation is looked at; then requests
 * are handed to the node and answered, and responses settle what was asked.
 */
import type { AppraisalPolicy, Verdict } from '../attest/appraisal.ts';
import { equal } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import type { Channel } from '../channel/channel.ts';
import type { OwnCredential, Peer } from '../channel/credential.ts';
import type { Moment } from '../channel/limits.ts';
import { Link, type LinkEvent } from '../channel/link.ts';
import type { SignatureVerifier } from '../channel/signature-verifier.ts';
import type { CborValue } from '../envelope/cbor.ts';
import type { Clock, Connection, Logger } from '../ports.ts';
import type { SessionAttestation } from './attestation.ts';
import { Exchange, type RequestOptions } from './exchange.ts';
import { decodeMessage, encodeMessage, type Message, refusalOf } from './message.ts';
import type { OperationName } from './operations.ts';
import type { Party } from './party.ts';

/** Requests of one peer that may be worked on at once; more are refused. */
const MOST_REQUESTS = 64;
/** Requests of one peer, with those refused, whose answers it has not taken; whoever asks more does not read. */
const MOST_UNANSWERED = 1_024;
/** A peer that does not take the last bytes in this time does not get them. */
const CLOSE_GRACE_MS = 2_000;

export interface SessionHandlers {
  /** The peer has proven who it is; returns what attests it, or undefined where evidence travels otherwise. */
  authenticated(session: Session, peer: Peer): SessionAttestation | undefined;
  /** Both sides are satisfied: requests are answered from now on. */
  ready(session: Session): void;
  /** Answers one request; what it throws is refused and logged. */
  answer(session: Session, operation: string, body: CborValue): Promise<CborValue>;
  /** The session has ended, for this reason. */
  ended(session: Session, reason: OotoError): void;
}

export interface SessionOptions {
  /** The mesh, or the genesis draft, that the channel is in. */
  meshId: Uint8Array;
  connection: Connection;
  /** Not started yet. */
  channel: Channel;
  /** Checks the signatures of all sessions of the node. */
  verifier: SignatureVerifier;
  clock: Clock;
  logger: Logger;
  handlers: SessionHandlers;
}

export class Session {
  readonly meshId: Uint8Array;
  readonly #connection: Connection;
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #handlers: SessionHandlers;
  readonly #exchange: Exchange;
  readonly #ready: Promise<void>;
  #settleReady: { resolve(): void; reject(reason: OotoError): void } = { resolve() {}, reject() {} };
  #peer: Peer | undefined;
  #attestation: SessionAttestation | undefined;
  #isReady = false;
  #ended = false;
  #requests = 0;
  #closing: Promise<void> = Promise.resolve();
  #cancelTimer = () => {};

  constructor(options: SessionOptions) {
    this.meshId = options.meshId;
    this.#connection = options.connection;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#handlers = options.handlers;
    this.#exchange = new Exchange(options.clock);
    this.#ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    this.#ready.catch(() => {});
    this.#link = new Link({
      ...options,
      onEvent: (event) => this.#step(() => this.#take(event)),
    });
    this.#link.onMessage = (message) => this.#step(() => this.#receive(decodeMessage(message)));
  }

  get channel(): Channel {
    return this.#link.channel;
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }

  /** @throws OOTO_MESH_NOT_READY (caller) before the peer is known. */
  get peer(): Peer {
    if (!this.#peer) throw new OotoError('OOTO_MESH_NOT_READY', 'caller', 'the peer is not known yet');
    return this.#peer;
  }

  /** The attestation of both sides. @throws OOTO_MESH_UNATTESTED (caller) where evidence travels otherwise. */
  get attestation(): SessionAttestation {
    if (this.#attestation) return this.#attestation;
    throw new OotoError('OOTO_MESH_UNATTESTED', 'caller', 'this session carries no attestation');
  }

  /** What the peer's evidence was found to show, last. */
  get shown(): Verdict | undefined {
    return this.#attestation?.shown;
  }

  /** The peer's id: proven by its certificate or the genesis draft, but only claimed by a peer that enrols. */
  get peerId(): string | undefined {
    return this.#peer?.identity.id;
  }

  /** The peer as a third party can judge it. */
  get party(): Party {
    const { presented, encodedDelegation: delegation } = this.peer;
    return { id: presented.id, credential: presented.credential, delegation };
  }

  /** Whether requests to this peer can be sent here now. Whoever enrols has only claimed its id: it is nobody yet. */
  isWith(meshId: Uint8Array, id: string): boolean {
    const hasProvenId = this.#peer !== undefined && this.#peer.identity.kind !== 'enrol';
    return this.#isReady && !this.#ended && hasProvenId && this.peerId === id && equal(this.meshId, meshId);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether requests can be sent here now. */
  get isReady(): boolean {
    return this.#isReady && !this.#ended;
  }

  /** Resolves when both sides have authenticated and attested each other; rejects when the session ends before. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** Asks the peer. Rejects with the peer's refusal, at the deadline, or when the session ends. */
  request(operation: OperationName, body: CborValue, options?: RequestOptions): Promise<CborValue> {
    return this.#exchange.ask(operation, body, (message) => this.#send(message), options);
  }

  /** Shows the peer this node's newest certificate and delegation; the session lives as long as they do. */
  renewCredential(own: OwnCredential): void {
    if (this.#isReady) this.#step(() => this.#link.renewCredential(own));
  }

  /** Ends the session; idempotent. */
  close(reason = new OotoError('OOTO_MESH_CLOSED', 'local', 'the session was closed here')): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelTimer();
    this.#link.close();
    this.#closeConnection();
    this.#exchange.end(reason);
    this.#settleReady.reject(reason);
    this.#handlers.ended(this, reason);
  }

  /** Once what was written has gone out, or the peer has had its time to take it. */
  #closeConnection(): void {
    const cancel = this.#clock.after(CLOSE_GRACE_MS, () => this.#connection.close());
    const close = () => {
      cancel();
      this.#connection.close();
    };
    this.#closing = this.#link.drained().then(close, close);
  }

  /** Resolves once a session that was closed has let go of its connection. */
  get closing(): Promise<void> {
    return this.#closing;
  }

  /** What goes wrong in a step ends the session; afterwards the timer is set anew. */
  #step(advance: () => void): void {
    if (this.#ended) return;
    try {
      advance();
    } catch (error) {
      this.close(asOotoError(error));
    }
    this.#setTimer();
  }

  #take(event: LinkEvent): void {
    if (event.type === 'established') this.#authenticated(event.peer);
    else if (event.type === 'renewed') this.#peer = event.peer;
    else if (event.type === 'closed')
      this.close(
        event.error ?? new OotoError('OOTO_MESH_DISCONNECTED', 'peer', 'the peer has closed the channel'),
      );
  }

  #authenticated(peer: Peer): void {
    this.#peer = peer;
    this.#attestation = this.#handlers.authenticated(this, peer);
    if (!this.#attestation) {
      this.#becomeReady();
      return;
    }
    this.#attestation.deliver = (make) => this.#step(() => this.#sendAttestation(make()));
    this.#sendAttestation(this.#attestation.start(this.#moment()));
  }

  #receive(message: Message): void {
    if (message.kind === 'attestation') {
      this.#attest(message.body);
      return;
    }
    if (!this.#isReady)
      throw new OotoError('OOTO_MESH_UNATTESTED', 'peer', 'the peer sent a request before it was attested');
    if (message.kind === 'request')
      this.#answer(message.id, message.operation, message.body).catch((error) =>
        this.close(asOotoError(error)),
      );
    else this.#exchange.settle(message);
  }

  #attest(body: Uint8Array): void {
    const attestation = this.#attestation;
    if (!attestation)
      throw new OotoError('OOTO_MESH_MESSAGE', 'peer', 'no attestation is due on this channel');
    this.#sendAttestation(attestation.receive(body, this.#moment()));
  }

  /** Either side may have been waiting for just this. */
  #sendAttestation(bodies: readonly Uint8Array[]): void {
    for (const body of bodies) this.#send({ kind: 'attestation', body });
    if (this.#attestation?.isSatisfied && !this.#isReady) this.#becomeReady();
  }

  #becomeReady(): void {
    this.#isReady = true;
    this.#settleReady.resolve();
    this.#handlers.ready(this);
  }

  /** A request counts until its answer has been taken: a peer that does not read is not worked for. */
  async #answer(id: number, operation: string, body: CborValue): Promise<void> {
    if (this.#requests >= MOST_UNANSWERED)
      throw new OotoError('OOTO_MESH_BUSY', 'peer', `${MOST_UNANSWERED} answers wait to be taken`);
    const isBusy = this.#requests++ >= MOST_REQUESTS;
    try {
      if (isBusy) throw new OotoError('OOTO_MESH_BUSY', 'peer', 'too many requests at once');
      const answer = await this.#handlers.answer(this, operation, body);
      this.#send({ kind: 'response', id, body: answer });
    } catch (error) {
      if (!isBusy) this.#logRefusal(operation, error);
      this.#refuse(id, error);
    }
    await this.#taken();
    this.#requests--;
  }

  /** Resolves once what was sent in this turn has been taken, or nobody will take it. */
  async #taken(): Promise<void> {
    await null;
    await this.#link.drained().catch(() => {});
  }

  /** What cannot even be refused ends the session. */
  #refuse(id: number, error: unknown): void {
    this.#step(() => {
      if (this.channel.state === 'established') this.#send(refusalOf(id, error));
    });
  }

  #logRefusal(operation: string, error: unknown): void {
    const { code, fault } = asOotoError(error);
    const peer = this.#peer?.identity.id;
    this.#logger.log('warn', 'refused', { operation, peer, remote: this.remoteAddress, code, fault, error });
  }

  #send(message: Message): void {
    if (!this.#ended) this.#link.send(encodeMessage(message));
  }

  /** For the attestation: the link keeps the channel's own times. */
  #setTimer(): void {
    this.#cancelTimer();
    const due = this.#attestation?.deadline ?? Number.POSITIVE_INFINITY;
    if (due === Number.POSITIVE_INFINITY || this.#ended) return;
    const wait = Math.max(0, due - this.#clock.monotonic());
    this.#cancelTimer = this.#clock.after(wait, () =>
      this.#step(() => this.#sendAttestation(this.#attestation?.tick(this.#moment()) ?? [])),
    );
  }

  /** Judges the peer's evidence by this from now on, beginning with the next, which is asked for at once. */
  adoptPolicy(policy: AppraisalPolicy): void {
    this.#step(() => this.#attestation?.adoptPolicy(policy));
  }

  /** Has the peer attest again, as soon as it may be asked. */
  reattest(): void {
    this.#step(() => this.#attestation?.renew());
  }

  #moment(): Moment {
    return { wall: this.#clock.now(), monotonic: this.#clock.monotonic() };
  }
}

/** What is no error of ours is a fault of this program, not of the peer. */
export function asOotoError(error: unknown): OotoError {
  if (isOotoError(error)) return error;
  return new OotoError('OOTO_MESH_INTERNAL', 'local', 'an unexpected error', { cause: error });
}
