/**
 * A channel with one peer over datagrams, as a machine without I/O. What flows through here: attempts at a handshake
 * until one succeeds, then datagrams of the peer in, messages and events out. The initiator begins anew when the peer
 * falls silent, and, beside the running session, before a delegation ends; a responder's channel is one session. Junk
 * changes nothing. The peer's address follows its newest authentic record.
 */
import { isOotoError, OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { LabelKind } from '../../envelope/labels.ts';
import type { Role } from '../../noise/handshake-state.ts';
import type { CredentialKind, CredentialVerifier, OwnCredential, Peer } from '../credential.ts';
import { readDelegation } from '../delegation.ts';
import type { NonceAudit } from '../epoch.ts';
import type { ExportRequest } from '../exporter.ts';
import type { SignatureJob } from '../incoming.ts';
import type { Moment } from '../limits.ts';
import type { SignedItem } from '../signed-batch.ts';
import { Initiation, isDisturbance, type Met, Reception, unanswered } from './handshake.ts';
import {
  type DatagramLimits,
  ECHO_PAUSE_MS,
  jitter,
  RENEW_BEFORE_MS,
  RENEW_PAUSE_MS,
  resendAfter,
} from './limits.ts';
import { DATAGRAM, type Introduction, type Piece, receiverOf, typeOf } from './packet.ts';
import { DatagramSession, type DatagramSessionEvent, isLoss } from './session.ts';

export interface DatagramChannelOptions {
  readonly crypto: Crypto;
  readonly role: Role;
  readonly meshId: Uint8Array;
  /** What this side shows now; asked for at every handshake. */
  readonly own: () => OwnCredential;
  readonly verifier: CredentialVerifier;
  readonly expectedId: string | undefined;
  readonly accept: readonly CredentialKind[];
  readonly limits: DatagramLimits;
  readonly exports: readonly ExportRequest[];
  readonly defersSignatures: boolean;
  readonly onNonce: NonceAudit | undefined;
}

/** What a channel has of the host that it lives in. */
export interface Berth {
  /** Draws an index under which datagrams come to `channel`. */
  bind(channel: DatagramChannel): number;
  free(index: number): void;
  send(datagram: Uint8Array, to: string): void;
}

export type DatagramEvent =
  /** Once for each session: a second one follows when the peer was lost, or its session replaced. */
  | { readonly type: 'established'; readonly peer: Peer; readonly sessionId: Uint8Array }
  /** `items` vouch for the message; see proof.ts. */
  | { readonly type: 'message'; readonly message: Uint8Array; readonly items: readonly SignedItem[] }
  | { readonly type: 'epoch'; readonly epoch: number }
  | { readonly type: 'moved'; readonly address: string }
  /** The session is over, and a new handshake under way. */
  | { readonly type: 'lost'; readonly error: OotoError }
  /** Last event. Without `error` the end was agreed. */
  | { readonly type: 'closed'; readonly error?: OotoError };

export type DatagramState = 'handshake' | 'established' | 'closed';

/** An initiator's attempt. */
interface Attempt {
  readonly initiation: Initiation;
  readonly own: OwnCredential;
  readonly endsAt: number;
  resends: number;
  resendAt: number;
  /** Nothing more comes of it: it waits for its end. */
  isSpoilt: boolean;
  /** From message 2 on, until the responder's confirmation establishes it. */
  session?: DatagramSession;
}

const NEVER = Number.POSITIVE_INFINITY;

export class DatagramChannel implements Disposable {
  readonly #options: DatagramChannelOptions;
  readonly #berth: Berth;
  /** Where the peer was dialled, and where it was last heard of. */
  readonly #dialled: string;
  #heardAt: string;
  #address: string;
  #state: DatagramState = 'handshake';
  #session: DatagramSession | undefined;
  #attempt: Attempt | undefined;
  #reception:
    | { readonly handshake: Reception; readonly own: OwnCredential; readonly endsAt: number }
    | undefined;
  #echoedAt = Number.NEGATIVE_INFINITY;
  #givesUpAt = NEVER;
  #renewAt = NEVER;
  #lastError: OotoError | undefined;
  #refused = 0;
  #now: Moment;
  #events: DatagramEvent[] = [];

  private constructor(options: DatagramChannelOptions, berth: Berth, address: string, now: Moment) {
    this.#options = options;
    this.#berth = berth;
    this.#dialled = address;
    this.#heardAt = address;
    this.#address = address;
    this.#now = now;
  }

  /** A channel that begins its handshake. */
  static dialled(
    options: DatagramChannelOptions,
    berth: Berth,
    address: string,
    now: Moment,
  ): DatagramChannel {
    const channel = new DatagramChannel(options, berth, address, now);
    channel.#begin();
    return channel;
  }

  /** A channel with someone who brought a valid cookie. */
  static accepted(
    options: DatagramChannelOptions,
    berth: Berth,
    address: string,
    introduction: Introduction,
    now: Moment,
  ): DatagramChannel {
    const channel = new DatagramChannel(options, berth, address, now);
    const own = options.own();
    const context = { ...options, own, datagramBytes: options.limits.datagramBytes };
    const handshake = new Reception(context, berth.bind(channel), introduction);
    channel.#reception = { handshake, own, endsAt: now.monotonic + options.limits.attemptMs };
    return channel;
  }

  get state(): DatagramState {
    return this.#state;
  }

  get role(): Role {
    return this.#options.role;
  }

  /** Where the peer was last heard of. */
  get address(): string {
    return this.#address;
  }

  get peer(): Peer | undefined {
    return this.#state === 'established' ? this.#session?.peer : undefined;
  }

  get sessionId(): Uint8Array | undefined {
    return this.#state === 'established' ? this.#session?.sessionId : undefined;
  }

  /** Bytes of messages that wait for the next flush. */
  get queuedBytes(): number {
    return this.#session?.outgoing.queuedBytes ?? 0;
  }

  /** Bytes held for a handshake that is not finished. */
  get heldBytes(): number {
    return this.#reception?.handshake.heldBytes ?? 0;
  }

  get status() {
    const { outgoing, incoming, epochs } = this.#session ?? {};
    return {
      state: this.#state,
      address: this.#address,
      epoch: epochs?.number ?? 0,
      recordsSent: outgoing?.records ?? 0,
      recordsReceived: incoming?.records ?? 0,
      messagesSent: outgoing?.messages ?? 0,
      messagesReceived: incoming?.messages ?? 0,
      /** Datagrams that changed nothing: forged, repeated, late or out of place. */
      refused: this.#refused,
    };
  }

  /** A piece of message 1, under the cookie that the channel was accepted with. */
  receiveFirst(introduction: Introduction, piece: Piece, now: Moment): void {
    this.#guarded(now, () => {
      if (this.#reception?.handshake.receiveFirst(introduction, piece)) this.#echo();
    });
  }

  /** Any other datagram that names an index of this channel. Never throws for what the peer did. */
  receive(datagram: Uint8Array, from: string, now: Moment): void {
    this.#guarded(now, () => {
      if (typeOf(datagram) < DATAGRAM.hello) this.#receiveRecord(datagram, from);
      else this.#receiveHandshake(datagram, from);
    });
  }

  /** All that arrived together was taken. */
  finishTurn(now: Moment): void {
    this.#guarded(now, () => this.#session?.finishTurn(now.monotonic, this.#options.defersSignatures));
  }

  /**
   * Queues a message for the next flush; the bytes are copied. It arrives once, whole, or not at all.
   * @throws OOTO_CHANNEL_STATE (caller) unless established; OOTO_CHANNEL_SIZE (caller) for a message too long;
   *   OOTO_CHANNEL_QUEUE (caller) when too much waits already.
   */
  send(message: Uint8Array): void {
    const { messageBytes, queueBytes } = this.#options.limits;
    if (this.#state !== 'established') throw wrongState(this.#state);
    if (message.length > messageBytes)
      throw new OotoError('OOTO_CHANNEL_SIZE', 'caller', `a message of ${message.length} bytes is too long`, {
        hint: `at most ${messageBytes} bytes; cut it, or raise the limit at both ends`,
      });
    if (this.queuedBytes + message.length > queueBytes)
      throw new OotoError('OOTO_CHANNEL_QUEUE', 'caller', 'too many bytes wait to be sent', {
        hint: 'flush, and wait until the socket took what is there',
      });
    this.#session!.push(message);
  }

  /** Hands to the berth what waits. Call it once a turn. */
  flush(now: Moment): void {
    this.#guarded(now, () => this.#flush());
  }

  tick(now: Moment): void {
    this.#guarded(now, () => this.#doDue());
  }

  /** Monotonic milliseconds at which {@link tick} is next needed; infinite when never. */
  deadline(): number {
    if (this.#state === 'closed') return NEVER;
    return Math.min(
      this.#session?.deadline ?? NEVER,
      this.#reception?.endsAt ?? NEVER,
      this.#attempt ? Math.min(this.#attempt.resendAt, this.#attempt.endsAt, this.#givesUpAt) : this.#renewAt,
    );
  }

  takeJob(): SignatureJob | undefined {
    return this.#options.defersSignatures ? this.#session?.takeJob() : undefined;
  }

  settle(job: SignatureJob, refused: readonly number[], now: Moment): void {
    this.#guarded(now, () => this.#session?.settle(job, refused, now.monotonic));
  }

  /** What happened since the last call, in order. */
  takeEvents(): DatagramEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** Whether {@link takeEvents} has any. */
  get hasEvents(): boolean {
    return this.#events.length > 0;
  }

  /** @throws OOTO_CHANNEL_STATE, OOTO_CHANNEL_EXPORT (caller). */
  export(label: LabelKind, context?: Uint8Array): Uint8Array {
    if (this.#state !== 'established') throw wrongState(this.#state);
    return this.#session!.exported(label, context);
  }

  /** Begins a change of epoch now instead of when it is due. */
  renewEpoch(now: Moment): void {
    if (this.#state !== 'established') throw wrongState(this.#state);
    this.#guarded(now, () => this.#session!.renewEpoch(now.monotonic));
  }

  /** Ends the channel: what waits and the mark of the end go out; whether they arrive is not known. Idempotent. */
  close(now: Moment): void {
    this.#guarded(now, () => {
      if (this.#state === 'established')
        for (const datagram of this.#session!.finish(now.monotonic)) this.#send(datagram);
      this.#end();
    });
  }

  /** Ends the channel with an error of this side's own making. */
  fail(error: OotoError, now: Moment): void {
    this.#guarded(now, () => this.#end(error));
  }

  [Symbol.dispose](): void {
    this.close(this.#now);
  }

  #flush(): void {
    if (!this.#session) return;
    for (const datagram of this.#session.flush(this.#now.monotonic)) this.#send(datagram);
  }

  #send(datagram: Uint8Array): void {
    this.#berth.send(datagram, this.#address);
  }

  #receiveRecord(datagram: Uint8Array, from: string): void {
    const index = receiverOf(datagram);
    const attempted = this.#attempt?.session;
    if (attempted?.index === index)
      return void this.#attempting(() => this.#takeRecord(attempted, datagram, from));
    if (this.#session?.index !== index) return void this.#refuse();
    this.#takeRecord(this.#session, datagram, from);
  }

  #takeRecord(session: DatagramSession, datagram: Uint8Array, from: string): void {
    const taken = session.receive(datagram, this.#now.monotonic);
    if (taken === 'refused') this.#refuse();
    else if (taken === 'newest' && from !== this.#address) this.#move(from);
  }

  /** As WireGuard does it: where the newest authentic record came from, answers go. */
  #move(address: string): void {
    if (this.#state !== 'established') return;
    this.#address = address;
    this.#heardAt = address;
    this.#events.push({ type: 'moved', address });
  }

  #refuse(): void {
    this.#refused++;
  }

  #receiveHandshake(datagram: Uint8Array, from: string): void {
    if (this.#reception) this.#receiveFinish(datagram, from);
    else if (
      this.#attempt &&
      receiverOf(datagram) === this.#attempt.initiation.index &&
      from === this.#address
    )
      this.#attempting(() => this.#receiveAnswer(this.#attempt!, datagram));
    else this.#repeatConfirmation(datagram);
  }

  #receiveAnswer(attempt: Attempt, datagram: Uint8Array): void {
    const { initiation, own, isSpoilt } = attempt;
    if (isSpoilt) return void this.#refuse();
    const type = typeOf(datagram);
    if (type === DATAGRAM.cookie) {
      if (initiation.receiveCookie(datagram)) this.#sendFlight(attempt, 0);
      return;
    }
    const met = type === DATAGRAM.reply ? initiation.receiveReply(datagram, this.#now) : undefined;
    if (!met) return;
    attempt.session = this.#newSession(met, own, initiation.index, attempt);
    this.#sendFlight(attempt, 0);
  }

  #receiveFinish(datagram: Uint8Array, from: string): void {
    const { handshake, own } = this.#reception!;
    if (typeOf(datagram) !== DATAGRAM.finish || from !== this.#address) return void this.#refuse();
    const met = handshake.receiveFinish(datagram, this.#now);
    if (!met) return;
    this.#reception = undefined;
    this.#session = this.#newSession(met, own, handshake.index);
    this.#establish();
    this.#flush();
  }

  #repeatConfirmation(datagram: Uint8Array): void {
    const confirmation =
      this.role === 'responder' && typeOf(datagram) === DATAGRAM.finish
        ? this.#session?.repeatConfirmation(this.#now.monotonic)
        : undefined;
    if (confirmation) this.#send(confirmation);
    else this.#refuse();
  }

  /** The initiator repeated itself: so does the responder, now and then. */
  #echo(): void {
    if (this.#now.monotonic < this.#echoedAt + ECHO_PAUSE_MS) return;
    this.#echoedAt = this.#now.monotonic;
    for (const datagram of this.#reception!.handshake.flight) this.#send(datagram);
  }

  #newSession(met: Met, own: OwnCredential, index: number, attempt?: Attempt): DatagramSession {
    const options = { ...this.#options, own, index };
    return new DatagramSession(options, met, this.#now, (event) => this.#onSessionEvent(event, attempt));
  }

  #onSessionEvent(event: DatagramSessionEvent, attempt: Attempt | undefined): void {
    if (event.type === 'established') this.#adopt(attempt!);
    else if (event.type === 'ended') this.#end();
    else this.#events.push(event);
  }

  /** The attempt's session takes the place of the one before it. */
  #adopt({ session, initiation, own }: Attempt): void {
    this.#attempt = undefined;
    initiation[Symbol.dispose]();
    if (this.#session) this.#drop(this.#session);
    this.#session = session;
    const { monotonic, wall } = this.#now;
    const ownEnd = monotonic + readDelegation(own.delegation).unverified.notAfter - wall;
    const end = Math.min(session!.lapsesAt, ownEnd);
    this.#renewAt = Math.max(end - RENEW_BEFORE_MS, monotonic + RENEW_PAUSE_MS);
    this.#establish();
  }

  #establish(): void {
    const { peer, sessionId } = this.#session!;
    this.#state = 'established';
    this.#givesUpAt = NEVER;
    this.#events.push({ type: 'established', peer, sessionId });
  }

  #doDue(): void {
    const now = this.#now.monotonic;
    if (this.#reception && now >= this.#reception.endsAt)
      return void this.#end(this.#lastError ?? unanswered());
    this.#maintain();
    if (this.#attempt) this.#continue(this.#attempt, now);
    else if (now >= this.#renewAt && this.#session) this.#begin();
    this.#flush();
  }

  #maintain(): void {
    if (this.#state === 'established') this.#session?.maintain(this.#now);
  }

  #continue(attempt: Attempt, now: number): void {
    if (now >= this.#givesUpAt) this.#giveUp();
    else if (now >= attempt.endsAt) this.#begin();
    else if (now >= attempt.resendAt) this.#sendFlight(attempt, attempt.resends + 1);
  }

  /** An attempt with new ephemerals. */
  #begin(): void {
    const { limits, crypto } = this.#options;
    const { monotonic } = this.#now;
    this.#endAttempt();
    // Whoever forwarded a record from elsewhere must not keep the peer away after it is gone.
    if (!this.#session) this.#address = this.#address === this.#dialled ? this.#heardAt : this.#dialled;
    const own = this.#options.own();
    const context = { ...this.#options, own, datagramBytes: limits.datagramBytes };
    const initiation = new Initiation(context, this.#berth.bind(this));
    const endsAt = monotonic + limits.attemptMs + jitter(crypto.random);
    this.#attempt = { initiation, own, endsAt, resends: 0, resendAt: NEVER, isSpoilt: false };
    if (this.#givesUpAt === NEVER) this.#givesUpAt = monotonic + limits.giveUpMs;
    this.#sendFlight(this.#attempt, 0);
  }

  #sendFlight(attempt: Attempt, resends: number): void {
    attempt.resends = resends;
    attempt.resendAt = this.#now.monotonic + resendAfter(this.#options.crypto.random, resends);
    for (const datagram of attempt.initiation.flight) this.#send(datagram);
  }

  /** With a session that still runs, another attempt is made when that ends. */
  #giveUp(): void {
    if (!this.#session) return void this.#end(this.#lastError ?? unanswered());
    this.#endAttempt();
    this.#givesUpAt = NEVER;
    this.#renewAt = NEVER;
  }

  #endAttempt(): void {
    const { initiation, session } = this.#attempt ?? {};
    this.#attempt = undefined;
    if (!initiation) return;
    initiation[Symbol.dispose]();
    session?.[Symbol.dispose]();
    this.#berth.free(initiation.index);
  }

  #drop(session: DatagramSession): void {
    this.#berth.free(session.index);
    session[Symbol.dispose]();
  }

  /**
   * Runs a step of an attempt. A disturbed one waits for the next; a peer that proves to be another, or unable to prove
   * itself, ends the channel unless a session runs beside.
   */
  #attempting(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!isOotoError(error) || isJunk(error)) throw error;
      if (!this.#session && !isDisturbance(error)) throw error;
      this.#spoil(error);
    }
  }

  /** Runs a step. Junk is counted; a lost peer is sought again by the initiator; all else closes the channel. */
  #guarded(now: Moment, step: () => void): void {
    if (this.#state === 'closed') return;
    this.#now = now;
    try {
      step();
    } catch (cause) {
      this.#judge(isOotoError(cause) ? cause : internal(cause));
    }
  }

  #judge(error: OotoError): void {
    if (isJunk(error)) return void this.#refuse();
    if (this.#session && this.role === 'initiator' && isLoss(error)) return void this.#lose(error);
    this.#end(error);
  }

  /** Nothing more comes of this attempt; the next one begins when its time is over. */
  #spoil(error: OotoError): void {
    this.#lastError = error;
    this.#attempt!.isSpoilt = true;
    this.#attempt!.initiation[Symbol.dispose]();
    this.#attempt!.resendAt = NEVER;
  }

  #lose(error: OotoError): void {
    this.#drop(this.#session!);
    this.#session = undefined;
    this.#state = 'handshake';
    this.#renewAt = NEVER;
    this.#events.push({ type: 'lost', error });
    if (!this.#attempt) this.#begin();
  }

  #end(error?: OotoError): void {
    this.#state = 'closed';
    this.#endAttempt();
    if (this.#reception) this.#berth.free(this.#reception.handshake.index);
    this.#reception?.handshake[Symbol.dispose]();
    this.#reception = undefined;
    if (this.#session) this.#drop(this.#session);
    this.#events.push(error ? { type: 'closed', error } : { type: 'closed' });
  }
}

/** What needs no key to be sent: it must not change anything. */
function isJunk(error: OotoError): boolean {
  return error.code === 'OOTO_CHANNEL_DATAGRAM' || error.code.startsWith('OOTO_BASE_');
}

function wrongState(state: DatagramState): OotoError {
  return new OotoError('OOTO_CHANNEL_STATE', 'caller', `the channel is ${state}`);
}

function internal(cause: unknown): OotoError {
  return new OotoError('OOTO_CHANNEL_INTERNAL', 'local', 'a step of the channel failed unexpectedly', {
    cause,
  });
}
