/**
 * The epochs of one session. What flows through here: the initiator offers a new epoch when the running one is
 * old or worn, the responder may ask for one; each side switches its sending once the other has proven itself in
 * the new epoch, and its receiving with the other's first record of it, which says what came before it, so
 * that nothing can be dropped at the seam. At any time each direction has exactly one key, and the header of a
 * record says which.
 */
import { concat, readU64be, u64be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { LabelKind } from '../envelope/labels.ts';
import type { Role, SplitResult } from '../noise/handshake-state.ts';
import { Epoch, type EpochOptions } from './epoch.ts';
import { answerOffer, type EpochContext, EpochOffer, verifyEpochSignature } from './epoch-change.ts';
import { EpochPace } from './epoch-pace.ts';
import { epochConfirmationMessage, otherRole, type Sent } from './transcript.ts';
import { badFrame, FRAME } from './wire.ts';

export type EpochKeeperOptions = Omit<EpochOptions, 'number' | 'split' | 'since'> & {
  readonly context: EpochContext;
};

/** A record that the keeper wants sent, in the epoch that sends now. */
export interface ControlRecord {
  readonly type: number;
  readonly plaintext: Uint8Array;
}

/** Batches of the whole session so far. */
export interface BatchCounts {
  readonly sent: number;
  readonly received: number;
}

/** The responder waits a little longer than the initiator before it asks. */
const ASK_DELAY = 1.1;
/** `u64be records ‖ u64be batches`: what the sender of a switch sent before it. */
const SENT_BYTES = 16;
const SWITCH_BYTES = SENT_BYTES + 64;

export class EpochKeeper implements Disposable {
  readonly #options: EpochKeeperOptions;
  readonly #role: Role;
  readonly #pace: EpochPace;
  #sending: Epoch;
  #receiving: Epoch;
  /** Keys that the peer may switch to. */
  #incoming: Epoch | undefined;
  /** What is kept of the epoch before: exported values. */
  #previous: Pick<Epoch, 'number' | 'exports'> | undefined;
  #offer: EpochOffer | undefined;
  #asked = false;
  #dueAt: number;

  /** Begins with epoch 0. */
  constructor(options: EpochKeeperOptions, split: SplitResult, now: number) {
    this.#options = options;
    this.#role = options.role;
    this.#pace = new EpochPace(now);
    this.#sending = new Epoch({ ...options, number: 0, split, since: now });
    this.#receiving = this.#sending;
    this.#dueAt = this.#nextDue();
  }

  get sending(): Epoch {
    return this.#sending;
  }

  get receiving(): Epoch {
    return this.#receiving;
  }

  /** The newest epoch in which both directions run. */
  get number(): number {
    return Math.min(this.#sending.number, this.#receiving.number);
  }

  /** Monotonic milliseconds at which {@link maintain} has something to do. */
  get deadline(): number {
    const limit = this.#oldest.since + this.#options.limits.epochLimitMs;
    return this.#isSettled && !this.#asked ? Math.min(this.#dueAt, limit) : limit;
  }

  /**
   * What time or wear demands now.
   * @throws OOTO_CHANNEL_EPOCH_OVERDUE (peer) when the running epoch has reached its limit.
   */
  maintain(now: number): ControlRecord | undefined {
    this.#requireFresh(now);
    if (!this.#isSettled || this.#asked) return undefined;
    const worn = this.#sending.sending.isWorn || this.#receiving.receiving.isWorn;
    if (!worn && now < this.#dueAt) return undefined;
    return this.#role === 'initiator' ? this.#makeOffer() : this.#ask();
  }

  /** Offers or asks for a new epoch at once, unless a change is under way. */
  renew(): ControlRecord | undefined {
    if (!this.#isSettled || this.#asked) return undefined;
    return this.#role === 'initiator' ? this.#makeOffer() : this.#ask();
  }

  /** At the initiator: the responder asks. @throws OOTO_CHANNEL_EPOCH_RATE (peer). */
  receiveRequest(plaintext: Uint8Array, now: number): ControlRecord | undefined {
    this.#requireRole('initiator');
    if (plaintext.length > 0) throw badFrame('an epoch request with content');
    if (!this.#isSettled) return undefined;
    this.#pace.take(now);
    return this.#makeOffer();
  }

  /**
   * At the responder: an offer arrived. The answer still travels in the running epoch.
   * @throws OOTO_CHANNEL_EPOCH_RATE (peer).
   */
  receiveOffer(plaintext: Uint8Array, now: number): ControlRecord {
    this.#requireRole('responder');
    if (!this.#isSettled) throw badFrame('an epoch offer while an epoch begins');
    this.#pace.take(now);
    const { answer, split } = answerOffer(this.#options.context, this.#sending, plaintext);
    this.#incoming = this.#begin(split, now);
    return { type: FRAME.epochAnswer, plaintext: answer };
  }

  /**
   * At the initiator: the answer arrived. Sending switches; the record returned is the first of the new epoch.
   * @param batches sent so far
   */
  receiveAnswer(plaintext: Uint8Array, now: number, batches: number): ControlRecord {
    this.#requireRole('initiator');
    if (!this.#offer) throw badFrame('an epoch answer without an offer');
    const next = this.#begin(this.#offer.complete(plaintext), now);
    const records = this.#sending.sending.counter;
    this.#offer = undefined;
    this.#sending.sending[Symbol.dispose]();
    this.#sending = next;
    this.#incoming = next;
    return { type: FRAME.epochConfirmation, plaintext: this.#signSwitch(next, { records, batches }) };
  }

  /**
   * The epoch whose receiving key a record with this number needs; the record that switches must be of the type
   * due and the first under its key.
   * @throws OOTO_CHANNEL_EPOCH (peer) for every other epoch.
   */
  epochOf(number: number, type: number): Epoch {
    if (number === this.#receiving.number) return this.#receiving;
    const switching = this.#role === 'initiator' ? FRAME.epochSwitched : FRAME.epochConfirmation;
    if (this.#incoming?.number === number && type === switching) return this.#incoming;
    throw new OotoError('OOTO_CHANNEL_EPOCH', 'peer', `a record of epoch ${number} is out of place`);
  }

  /**
   * At the responder: the initiator's first record of the new epoch. Both directions switch.
   * @param batches sent and received so far
   */
  receiveConfirmation(plaintext: Uint8Array, batches: BatchCounts): ControlRecord {
    this.#requireRole('responder');
    const next = this.#requireIncoming();
    this.#verifySwitch(next, plaintext, batches.received);
    const records = this.#sending.sending.counter;
    this.#sending = next;
    this.#settle(next);
    return {
      type: FRAME.epochSwitched,
      plaintext: this.#signSwitch(next, { records, batches: batches.sent }),
    };
  }

  /**
   * At the initiator: the responder's first record of the new epoch.
   * @param batches received so far
   */
  receiveSwitched(plaintext: Uint8Array, batches: number): void {
    this.#requireRole('initiator');
    const next = this.#requireIncoming();
    this.#verifySwitch(next, plaintext, batches);
    this.#settle(next);
  }

  /** @throws OOTO_CHANNEL_EXPORT (caller) for an epoch whose values are gone, or a value never asked for. */
  exported(kind: LabelKind, context: Uint8Array | undefined, number: number): Uint8Array {
    const known = [this.#receiving, this.#sending, this.#previous];
    const epoch = known.find((candidate) => candidate?.number === number);
    if (!epoch) throw new OotoError('OOTO_CHANNEL_EXPORT', 'caller', `nothing is kept of epoch ${number}`);
    return epoch.exports.value(kind, context);
  }

  [Symbol.dispose](): void {
    this.#offer?.[Symbol.dispose]();
    for (const epoch of [this.#sending, this.#receiving, this.#incoming]) epoch?.[Symbol.dispose]();
    this.#previous?.exports[Symbol.dispose]();
  }

  get #isSettled(): boolean {
    return !this.#offer && !this.#incoming;
  }

  /** The epoch that is in use the longest. */
  get #oldest(): Epoch {
    return this.#receiving.number < this.#sending.number ? this.#receiving : this.#sending;
  }

  #makeOffer(): ControlRecord {
    this.#offer = new EpochOffer(this.#options.context, this.#sending);
    return { type: FRAME.epochOffer, plaintext: this.#offer.message };
  }

  #ask(): ControlRecord {
    this.#asked = true;
    return { type: FRAME.epochRequest, plaintext: new Uint8Array() };
  }

  #begin(split: SplitResult, now: number): Epoch {
    return new Epoch({ ...this.#options, number: this.#sending.number + 1, split, since: now });
  }

  #settle(next: Epoch): void {
    const { number, exports } = this.#receiving;
    this.#previous?.exports[Symbol.dispose]();
    this.#previous = { number, exports };
    this.#receiving.disposeKeys();
    this.#receiving = next;
    this.#incoming = undefined;
    this.#asked = false;
    this.#dueAt = this.#nextDue();
  }

  #nextDue(): number {
    return this.#sending.since + epochLife(this.#options);
  }

  #requireFresh(now: number): void {
    const age = now - this.#oldest.since;
    if (age >= this.#options.limits.epochLimitMs)
      throw new OotoError('OOTO_CHANNEL_EPOCH_OVERDUE', 'peer', `no new epoch after ${age} ms`, {
        hint: 'the peer is unreachable, overloaded or withholds its part of the key change',
      });
  }

  /** `records ‖ batches ‖ signature`, by this side. */
  #signSwitch(next: Epoch, sent: Sent): Uint8Array {
    const message = epochConfirmationMessage(this.#role, next.hash, next.number, sent);
    return concat(u64be(sent.records), u64be(sent.batches), this.#options.context.messageKey.sign(message));
  }

  /** The peer proves itself in the new epoch, and that the one that ends arrived whole. */
  #verifySwitch(next: Epoch, plaintext: Uint8Array, batches: number): void {
    if (plaintext.length !== SWITCH_BYTES) throw badFrame('an epoch switch of another length');
    const sent = { records: readU64be(plaintext), batches: readU64be(plaintext, 8) };
    const message = epochConfirmationMessage(otherRole(this.#role), next.hash, next.number, sent);
    verifyEpochSignature(this.#options.context, message, plaintext.subarray(SENT_BYTES));
    requireAllArrived('records', sent.records, this.#receiving.receiving.counter);
    requireAllArrived('batches', sent.batches, batches);
  }

  #requireRole(role: Role): void {
    if (this.#role !== role) throw badFrame('a record that only its receiver may send');
  }

  #requireIncoming(): Epoch {
    if (!this.#incoming) throw badFrame('an epoch switch without a change under way');
    return this.#incoming;
  }
}

/** Milliseconds after which a side wants the next epoch: up to a tenth early, so that channels do not change in step. */
export function epochLife({
  crypto,
  limits,
  role,
}: Pick<EpochKeeperOptions, 'crypto' | 'limits' | 'role'>): number {
  const [high, low] = crypto.random.bytes(2);
  const jitter = 1 - ((high << 8) | low) / 0x10000 / 10;
  return limits.epochMs * jitter * (role === 'initiator' ? 1 : ASK_DELAY);
}

/**
 * What was sent must have arrived whole: nothing that follows would show a record missing, or a batch in whose place
 * a thief of the record keys has put a record of his own.
 * @throws OOTO_CHANNEL_COUNTER (peer).
 */
export function requireAllArrived(unit: string, sent: bigint, received: number): void {
  if (sent !== BigInt(received))
    throw new OotoError(
      'OOTO_CHANNEL_COUNTER',
      'peer',
      `${sent} ${unit} were sent before the peer's mark, ${received} arrived`,
      { hint: 'records were dropped or replaced on the way' },
    );
}
