/**
 * A ceremony of two rounds, one member's side, as a machine without I/O; dealing and repair are both this. What flows
 * through here, in order: a message of each other sender is kept; once all of round 1 are there they are judged together
 * and answered, and once all of round 2 are there the ceremony is finished. Who says two things in one round, or nothing
 * until the deadline, is named, and the run ends: a ceremony has the same outcome for all, or none.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { compareReceipts, type Equivocation } from './equivocation.ts';
import { type PackageReceipt, type Round, type Run, readRound } from './generation-message.ts';
import type { KeyGenerationKey } from './key-generation-key.ts';
import type { Outgoing } from './outgoing.ts';
import { blame, wrongState } from './refusal.ts';

/** Waiting for the messages of round 1 (`packages`) or of round 2 (`answers`), or over. */
export type CeremonyStage = 'new' | 'packages' | 'answers' | 'finished' | 'failed';

const ROUND_OF: Partial<Record<CeremonyStage, Round>> = { packages: 1, answers: 2 };

export interface PartOf<C extends Run> {
  crypto: Crypto;
  ceremony: C;
  /** This member's name. */
  name: string;
  /** This member's key; lent. */
  key: KeyGenerationKey;
  /** Milliseconds, on the clock that `tick` is given, after which the run ends; never, when absent. */
  deadline?: number | undefined;
}

export abstract class TwoRounds<C extends Run> implements Disposable {
  protected readonly crypto: Crypto;
  protected readonly ceremony: C;
  protected readonly name: string;
  protected readonly key: KeyGenerationKey;
  readonly #senders: Record<Round, readonly string[]> | undefined;
  readonly #inbox: Record<Round, Map<string, Uint8Array>> = { 1: new Map(), 2: new Map() };
  readonly #deadline: number;
  #stage: CeremonyStage = 'new';
  #evidence: Equivocation | undefined;

  /** @param senders whose messages this member takes in each round, its own left out; none where it takes no message */
  constructor(
    { crypto, ceremony, name, key, deadline }: PartOf<C>,
    senders: Record<Round, readonly { name: string }[]> | undefined,
  ) {
    const others = (of: readonly { name: string }[]) =>
      of.map((sender) => sender.name).filter((sender) => sender !== name);
    this.crypto = crypto;
    this.ceremony = ceremony;
    this.name = name;
    this.key = key;
    this.#senders = senders && { 1: others(senders[1]), 2: others(senders[2]) };
    this.#deadline = deadline ?? Number.POSITIVE_INFINITY;
  }

  /** What this member sends in round 1. */
  protected abstract open(): Outgoing[];
  /** All messages of round 1 are there: judges them, and returns what is sent in round 2. */
  protected abstract answer(): Outgoing[];
  /** All messages of round 2 are there: judges them. */
  protected abstract conclude(): void;
  /** The run has failed: erases all that is secret. */
  protected abstract erase(): void;

  /** The messages of round 1. */
  start(): Outgoing[] {
    if (this.#stage !== 'new') throw wrongState('the ceremony has been started');
    this.#stage = this.#senders ? 'packages' : 'finished';
    return this.open();
  }

  /**
   * Takes a message that the channel says is from `from`; returns what is to be sent next.
   * Messages may come in any order; the same one twice is ignored.
   * @throws OOTO_THRESHOLD_SESSION, OOTO_THRESHOLD_MEMBER or OOTO_BASE_ errors for messages of another run, which change
   * nothing; every other error ends the run and names the culprits.
   */
  receive(from: string, bytes: Uint8Array): Outgoing[] {
    if (!this.#senders || ROUND_OF[this.#stage] === undefined)
      throw wrongState(`the ceremony is ${this.#stage}`);
    if (from === this.name) throw wrongState('a message from oneself');
    const round = readRound(this.ceremony, bytes);
    if (!this.#senders[round].includes(from))
      throw new OotoError('OOTO_THRESHOLD_MEMBER', 'peer', `${from} has no part in round ${round}`);
    const known = this.#inbox[round].get(from);
    if (known && equal(known, bytes)) return [];
    return this.#orFail(() => {
      if (known) throw blame('OOTO_THRESHOLD_EQUIVOCATION', from, `sent two messages of round ${round}`);
      this.#inbox[round].set(from, bytes.slice());
      return this.#advance();
    });
  }

  /** @throws OOTO_THRESHOLD_TOO_FEW (peer) naming who did not answer, once the deadline has passed. */
  tick(now: number): void {
    if (now < this.#deadline || ROUND_OF[this.#stage] === undefined) return;
    this.#orFail(() => {
      throw blame('OOTO_THRESHOLD_TOO_FEW', this.missing, 'did not answer in time; the ceremony needs all');
    });
  }

  get stage(): CeremonyStage {
    return this.#stage;
  }

  /** Whose message of the present round has not come. */
  get missing(): string[] {
    const round = ROUND_OF[this.#stage];
    if (!this.#senders || round === undefined) return [];
    return this.#senders[round].filter((name) => !this.#inbox[round].has(name));
  }

  /** When a member was shown to have sent different packages: the proof of it. */
  get evidence(): Equivocation | undefined {
    return this.#evidence;
  }

  /** Erases all that is secret, but for what a finished ceremony has given. */
  [Symbol.dispose](): void {
    if (this.#stage !== 'finished') this.#fail();
  }

  /** The message of a sender whose round is complete. */
  protected messageOf(round: Round, name: string): Uint8Array {
    return this.#inbox[round].get(name)!;
  }

  /** @throws OOTO_THRESHOLD_EQUIVOCATION (peer) naming who sent others another package than this member. */
  protected requireSameReceipts(mine: readonly PackageReceipt[], theirs: readonly PackageReceipt[]): void {
    const difference = compareReceipts(this.crypto, this.ceremony, mine, theirs);
    if (difference.kind === 'none') return;
    if (difference.kind === 'invention') throw new Error('lists a package that nobody signed');
    this.#evidence = difference.evidence;
    throw blame(
      'OOTO_THRESHOLD_EQUIVOCATION',
      difference.name,
      'sent different packages to different members',
    );
  }

  #advance(): Outgoing[] {
    const next: Outgoing[] = [];
    if (this.#stage === 'packages' && this.missing.length === 0) {
      next.push(...this.answer());
      this.#stage = 'answers';
    }
    if (this.#stage === 'answers' && this.missing.length === 0) {
      this.conclude();
      this.#stage = 'finished';
    }
    return next;
  }

  #orFail<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      this.#fail();
      throw error;
    }
  }

  #fail(): void {
    this.#stage = 'failed';
    this.erase();
  }
}
