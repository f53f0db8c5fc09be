/**
 * Actions as a node that is no member of the authority sees them. What flows through here: an action is carried to one
 * member, and what comes back is believed only where a proof shows it; the audit is read from every member that
 * answers, and each action in it is verified anew, approvals and proofs, before it is told to anybody.
 */
import { type Action, type ApprovedAction, MAX_ACTION_BYTES, verifyAction } from '../../authority/action.ts';
import type { AuthorityView } from '../../authority/authority-view.ts';
import type { CommitteeRecord } from '../../authority/committee-record.ts';
import { type LogProof, logProof, verifyLogProof } from '../../authority/credential.ts';
import { type ActionLeaf, readLeaf } from '../../authority/leaf.ts';
import { equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import {
  bytesBetween,
  fields,
  list,
  mapOf,
  nullable,
  object,
  optional,
  type Reader,
  text,
  uint,
} from '../../envelope/fields.ts';
import { MOST_RESCUE_BYTES } from '../authority/ceremonies/rescue.ts';

const MOST_MEMBERS = 64;
/** More than this has no mesh done. */
const MOST_ACTIONS = 100_000;

const fact: Reader<string | number | Uint8Array> = (value, path) => {
  if (value instanceof Uint8Array) return bytesBetween(1, MOST_RESCUE_BYTES)(value, path);
  return typeof value === 'number' ? uint()(value, path) : text(4096)(value, path);
};

const refusal = { code: text(96), message: text(2048) } as const;

const appliedShape = {
  number: uint(),
  members: list(
    object({
      member: text(63),
      proof: optional(logProof),
      code: optional(refusal.code),
      message: optional(refusal.message),
    }),
    { max: MOST_MEMBERS },
  ),
  facts: mapOf(fact, { max: 64 }),
  failure: nullable(object(refusal)),
} as const;

const listedShape = object({ encoded: bytesBetween(1, MAX_ACTION_BYTES), proof: logProof });
const readListed = list(listedShape, { max: 1_024 });

/** What came of carrying an action. */
export interface Applied {
  number: number;
  /** Members whose logs are proven to hold it. */
  logged: string[];
  /** Members that refused, or could not be asked, in the words of the member that led. */
  refused: { member: string; code: string; message: string }[];
  facts: Record<string, string | number>;
  /** What operators have to sign before it is done. */
  rescue?: Uint8Array;
  /** Why it was not performed. */
  failure: { code: string; message: string } | null;
}

export interface AuditedAction {
  action: Action;
  digest: Uint8Array;
  operators: readonly string[];
  /** Members whose logs are proven to hold it, and where. */
  logged: { member: string; index: number }[];
}

export interface Audit {
  /** By number; two under one number are evidence of operators who signed both. */
  actions: AuditedAction[];
  /** Members that did not answer, or not with what verifies. */
  failed: { member: string; error: unknown }[];
}

/** What a leading member answered, with every proof in it verified. @throws OOTO_MESH_AUDIT, OOTO_LOG_*, OOTO_ENVELOPE_* (peer). */
export function readApplied(
  crypto: Crypto,
  authority: AuthorityView,
  approved: Pick<ApprovedAction, 'action' | 'digest'>,
  answer: CborValue,
): Applied {
  const { number, members, facts, failure } = fields(answer, appliedShape, 'authority.apply');
  const applied: Applied = { number, logged: [], refused: [], facts: {}, failure };
  for (const [name, value] of facts)
    if (!(value instanceof Uint8Array)) applied.facts[name] = value;
    else if (name === 'rescue') applied.rescue = value;
  const names = new Set(members.map(({ member }) => member));
  if (names.size !== members.length || number !== approved.action.number)
    throw new OotoError('OOTO_MESH_AUDIT', 'peer', 'the answer names one member twice, or another action', {
      hint: 'the member that led is broken or corrupt; ooto authority actions shows what the others have',
    });
  for (const { member, proof, code = '', message = '' } of members) {
    if (proof) {
      requireLoggedBy(crypto, authority, { member, proof, digest: approved.digest });
      applied.logged.push(member);
    } else applied.refused.push({ member, code, message });
  }
  return applied;
}

/** Reads the audit of all `members`; `ask` carries one question to one of them. */
export async function readAudit(
  crypto: Crypto,
  authority: AuthorityView,
  members: readonly string[],
  ask: (member: string, body: CborValue) => Promise<CborValue>,
): Promise<Audit> {
  const audit: Audit = { actions: [], failed: [] };
  const known = new Map<string, AuditedAction>();
  for (const member of members) {
    try {
      for (const { approved, index } of await readAuditOf(crypto, authority, member, ask)) {
        const { action, digest, operators } = approved;
        const found = known.get(hex(digest)) ?? { action, digest, operators, logged: [] };
        known.set(hex(digest), found);
        found.logged.push({ member, index });
      }
    } catch (error) {
      audit.failed.push({ member, error });
    }
  }
  audit.actions = [...known.values()].sort((a, b) => a.action.number - b.action.number);
  return audit;
}

/** One member's, from the first to the last. */
async function readAuditOf(
  crypto: Crypto,
  authority: AuthorityView,
  member: string,
  ask: (member: string, body: CborValue) => Promise<CborValue>,
): Promise<{ approved: ApprovedAction; index: number }[]> {
  const read: { approved: ApprovedAction; index: number }[] = [];
  for (let after = 0; ; ) {
    const page = readListed(await ask(member, { after }), 'authority.actions');
    if (page.length === 0) return read;
    for (const { encoded, proof } of page) {
      const approved = verifyAction(crypto, authority.genesis, encoded);
      const leaf = requireLoggedBy(crypto, authority, { member, proof, digest: approved.digest });
      if (!equal(leaf.approvals, crypto.sha256(encoded))) throw unproven(member, 'has other approvals');
      if (approved.action.number <= after) throw unproven(member, 'is not in the order of numbers');
      after = approved.action.number;
      read.push({ approved, index: proof.index });
      if (read.length > MOST_ACTIONS) throw unproven(member, 'has no end');
    }
  }
}

/** The entry is about this action, and in the log of this member. */
function requireLoggedBy(
  crypto: Crypto,
  authority: AuthorityView,
  { member, proof, digest }: { member: string; proof: LogProof; digest: Uint8Array },
): ActionLeaf {
  if (proof.log !== member) throw unproven(member, 'is proven by another log');
  const leaf = readLeaf(proof.leaf);
  if (leaf.kind !== 'action' || !equal(leaf.digest, digest))
    throw unproven(member, 'is about something else');
  verifyLogProof(crypto, lastCommitteeOf(authority, member), proof);
  return leaf;
}

/** Who an action put out of the committee has it in its log all the same. */
function lastCommitteeOf({ committees, committee }: AuthorityView, member: string): CommitteeRecord {
  return committees.findLast(({ members }) => members.some(({ name }) => name === member)) ?? committee;
}

function unproven(member: string, what: string): OotoError {
  return new OotoError('OOTO_MESH_AUDIT', 'peer', `the entry of ${member} ${what}`, {
    hint: 'keep what it answered: the member is broken or corrupt',
    culprits: [member],
  });
}
