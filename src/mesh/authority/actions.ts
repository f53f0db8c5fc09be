/**
 * How members of the authority come to do what operators approved. What flows through here, in order: whoever carries
 * an action brings it to one member, which leads; every member that hears of it verifies the operators' quorum itself
 * and writes the action into its own log, durably; only then the leading member does what the kind asks for, and the
 * others answer it because they have the same action in their logs. What is done is not done again, what was begun can
 * be finished, and no number stands for two actions. The carrier and the leader decide nothing.
 */
import {
  type ActionOf,
  type ApprovedAction,
  MAX_ACTION_BYTES,
  requireTimely,
  verifyAction,
} from '../../authority/action.ts';
import type { CommitteeRecord } from '../../authority/committee-record.ts';
import { type LogProof, logProof } from '../../authority/credential.ts';
import type { GenesisRecord } from '../../authority/genesis.ts';
import { encodeLeaf } from '../../authority/leaf.ts';
import type { ActionKind } from '../../authority/operator-role.ts';
import type { TrustBundle } from '../../authority/trust-bundle.ts';
import { equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { Rates } from '../../channel/rates.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../../envelope/cbor.ts';
import { boolean, bytes, bytesBetween, type Fields, fields, uint } from '../../envelope/fields.ts';
import type { Clock, Logger, Store, StoreChange } from '../../ports.ts';
import { within } from '../patience.ts';
import { asOotoError } from '../session.ts';
import { isRescueEncoding, MOST_RESCUE_BYTES } from './ceremonies/rescue.ts';
import type { AuthorityDuty } from './duty.ts';

const PREFIX = 'authority/action/';
const AFTER_PREFIX = 'authority/action0';
/** Where in the log it is that operators let a trust bundle in, by its version. */
const RESCUE_PREFIX = 'authority/rescue/';
const NUMBER_DIGITS = 16;
/** Longer than any ceremony takes. */
export const PERFORM_MS = 300_000;
/** Of the audit, in one answer. */
const MOST_LISTED = 64;
const MOST_LISTED_BYTES = 4 * 1024 * 1024;

/** What came of an action, by name; for people, but for what has to be signed yet. */
export type Facts = Readonly<Record<string, string | number | Uint8Array>>;

/** What came of a rescue that operators have signed. */
export interface Concluded {
  /** Of the action that it was approved by. */
  readonly number: number;
  /** Of each member that is in the committee now: the proof that it has the rescue in its log, or why it has not. */
  readonly answers: ReadonlyMap<string, CborValue | OotoError>;
  readonly facts: Facts;
}

/** What the authority does for one kind of action. */
export interface Performer<K extends ActionKind> {
  /** Needs no other member. */
  readonly alone?: true;
  /** It is not over once it is performed: the same action may be performed again for as long as it is due. */
  readonly isOpen?: true;
  /** Members that must all have it in their logs first; where absent, as many as must sign. */
  takenBy?(action: ActionOf<K>): readonly string[];
  /**
   * Asked before the action is admitted, and again before it is performed: whether the mesh is where the action begins.
   * @param isNew whether this member has not had the action in its log before
   * @throws OOTO_MESH_ACTION_REPLAYED (peer) where it is done already, or what else speaks against it.
   */
  requireDue(action: ActionOf<K>, isNew: boolean): void;
  /** Done by the member that leads; the others check with {@link AuthorityActions.requireAdmitted} what it asks of them. */
  perform(approved: ApprovedAction & { readonly action: ActionOf<K> }): Promise<Facts>;
}

/** A kind that is not listed is refused before anything is written. */
export type Performers = { readonly [K in ActionKind]?: Performer<K> };

const entryShape = {
  encoded: bytesBetween(1, MAX_ACTION_BYTES),
  digest: bytes(32),
  /** Where it is in this member's log. */
  index: uint(),
  /** Whether it is known here to be done. */
  done: boolean,
} as const;

type Entry = Fields<typeof entryShape>;

/** How one member of the authority answered. */
export type MemberAnswer =
  | { member: string; proof: LogProof }
  | { member: string; code: string; message: string };

export interface AuthorityActionsOptions {
  crypto: Crypto;
  clock: Clock;
  logger: Logger;
  store: Store;
  genesis: GenesisRecord;
  /** This member's name. */
  name: string;
  duty: Pick<AuthorityDuty, 'logAction' | 'prove'>;
  /** The other members of the committee, as it is. */
  fellows(): readonly string[];
  /** Members that must have an action in their logs before it is performed. */
  threshold(): number;
  /** Has another member admit the action; its answer is a proof. */
  askToAdmit(member: string, encoded: Uint8Array): Promise<CborValue>;
  performers: Performers;
  /** Puts in force a rescue that operators have signed. @throws (peer) where they have not. */
  conclude?(encoded: Uint8Array): Promise<Concluded>;
}

export class AuthorityActions {
  readonly #options: AuthorityActionsOptions;
  /** Each application costs every member the verification of signatures, and an entry. */
  readonly #applications = new Rates({ perSecond: 0.2, burst: 16, most: 4_096 });
  readonly #listings = new Rates({ perSecond: 1, burst: 32, most: 4_096 });
  #performing = false;

  constructor(options: AuthorityActionsOptions) {
    this.#options = options;
  }

  /**
   * Leads the action that a peer carries here. What the members answered is in the result, and why it was not performed.
   * @throws OOTO_MESH_ACTION_RATE, _BUSY, _REPLAYED, _KIND, OOTO_AUTHORITY_ACTION_*, OOTO_ENVELOPE_* (peer).
   */
  async apply(carrier: string, body: CborValue): Promise<CborValue> {
    const encoded = bytesBetween(1, MOST_RESCUE_BYTES)(body, 'authority.apply');
    this.#requireRate(this.#applications, carrier);
    if (this.#performing)
      throw new OotoError('OOTO_MESH_ACTION_BUSY', 'environment', 'another action is under way here', {
        hint: 'wait until it is over, or carry this one to another member',
      });
    this.#performing = true;
    try {
      return isRescueEncoding(encoded) ? await this.#conclude(encoded) : await this.#lead(carrier, encoded);
    } finally {
      this.#performing = false;
    }
  }

  async #lead(carrier: string, encoded: Uint8Array): Promise<CborValue> {
    const { name, logger } = this.#options;
    const admitted = await this.#admit(encoded);
    const { action } = admitted.approved;
    const { number } = action;
    const members: MemberAnswer[] = [
      { member: name, proof: admitted.proof },
      ...(await this.#askFellows(encoded)),
    ];
    const outcome = await this.#perform(admitted, members).then(
      (facts) => ({ facts, failure: null }),
      (error) => ({ facts: {}, failure: failureOf(error) }),
    );
    logger.log('info', 'action applied', { number, peer: carrier, what: action.kind });
    return { number, members: members.map(plainAnswer), ...outcome } as CborValue;
  }

  /** What an action of operators led to is signed by them too, and goes into force. */
  async #conclude(encoded: Uint8Array): Promise<CborValue> {
    const { conclude } = this.#options;
    if (!conclude) throw unperformed('rescue');
    const { number, answers, facts } = await conclude(encoded);
    const members = [...answers].map(([member, answer]): MemberAnswer => {
      if (answer instanceof OotoError) return { member, ...failureOf(answer) };
      return { member, proof: logProof(answer, 'proof') };
    });
    return { number, members: members.map(plainAnswer), facts, failure: null } as CborValue;
  }

  /**
   * Writes into this member's log, once, that operators let this trust bundle in, without the group key before it.
   * @param committee of the members that go by it
   */
  logRescue({ version, digest, encoded, operators = [] }: TrustBundle, committee: CommitteeRecord) {
    const { crypto, duty, store } = this.#options;
    const number = numberOf(store, committee.action);
    const among = committee.members.map(({ name }) => name);
    const key = `${RESCUE_PREFIX}${version}`;
    return duty.logAction((state, index) => {
      const known = state.get(key);
      if (known) return uint()(decode(known, { maxBytes: 9 }), key);
      const approvals = crypto.sha256(encoded as Uint8Array);
      const leaf = { kind: 'action' as const, action: 'rescue' as const, operators: [...operators] };
      return {
        leaf: encodeLeaf({ ...leaf, number, digest, approvals }),
        changes: [{ put: key, value: encode(index) }],
      };
    }, among);
  }

  /** A member's own judgement and entry. @throws as {@link apply}. */
  async admit(coordinator: string, body: CborValue): Promise<LogProof> {
    const encoded = bytesBetween(1, MAX_ACTION_BYTES)(body, 'authority.admit');
    this.#requireRate(this.#applications, coordinator);
    return (await this.#admit(encoded)).proof;
  }

  /**
   * The action that a fellow member refers to, if this member has it in its own log.
   * @throws OOTO_MESH_ACTION_UNKNOWN (peer).
   */
  requireAdmitted(number: number, digest: Uint8Array): ApprovedAction {
    const { encoded } = this.#requireEntry(number, digest);
    return verifyAction(this.#options.crypto, this.#options.genesis, encoded);
  }

  /** Durable once it resolves: this member takes the action no more. */
  async finish({ action: { number }, digest }: Pick<ApprovedAction, 'action' | 'digest'>): Promise<void> {
    const entry = this.#requireEntry(number, digest);
    await this.#options.store.commit([put(number, { ...entry, done: true })]);
  }

  #requireEntry(number: number, digest: Uint8Array): Entry {
    const entry = this.#entry(number);
    if (entry && equal(entry.digest, digest)) return entry;
    throw new OotoError(
      'OOTO_MESH_ACTION_UNKNOWN',
      'peer',
      `action ${number} is not in the log of this member`,
    );
  }

  /** The audit after a number: each action with its approvals, and the proof that it is in this member's log. */
  list(peer: string, body: CborValue): CborValue {
    const { after } = fields(body, { after: uint() }, 'authority.actions');
    this.#requireRate(this.#listings, peer);
    const listed: CborValue[] = [];
    let size = 0;
    for (const { value } of this.#options.store.range(`${PREFIX}${digits(after + 1)}`, AFTER_PREFIX)) {
      const { encoded, index } = readEntry(value);
      size += encoded.length;
      if (listed.length === MOST_LISTED || (size > MOST_LISTED_BYTES && listed.length > 0)) break;
      listed.push({ encoded, proof: this.#options.duty.prove(index) as unknown as CborValue });
    }
    return listed;
  }

  /**
   * Verified, then written into the log, once. One that is there already is proven again while it is due, also after its
   * end: whatever some members have signed for it, no other action can take its place.
   */
  async #admit(encoded: Uint8Array): Promise<Admitted> {
    const { crypto, genesis, clock, duty } = this.#options;
    const approved = verifyAction(crypto, genesis, encoded);
    const { action, digest } = approved;
    let isNew = true;
    const proof = await duty.logAction((state, index) => {
      const known = entryIn(state, action.number);
      isNew = known === undefined;
      if (!known) requireTimely(action, clock.now());
      else if (!equal(known.digest, digest)) throw numberTaken(action.number);
      if (known?.done) throw replayed(action.number);
      this.#requireDue(approved, isNew);
      return known?.index ?? this.#newEntry(approved, index);
    }, this.#performer(approved).takenBy?.(action));
    return { approved, proof, isNew };
  }

  #newEntry(approved: ApprovedAction, index: number): { leaf: Uint8Array; changes: StoreChange[] } {
    const { action, digest, operators, encoded } = approved;
    const leaf = encodeLeaf({
      kind: 'action',
      number: action.number,
      action: action.kind,
      digest,
      approvals: this.#options.crypto.sha256(encoded),
      operators: [...operators],
    });
    return { leaf, changes: [put(action.number, { encoded, digest, index, done: false })] };
  }

  async #askFellows(encoded: Uint8Array): Promise<MemberAnswer[]> {
    return Promise.all(
      this.#options.fellows().map(async (member): Promise<MemberAnswer> => {
        try {
          return { member, proof: logProof(await this.#options.askToAdmit(member, encoded), 'proof') };
        } catch (error) {
          return { member, ...failureOf(error) };
        }
      }),
    );
  }

  /** Only once enough members have it in their logs. What fails may be tried again, by this member or another. */
  async #perform({ approved, isNew }: Admitted, members: readonly MemberAnswer[]): Promise<Facts> {
    const performer = this.#performer(approved);
    if (!performer.alone) this.#requireEnough(members, performer.takenBy?.(approved.action));
    performer.requireDue(approved.action, isNew);
    const { clock } = this.#options;
    const facts = await within(clock, PERFORM_MS, approved.action.kind, performer.perform(approved));
    if (!performer.isOpen) await this.finish(approved);
    return facts;
  }

  #requireEnough(members: readonly MemberAnswer[], all?: readonly string[]): void {
    const took = members.filter((answer) => 'proof' in answer && (all?.includes(answer.member) ?? true));
    const admitted = took.length;
    const threshold = all?.length ?? this.#options.threshold();
    if (admitted < threshold)
      throw new OotoError(
        'OOTO_AUTHORITY_UNAVAILABLE',
        'environment',
        `${threshold} members of the authority are needed and ${admitted} have taken the action`,
        { hint: 'start the missing members, then apply it again' },
      );
  }

  #requireDue(approved: ApprovedAction, isNew: boolean): void {
    this.#performer(approved).requireDue(approved.action, isNew);
  }

  /** The table's types are those of {@link Performers}; kind and parameters of an action belong together. */
  #performer({ action: { kind } }: ApprovedAction): Performer<ActionKind> {
    const performer = this.#options.performers[kind];
    if (performer) return performer as unknown as Performer<ActionKind>;
    throw unperformed(kind);
  }

  #requireRate(rates: Rates, peer: string): void {
    if (!rates.take(peer, this.#options.clock.monotonic()))
      throw new OotoError('OOTO_MESH_ACTION_RATE', 'peer', 'actions are asked for too often');
  }

  #entry(number: number): Entry | undefined {
    return entryIn(this.#options.store, number);
  }
}

interface Admitted {
  approved: ApprovedAction;
  proof: LogProof;
  /** It was not in the log before. */
  isNew: boolean;
}

function entryIn(store: Pick<Store, 'get'>, number: number): Entry | undefined {
  const stored = store.get(`${PREFIX}${digits(number)}`);
  return stored && readEntry(stored);
}

function readEntry(stored: Uint8Array): Entry {
  return fields(decode(stored, { maxBytes: MAX_ACTION_BYTES + 1024 }), entryShape, 'stored action');
}

function put(number: number, { encoded, digest, index, done }: Entry): StoreChange {
  return { put: `${PREFIX}${digits(number)}`, value: encode({ encoded, digest, index, done }) };
}

/** In the order of the numbers. */
function digits(number: number): string {
  return String(number).padStart(NUMBER_DIGITS, '0');
}

/** A note says nothing to anybody but the audit: to admit it is to perform it. */
export const NOTING: Performer<'note'> = {
  alone: true,
  requireDue({ number }, isNew) {
    if (!isNew) throw replayed(number);
  },
  perform: async () => ({}),
};

function unperformed(kind: ActionKind): OotoError {
  return new OotoError('OOTO_MESH_ACTION_KIND', 'peer', `this member does not perform ${kind}`);
}

/** Of the action with this digest; 0 where this member never had it. */
function numberOf(store: Store, digest: Uint8Array): number {
  const entries = store.range(PREFIX, AFTER_PREFIX);
  const found = entries.find(({ value }) => equal(readEntry(value).digest, digest));
  return found ? Number(found.key.slice(PREFIX.length)) : 0;
}

/** @throws OOTO_MESH_ACTION_REPLAYED (peer), always. */
export function replayed(number: number): OotoError {
  return new OotoError('OOTO_MESH_ACTION_REPLAYED', 'peer', `action ${number} has been applied already`, {
    hint: 'to do it again, propose it under a new number',
  });
}

function numberTaken(number: number): OotoError {
  return new OotoError('OOTO_MESH_ACTION_NUMBER', 'peer', `another action has the number ${number}`, {
    hint: 'ooto authority actions shows the numbers that are taken; propose it again under the next',
  });
}

function failureOf(error: unknown): { code: string; message: string } {
  const { code, message } = asOotoError(error);
  return { code, message };
}

function plainAnswer(answer: MemberAnswer): CborValue {
  return answer as unknown as CborValue;
}
