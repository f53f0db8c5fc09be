/**
 * An initiator's attempts at a handshake, one after the other. What flows through here: each has ephemerals of its own; its
 * flight goes out again until it is answered, or its time is over and the next one begins; a session that comes of it waits
 * for the responder's confirmation. One that was disturbed waits for its end. Nobody is sought for ever; where a session
 * stands, the next attempt begins in time before it ends.
 */
import type { OotoError } from '../../base/errors.ts';
import type { OwnCredential } from '../credential.ts';
import { readDelegation } from '../delegation.ts';
import type { Moment } from '../limits.ts';
import type { DatagramChannelOptions } from './channel-options.ts';
import { Initiation, type Met } from './handshake.ts';
import { jitter, RENEW_BEFORE_MS, RENEW_PAUSE_MS, resendAfter } from './limits.ts';
import { DATAGRAM, typeOf } from './packet.ts';
import type { DatagramSession } from './session.ts';

/** What attempts have of their channel. */
export interface AttemptGround {
  /** Draws an index under which datagrams come. */
  bind(): number;
  free(index: number): void;
  send(datagram: Uint8Array): void;
  /** Called before an attempt begins: where to. */
  aim(): void;
  /** The session of a handshake that has gone well here. */
  open(met: Met, own: OwnCredential, index: number): DatagramSession;
}

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

export class Attempts implements Disposable {
  readonly #options: DatagramChannelOptions;
  readonly #ground: AttemptGround;
  #attempt: Attempt | undefined;
  #givesUpAt = NEVER;
  #renewAt = NEVER;
  #lastError: OotoError | undefined;

  constructor(options: DatagramChannelOptions, ground: AttemptGround) {
    this.#options = options;
    this.#ground = ground;
  }

  /** The session that waits for its confirmation. */
  get session(): DatagramSession | undefined {
    return this.#attempt?.session;
  }

  /** What disturbed an attempt last. */
  get lastError(): OotoError | undefined {
    return this.#lastError;
  }

  /** Monotonic milliseconds at which {@link tick} is next needed. */
  get deadline(): number {
    if (!this.#attempt) return this.#renewAt;
    return Math.min(this.#attempt.resendAt, this.#attempt.endsAt, this.#givesUpAt);
  }

  /** Whether this is the index of the attempt under way. */
  has(index: number): boolean {
    return this.#attempt?.initiation.index === index;
  }

  /** An attempt with new ephemerals takes the place of the one under way. */
  begin(now: number): void {
    const { limits, crypto } = this.#options;
    this.#end();
    this.#ground.aim();
    const own = this.#options.own();
    const context = { ...this.#options, own, datagramBytes: limits.datagramBytes };
    const initiation = new Initiation(context, this.#ground.bind());
    const endsAt = now + limits.attemptMs + jitter(crypto.random);
    this.#attempt = { initiation, own, endsAt, resends: 0, resendAt: NEVER, isSpoilt: false };
    if (this.#givesUpAt === NEVER) this.#givesUpAt = now + limits.giveUpMs;
    this.#sendFlight(this.#attempt, 0, now);
  }

  /** Does what is due; false when nobody has answered for so long that no more attempts are made. */
  tick(now: number): boolean {
    const attempt = this.#attempt;
    if (!attempt) {
      if (now >= this.#renewAt) this.begin(now);
    } else if (now >= this.#givesUpAt) {
      this.#rest();
      return false;
    } else if (now >= attempt.endsAt) this.begin(now);
    else if (now >= attempt.resendAt) this.#sendFlight(attempt, attempt.resends + 1, now);
    return true;
  }

  /**
   * Takes a datagram of the handshake under way; false when nothing is awaited of it.
   * @throws as {@link Initiation.receiveCookie} and {@link Initiation.receiveReply}.
   */
  receive(datagram: Uint8Array, now: Moment): boolean {
    const attempt = this.#attempt!;
    const { initiation, own, isSpoilt } = attempt;
    if (isSpoilt) return false;
    const type = typeOf(datagram);
    if (type === DATAGRAM.cookie) {
      if (initiation.receiveCookie(datagram)) this.#sendFlight(attempt, 0, now.monotonic);
      return true;
    }
    const met = type === DATAGRAM.reply ? initiation.receiveReply(datagram, now) : undefined;
    if (!met) return true;
    attempt.session = this.#ground.open(met, own, initiation.index);
    this.#sendFlight(attempt, 0, now.monotonic);
    return true;
  }

  /** Nothing more comes of this attempt; the next one begins when its time is over. */
  spoil(error: OotoError): void {
    this.#lastError = error;
    this.#attempt!.isSpoilt = true;
    this.#attempt!.initiation[Symbol.dispose]();
    this.#attempt!.resendAt = NEVER;
  }

  /** The responder has confirmed: the session is its channel's now, and is renewed before a delegation ends. */
  takeSession({ monotonic, wall }: Moment): DatagramSession {
    const { session, initiation, own } = this.#attempt!;
    this.#attempt = undefined;
    initiation[Symbol.dispose]();
    const ownEnd = monotonic + readDelegation(own.delegation).unverified.notAfter - wall;
    const end = Math.min(session!.lapsesAt, ownEnd);
    this.#renewAt = Math.max(end - RENEW_BEFORE_MS, monotonic + RENEW_PAUSE_MS);
    this.#givesUpAt = NEVER;
    return session!;
  }

  /** The session that stood is lost: the peer is sought anew. */
  seek(now: number): void {
    this.#renewAt = NEVER;
    if (!this.#attempt) this.begin(now);
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  /** With a session that still runs, another attempt is made when that ends. */
  #rest(): void {
    this.#end();
    this.#givesUpAt = NEVER;
    this.#renewAt = NEVER;
  }

  #sendFlight(attempt: Attempt, resends: number, now: number): void {
    attempt.resends = resends;
    attempt.resendAt = now + resendAfter(this.#options.crypto.random, resends);
    for (const datagram of attempt.initiation.flight) this.#ground.send(datagram);
  }

  #end(): void {
    const { initiation, session } = this.#attempt ?? {};
    this.#attempt = undefined;
    if (!initiation) return;
    initiation[Symbol.dispose]();
    session?.[Symbol.dispose]();
    this.#ground.free(initiation.index);
  }
}
