/**
 * Mutual attestation inside one channel, as a machine. What flows through here, in order: this side's challenge
 * goes out; the peer's challenge comes in and is asked for as a job, so that one signature can answer many
 * channels; evidence goes out and comes in and is appraised; from then on the same again on a timer, or when
 * asked. Whatever is wrong or late throws, and the machine has ended: the caller closes the channel.
 */
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { bytes, bytesBetween, uint, variant } from '../envelope/fields.ts';
import { type AppraisalPolicy, appraise, type ExpectedAttester, type Verdict } from './appraisal.ts';
import { MAX_EVIDENCE_BYTES } from './evidence.ts';
import { challengeLeaf } from './qualifying.ts';

/** One reading of both clocks, in milliseconds: timers run on `monotonic`, evidence is dated by `wall`. */
export interface Moment {
  readonly wall: number;
  readonly monotonic: number;
}

/** The channel that evidence is bound to. */
export interface ChannelBinding {
  /** Number of the running epoch. */
  epoch(): number;
  /** 32 bytes that only both ends know; throws for an epoch that is over. */
  exporter(epoch: number): Uint8Array;
}

export interface AttestationOptions {
  binding: ChannelBinding;
  /** SHA-256 of one's own TBS (or genesis draft). */
  ownSubject: Uint8Array;
  peer: ExpectedAttester & {
    /** SHA-256 of the peer's TBS (or genesis draft). */
    readonly subject: Uint8Array;
  };
  policy: AppraisalPolicy;
  /** From one challenge to the next. */
  intervalMs: number;
  /** From a challenge to its answer; 30 s if absent, and never more than `intervalMs`. */
  answerMs?: number;
}

export type AttestationEvent =
  /** A job: make evidence for this leaf, and give it to {@link Attestation.answer} with the same id. */
  | { readonly type: 'needsEvidence'; readonly id: number; readonly leaf: Uint8Array }
  | { readonly type: 'attested'; readonly verdict: Verdict };

export type AttestationState = 'new' | 'waiting' | 'attested' | 'ended';

/** Least time between two challenges of one side: a peer cannot make this node sign without end. */
export const CHALLENGE_PAUSE_MS = 1_000;
const DEFAULT_ANSWER_MS = 30_000;
/** Part of the interval by which the next challenge may come early. */
const EARLIEST = 0.1;
const MAX_MESSAGE_BYTES = MAX_EVIDENCE_BYTES + 256;

const messageReader = variant('kind', {
  challenge: { nonce: bytes(32), epoch: uint(0xffff_ffff) },
  evidence: { evidence: bytesBetween(1, MAX_EVIDENCE_BYTES) },
});

interface Challenge {
  readonly leaf: Uint8Array;
  /** Monotonic. */
  readonly sentAt: number;
}

export class Attestation {
  readonly #crypto: Crypto;
  readonly #options: AttestationOptions;
  readonly #answerMs: number;
  #policy: AppraisalPolicy;
  #state: AttestationState = 'new';
  #events: AttestationEvent[] = [];
  /** This side's challenge that has no answer yet. */
  #asked: Challenge | undefined;
  #lastAskedAt = Number.NEGATIVE_INFINITY;
  #nextAskAt = Number.POSITIVE_INFINITY;
  #lapsesAt = Number.POSITIVE_INFINITY;
  /** Until then this side must have been asked, and have answered. */
  #answerDueAt = Number.POSITIVE_INFINITY;
  /** The peer's challenge that this side has not answered yet: waiting for its turn, or handed out as a job. */
  #owed: { readonly id: number; readonly leaf: Uint8Array; handedOut: boolean } | undefined;
  #lastJobAt = Number.NEGATIVE_INFINITY;
  #jobs = 0;

  constructor(crypto: Crypto, options: AttestationOptions) {
    this.#crypto = crypto;
    this.#options = options;
    this.#policy = options.policy;
    this.#answerMs = options.answerMs ?? Math.min(DEFAULT_ANSWER_MS, options.intervalMs);
  }

  get state(): AttestationState {
    return this.#state;
  }

  /** Whether the peer has shown what it runs, and has been shown what this node runs. */
  get isSatisfied(): boolean {
    return this.#state === 'attested' && this.#answerDueAt === Number.POSITIVE_INFINITY;
  }

  /** The first messages for the peer. */
  start(now: Moment): Uint8Array[] {
    this.#require('new');
    this.#state = 'waiting';
    this.#answerDueAt = now.monotonic + this.#answerMs;
    return [this.#ask(now)];
  }

  /**
   * Takes one message of the peer.
   * @throws OOTO_ATTEST_MESSAGE, _CHALLENGE, _UNASKED (peer), and what appraisal throws.
   */
  receive(message: Uint8Array, now: Moment): void {
    this.#requireLive();
    this.#guarded(() => {
      const read = readMessage(message);
      if (read.kind === 'challenge') this.#receiveChallenge(read, now);
      else this.#receiveEvidence(read.evidence, now);
    });
  }

  /** Takes the evidence that a job asked for; returns the message that carries it. */
  answer(id: number, evidence: Uint8Array): Uint8Array {
    this.#requireLive();
    if (!this.#owed?.handedOut || this.#owed.id !== id)
      throw new OotoError('OOTO_ATTEST_STATE', 'caller', `no evidence is wanted for job ${id}`);
    this.#owed = undefined;
    this.#answerDueAt = Number.POSITIVE_INFINITY;
    return encode({ kind: 'evidence', evidence });
  }

  /**
   * What is due by now.
   * @throws OOTO_ATTEST_TIMEOUT (peer) when the first attestation has not come about in time, OOTO_ATTEST_LAPSED
   * (peer) when a later one has not.
   */
  tick(now: Moment): Uint8Array[] {
    this.#requireLive();
    this.#guarded(() => this.#requireInTime(now));
    this.#handOut(now);
    return !this.#asked && now.monotonic >= this.#nextAskAt ? [this.#ask(now)] : [];
  }

  /** Monotonic milliseconds at which {@link tick} has something to do. */
  get deadline(): number {
    const jobAt =
      this.#owed && !this.#owed.handedOut ? this.#lastJobAt + CHALLENGE_PAUSE_MS : Number.POSITIVE_INFINITY;
    return Math.min(
      this.#lapsesAt,
      this.#answerDueAt,
      jobAt,
      this.#asked ? Number.POSITIVE_INFINITY : this.#nextAskAt,
    );
  }

  /** Has the peer attest again as soon as it may be asked: at the next tick. */
  renew(): void {
    this.#requireLive();
    this.#nextAskAt = this.#lastAskedAt + CHALLENGE_PAUSE_MS;
  }

  /** Judges by this policy from now on, beginning at once. */
  adoptPolicy(policy: AppraisalPolicy): void {
    this.#policy = policy;
    this.renew();
  }

  /** What happened since the last call, in order. */
  takeEvents(): AttestationEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #ask(now: Moment): Uint8Array {
    const { binding, ownSubject, peer } = this.#options;
    const [nonce, epoch] = [this.#crypto.random.bytes(32), binding.epoch()];
    const leaf = challengeLeaf(this.#crypto, {
      exporter: binding.exporter(epoch),
      nonce,
      attester: peer.subject,
      verifier: ownSubject,
    });
    this.#asked = { leaf, sentAt: now.monotonic };
    this.#lastAskedAt = now.monotonic;
    this.#nextAskAt = Number.POSITIVE_INFINITY;
    this.#lapsesAt = Math.min(this.#lapsesAt, now.monotonic + this.#answerMs);
    return encode({ kind: 'challenge', nonce, epoch });
  }

  #receiveChallenge({ nonce, epoch }: { nonce: Uint8Array; epoch: number }, now: Moment): void {
    if (this.#owed) throw refuse('CHALLENGE', 'the peer challenges again before it has been answered');
    const { ownSubject: attester, peer } = this.#options;
    const exporter = this.#exporterOf(epoch);
    const leaf = challengeLeaf(this.#crypto, { exporter, nonce, attester, verifier: peer.subject });
    this.#owed = { id: ++this.#jobs, leaf, handedOut: false };
    this.#handOut(now);
  }

  #exporterOf(epoch: number): Uint8Array {
    try {
      return this.#options.binding.exporter(epoch);
    } catch (cause) {
      throw refuse('CHALLENGE', `the peer challenges in epoch ${epoch}, which is not known here`, cause);
    }
  }

  /** A peer that asks too often waits: evidence is made at most once a pause. */
  #handOut(now: Moment): void {
    const owed = this.#owed;
    if (!owed || owed.handedOut || now.monotonic < this.#lastJobAt + CHALLENGE_PAUSE_MS) return;
    owed.handedOut = true;
    this.#lastJobAt = now.monotonic;
    this.#events.push({ type: 'needsEvidence', id: owed.id, leaf: owed.leaf });
  }

  #receiveEvidence(evidence: Uint8Array, now: Moment): void {
    const asked = this.#asked;
    if (!asked) throw refuse('UNASKED', 'the peer sends evidence that nobody asked for');
    this.#requireInTime(now);
    const verdict = appraise(this.#crypto, evidence, {
      policy: this.#policy,
      attester: this.#options.peer,
      answers: asked.leaf,
      time: now.wall,
    });
    this.#asked = undefined;
    this.#state = 'attested';
    this.#schedule(asked.sentAt);
    this.#events.push({ type: 'attested', verdict });
  }

  /** Evidence is as old as the challenge it answers, at most. Not all channels of a node ask at once. */
  #schedule(askedAt: number): void {
    const { intervalMs } = this.#options;
    const [drawn] = this.#crypto.random.bytes(1);
    const early = Math.floor((intervalMs * EARLIEST * drawn) / 256);
    this.#nextAskAt = Math.min(this.#nextAskAt, askedAt + intervalMs - early);
    this.#lapsesAt = askedAt + Math.min(intervalMs + this.#answerMs, this.#policy.maximumAgeMs);
  }

  #requireInTime(now: Moment): void {
    if (now.monotonic >= this.#answerDueAt)
      throw refuse('TIMEOUT', 'the peer has not asked for evidence, or got none, in time');
    if (now.monotonic < this.#lapsesAt) return;
    if (this.#state === 'attested') throw refuse('LAPSED', 'the attestation of the peer has lapsed');
    throw refuse('TIMEOUT', 'the peer has not attested in time');
  }

  #require(state: AttestationState): void {
    if (this.#state !== state)
      throw new OotoError('OOTO_ATTEST_STATE', 'caller', `attestation is ${this.#state}, not ${state}`);
  }

  #requireLive(): void {
    if (this.#state === 'new' || this.#state === 'ended') this.#require('waiting');
  }

  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#state = 'ended';
      throw error;
    }
  }
}

function readMessage(message: Uint8Array) {
  try {
    return messageReader(decode(message, { maxBytes: MAX_MESSAGE_BYTES }), 'attestation');
  } catch (cause) {
    throw refuse('MESSAGE', 'the message of the peer cannot be read', cause);
  }
}

function refuse(what: string, message: string, cause?: unknown): OotoError {
  return new OotoError(`OOTO_ATTEST_${what}`, 'peer', message, { cause });
}
