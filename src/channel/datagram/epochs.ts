/**
 * The epochs of a session over datagrams, as test/models/epoch-datagram.pml has them. What flows through here: the
 * initiator offers, the responder answers and may ask; what waits for a reply is given out again from time to time,
 * with the same content; the responder switches with the initiator's confirmation, the initiator settles with the
 * first record under the new key. Each epoch has its window. The epoch before the running one is open for late
 * data alone, until the next change begins or its time is over. The header of a record selects the key.
 */
import { equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import type { LabelKind } from '../../envelope/labels.ts';
import type { Role, SplitResult } from '../../noise/handshake-state.ts';
import type { Random } from '../../ports.ts';
import { Epoch, type EpochOptions } from '../epoch.ts';
import { answerOffer, type EpochContext, EpochOffer, verifyEpochSignature } from '../epoch-change.ts';
import { type ControlRecord, epochLife } from '../epoch-keeper.ts';
import { EpochPace } from '../epoch-pace.ts';
import { epochConfirmationMessage } from '../transcript.ts';
import { badFrame, FRAME } from '../wire.ts';
import { type DatagramLimits, resendAfter } from './limits.ts';
import { DATAGRAM } from './packet.ts';
import { ReplayWindow } from './replay-window.ts';

export type DatagramEpochsOptions = Omit<EpochOptions, 'number' | 'split' | 'since' | 'limits'> & {
  readonly context: EpochContext;
  readonly limits: DatagramLimits;
};

/** A key that records may come under, and which of them came. */
export interface OpenEpoch {
  readonly epoch: Epoch;
  readonly window: ReplayWindow;
}

/** Counts of records mean nothing where records may be lost: the signed fields are there, and 0. */
const NO_COUNTS = { records: 0, batches: 0 };
const NOTHING = new Uint8Array();
const NEVER = Number.POSITIVE_INFINITY;
const FOREVER_AGO = Number.NEGATIVE_INFINITY;

export class DatagramEpochs implements Disposable {
  readonly #options: DatagramEpochsOptions;
  readonly #role: Role;
  readonly #pace: EpochPace;
  #sending: Epoch;
  #receiving: OpenEpoch;
  /** Agreed upon; the peer has not sent under it. */
  #coming: OpenEpoch | undefined;
  #old: (OpenEpoch & { readonly until: number }) | undefined;
  #offer: EpochOffer | undefined;
  /** What was answered to which offer: the same offer gets the same answer. */
  #answered: { readonly offer: Uint8Array; readonly answer: Uint8Array } | undefined;
  /** An offer, request or confirmation that waits for its reply. */
  #waiting: ControlRecord | undefined;
  #resends = 0;
  #resendAt = NEVER;
  #dueAt: number;

  /** Begins with epoch 0. */
  constructor(options: DatagramEpochsOptions, split: SplitResult, now: number) {
    this.#options = options;
    this.#role = options.role;
    this.#pace = new EpochPace(now);
    this.#sending = new Epoch({ ...options, number: 0, split, since: now });
    this.#receiving = opened(this.#sending);
    this.#dueAt = now + epochLife(options);
  }

  get sending(): Epoch {
    return this.#sending;
  }

  /** The newest epoch in which both directions run. */
  get number(): number {
    return this.#receiving.epoch.number;
  }

  /** Whether this is the newest epoch that records come under. */
  isNewest({ epoch }: OpenEpoch): boolean {
    return epoch === this.#receiving.epoch;
  }

  /** Monotonic milliseconds at which {@link maintain} has something to do. */
  get deadline(): number {
    const due = this.#isSettled && !this.#waiting ? this.#dueAt : NEVER;
    return Math.min(due, this.#resendAt, this.#limit, this.#old?.until ?? NEVER);
  }

  /**
   * What time or wear demands now.
   * @throws OOTO_CHANNEL_EPOCH_OVERDUE (peer) when the running epoch has reached its limit.
   */
  maintain(now: number): ControlRecord | undefined {
    this.#requireFresh(now);
    if (this.#old && now >= this.#old.until) this.#dropOld();
    if (this.#waiting) return now >= this.#resendAt ? this.#again(now) : undefined;
    const { epoch } = this.#receiving;
    const isWorn = this.#sending.sending.isWorn || epoch.receiving.isWorn;
    return isWorn || now >= this.#dueAt ? this.renew(now) : undefined;
  }

  /** Offers or asks for a new epoch, unless a change is under way. */
  renew(now: number): ControlRecord | undefined {
    if (!this.#isSettled || this.#waiting) return undefined;
    if (this.#role === 'initiator') return this.#makeOffer(now);
    return this.#wait({ type: FRAME.epochRequest, plaintext: NOTHING }, now);
  }

  /** What waits for a reply once more, beside data that may have overtaken its loss. */
  repeat(now: number, pauseMs: number): ControlRecord | undefined {
    if (this.#waiting?.type !== FRAME.epochConfirmation) return undefined;
    return now >= this.#repeatedAt + pauseMs ? this.#again(now) : undefined;
  }
  #repeatedAt = FOREVER_AGO;

  /**
   * The key for a record with this epoch and type; undefined where none is open for it. Model: `receive`, whose
   * `opens` lets the initiator's confirmation alone begin an epoch at the responder.
   */
  keyFor(number: number, type: number): OpenEpoch | undefined {
    const current = this.#receiving.epoch.number;
    if (number === current) return this.#receiving;
    if (number === current + 1) return this.#opens(type) ? this.#coming : undefined;
    return number === this.#old?.epoch.number && isData(type) ? this.#old : undefined;
  }

  /** A record of the coming epoch proved authentic. At the initiator that settles the change (model: `settle`). */
  openedBy({ epoch }: OpenEpoch, now: number): boolean {
    if (this.#role !== 'initiator' || epoch !== this.#coming?.epoch) return false;
    this.#settle(now);
    return true;
  }

  /** At the initiator: the responder asks. @throws OOTO_CHANNEL_EPOCH_RATE (peer). */
  receiveRequest(plaintext: Uint8Array, now: number): ControlRecord | undefined {
    this.#requireRole('initiator');
    if (plaintext.length > 0) throw badFrame('an epoch request with content');
    if (this.#isSettled && !this.#waiting) this.#pace.take(now);
    return this.renew(now);
  }

  /**
   * At the responder (model: `receiveOffer`). The answer still travels in the running epoch.
   * @throws OOTO_CHANNEL_EPOCH_RATE (peer).
   */
  receiveOffer(plaintext: Uint8Array, now: number): ControlRecord | undefined {
    this.#requireRole('responder');
    if (!this.#answered) this.#answer(plaintext, now);
    else if (!equal(plaintext, this.#answered.offer)) return undefined;
    return { type: FRAME.epochAnswer, plaintext: this.#answered!.answer };
  }

  /**
   * At the initiator (model: `receiveAnswer`): sending switches, the record returned is the first of the new epoch. An
   * answer to what waits for none is a copy.
   */
  receiveAnswer(plaintext: Uint8Array, now: number): ControlRecord | undefined {
    this.#requireRole('initiator');
    if (!this.#offer) return undefined;
    const next = this.#begin(this.#offer.complete(plaintext), now);
    this.#offer = undefined;
    this.#coming = opened(next);
    this.#switchSending(next);
    const message = epochConfirmationMessage('initiator', next.hash, next.number, NO_COUNTS);
    const signature = this.#options.context.messageKey.sign(message);
    return this.#wait({ type: FRAME.epochConfirmation, plaintext: signature }, now);
  }

  /**
   * At the responder: the initiator has proven itself in the coming epoch, and both directions switch; or says once
   * more what was heard, and is told so.
   */
  receiveConfirmation({ epoch }: OpenEpoch, signature: Uint8Array, now: number): ControlRecord {
    this.#requireRole('responder');
    if (epoch === this.#coming?.epoch) {
      const message = epochConfirmationMessage('initiator', epoch.hash, epoch.number, NO_COUNTS);
      verifyEpochSignature(this.#options.context, message, signature);
      this.#switchSending(epoch);
      this.#settle(now);
    }
    return { type: FRAME.epochSwitched, plaintext: NOTHING };
  }

  /** At the initiator: the change was settled by the record itself. */
  receiveSwitched(plaintext: Uint8Array): void {
    this.#requireRole('initiator');
    if (plaintext.length > 0) throw badFrame('an epoch switch with content');
  }

  /** @throws OOTO_CHANNEL_EXPORT (caller) for a value never asked for. */
  exported(kind: LabelKind, context: Uint8Array | undefined): Uint8Array {
    return this.#receiving.epoch.exports.value(kind, context);
  }

  [Symbol.dispose](): void {
    this.#offer?.[Symbol.dispose]();
    this.#dropOld();
    for (const epoch of [this.#sending, this.#receiving.epoch, this.#coming?.epoch])
      epoch?.[Symbol.dispose]();
  }

  get #isSettled(): boolean {
    return !this.#offer && !this.#coming;
  }

  get #limit(): number {
    return this.#receiving.epoch.since + this.#options.limits.epochLimitMs;
  }

  #opens(type: number): boolean {
    return this.#role === 'initiator' || type === FRAME.epochConfirmation;
  }

  /** Model: `makeOffer`. An epoch begins: what is left of the one before the running one is given up. */
  #makeOffer(now: number): ControlRecord {
    this.#offer = new EpochOffer(this.#options.context, this.#sending);
    this.#dropOld();
    return this.#wait({ type: FRAME.epochOffer, plaintext: this.#offer.message }, now);
  }

  #answer(offer: Uint8Array, now: number): void {
    this.#pace.take(now);
    const { answer, split } = answerOffer(this.#options.context, this.#sending, offer);
    this.#coming = opened(this.#begin(split, now));
    this.#answered = { offer, answer };
    this.#dropOld();
    this.#rest();
  }

  #begin(split: SplitResult, now: number): Epoch {
    return new Epoch({ ...this.#options, number: this.#sending.number + 1, split, since: now });
  }

  #switchSending(next: Epoch): void {
    this.#sending.sending[Symbol.dispose]();
    this.#sending = next;
  }

  #settle(now: number): void {
    const { limits } = this.#options;
    const until = Math.min(now + limits.overlapMs, this.#limit);
    this.#dropOld();
    this.#old = { ...this.#receiving, until };
    this.#receiving = this.#coming!;
    this.#coming = undefined;
    this.#answered = undefined;
    this.#rest();
    this.#dueAt = this.#sending.since + epochLife(this.#options);
  }

  #dropOld(): void {
    this.#old?.epoch[Symbol.dispose]();
    this.#old = undefined;
  }

  #wait(record: ControlRecord, now: number): ControlRecord {
    this.#waiting = record;
    this.#resends = 0;
    return this.#again(now);
  }

  #again(now: number): ControlRecord {
    this.#repeatedAt = now;
    this.#resendAt = now + resendAfter(this.#random, this.#resends++);
    return this.#waiting!;
  }

  #rest(): void {
    this.#waiting = undefined;
    this.#resendAt = NEVER;
  }

  get #random(): Random {
    return this.#options.crypto.random;
  }

  #requireFresh(now: number): void {
    if (now < this.#limit) return;
    const age = now - this.#receiving.epoch.since;
    throw new OotoError('OOTO_CHANNEL_EPOCH_OVERDUE', 'peer', `no new epoch after ${age} ms`, {
      hint: 'the peer is unreachable, overloaded or withholds its part of the key change',
    });
  }

  #requireRole(role: Role): void {
    if (this.#role !== role) throw badFrame('a record that only its receiver may send');
  }
}

function opened(epoch: Epoch): OpenEpoch {
  return { epoch, window: new ReplayWindow() };
}

function isData(type: number): boolean {
  return type === FRAME.batch || type === DATAGRAM.part;
}
