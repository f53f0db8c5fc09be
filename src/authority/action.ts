/**
 * What operators approve. What flows through here: an action names one change of the authority, its parameters, its
 * number and its end, and becomes the bytes that operators sign; a reader takes it apart strictly, shows it in words,
 * and believes it only with the signatures of enough distinct operators of the genesis draft, each of whom may approve
 * this kind. Whoever carries it needs no right: there is nothing in it to change.
 */
import { compare, equal, utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, decode } from '../envelope/cbor.ts';
import {
  decodeDocument,
  documentMessage,
  encodeDocument,
  type SignedDocument,
  verifyDocument,
  withSignature,
} from '../envelope/document.ts';
import {
  anything,
  bytes,
  fields,
  list,
  literal,
  object,
  type Reader,
  type Shape,
  text,
  uint,
  variant,
} from '../envelope/fields.ts';
import type { SigningKey } from '../envelope/keys.ts';
import type { NamedKey } from '../envelope/quorum.ts';
import { readNodeId } from './certification.ts';
import { type Founder, founderShape, type GenesisDraft, type GenesisRecord } from './genesis.ts';
import { type ActionKind, mayApprove } from './operator-role.ts';

/** An action with its approvals is at most this long. */
export const MAX_ACTION_BYTES = 256 * 1024;
/** No action may be applied later than this after it was made. */
export const MAX_ACTION_LIFE_MS = 7 * 24 * 3_600_000;
/** Operators' clocks may be this far ahead of a member's. */
const CLOCK_SKEW_MS = 120_000;
const MAX_OPERATORS = 16;
const MAX_MEMBERS = 64;
/** No control, no mark that turns the direction of writing: what operators read is what they sign. */
const sentence = text(1024, /^[^\p{C}\p{Zl}\p{Zp}]+$/u);
const memberName = text(63, /^[a-z0-9][a-z0-9-]{0,62}$/);

const common = {
  mesh: bytes(32),
  /** Milliseconds since 1970. */
  created: uint(),
  /** After this nobody begins it any more. */
  expires: uint(),
} as const;

/** As in the genesis draft, and its addresses are such that they can be read. */
const newMember: Reader<Founder> = (value, path) => {
  const member = object(founderShape)(value, path);
  list(sentence, { max: 8 })(member.addresses, `${path}.addresses`);
  return member;
};

const nodeId: Reader<string> = (value, path) => {
  const id = text(2048)(value, path);
  readNodeId(id);
  return id;
};

const shapes = {
  /** Changes nothing: a sentence for the audit. */
  note: { ...common, parameters: object({ text: sentence }) },
  /** The node of this id, with every key it has or will have, for ever. */
  'revoke-node': { ...common, parameters: object({ id: nodeId, reason: sentence }) },
  /** SHA-256 of the key. */
  'revoke-key': { ...common, parameters: object({ key: bytes(32), reason: sentence }) },
  /** New shares for the committee of this epoch. */
  refresh: { ...common, parameters: object({ epoch: uint() }) },
  /** Another committee, or another threshold, after that of this epoch. */
  reshare: {
    ...common,
    parameters: object({
      epoch: uint(),
      threshold: uint(MAX_MEMBERS),
      members: list(newMember, { min: 1, max: MAX_MEMBERS }),
    }),
  },
  /** A new copy of the share that this member of the committee of this epoch has lost. */
  repair: { ...common, parameters: object({ epoch: uint(), member: memberName }) },
  /** Another group key after trust bundle `version`; the old one counts for `overlapMs` more. */
  rotate: { ...common, parameters: object({ version: uint(), overlapMs: uint(MAX_ACTION_LIFE_MS) }) },
  /**
   * Another group key after trust bundle `version`, made by these members of the committee alone, of whom `threshold` sign
   * from then on; whoever had a certificate at `since` may renew it for `overlapMs` more, though it has ended.
   */
  rescue: {
    ...common,
    parameters: object({
      version: uint(),
      threshold: uint(MAX_MEMBERS),
      members: list(memberName, { min: 1, max: MAX_MEMBERS }),
      since: uint(),
      overlapMs: uint(MAX_ACTION_LIFE_MS),
    }),
  },
} as const satisfies Record<ActionKind, Shape>;

const readBody = variant('kind', shapes);
type Body = ReturnType<typeof readBody>;

/** Which change, with its parameters. */
export type Change = {
  [K in ActionKind]: { kind: K; parameters: Extract<Body, { kind: K }>['parameters'] };
}[ActionKind];
/** An action, whoever approved it. */
export type Action = Body & {
  /** In the mesh's audit; each is used once. */
  number: number;
};

/** An action that enough operators approved. */
export interface ApprovedAction {
  readonly action: Action;
  /** SHA-256 of what they signed: the same whoever signed. */
  readonly digest: Uint8Array;
  /** Names of the operators that approved. */
  readonly operators: readonly string[];
  /** With the approvals. */
  readonly encoded: Uint8Array;
}

/** An action of a kind. */
export type ActionOf<K extends ActionKind> = Extract<Action, { kind: K }>;

export interface Proposal {
  action: Action;
  digest: Uint8Array;
  document: SignedDocument;
}

/**
 * An action that nobody has approved yet, as it goes from operator to operator.
 * @throws OOTO_AUTHORITY_ACTION (caller) for one that no member would accept.
 */
export function proposeAction(
  change: Change,
  frame: { mesh: Uint8Array; number: number; created: number; expires: number },
): Uint8Array {
  const { number, ...rest } = frame;
  const body = { ...rest, ...change } as unknown as CborValue;
  const read = { ...readBody(body, 'action'), number };
  requireSound(read);
  return encodeDocument({ kind: 'action', version: number, body, signatures: [] });
}

/**
 * What `encoded` proposes, with the approvals it has so far, whose signatures nobody has checked.
 * @throws OOTO_ENVELOPE_*, OOTO_AUTHORITY_ACTION (peer).
 */
export function readProposal(crypto: Crypto, encoded: Uint8Array): Proposal {
  const read = fields(decode(encoded, { maxBytes: MAX_ACTION_BYTES }), proposalShape, 'action');
  const document: SignedDocument = { ...read, kind: 'action' };
  const { signatures } = document;
  if (signatures.some(({ keyid }, i) => i > 0 && compare(utf8(signatures[i - 1].keyid), utf8(keyid)) >= 0))
    throw unsound('approvals ascend by name');
  const action = readAction(document);
  return { action, digest: crypto.sha256(documentMessage(document)), document };
}

const proposalShape = {
  kind: literal('action'),
  version: uint(),
  body: anything,
  signatures: list(object({ keyid: text(256), signature: bytes(64) }), { max: MAX_OPERATORS }),
} as const;

/** The proposal with one more approval. @throws OOTO_AUTHORITY_ACTION_OPERATOR (caller) for who may not give it. */
export function approveAction(
  { action, document }: Proposal,
  draft: Pick<GenesisDraft, 'operators'>,
  key: SigningKey,
): Uint8Array {
  const operator = draft.operators.find(({ publicKey }) => equal(publicKey, key.publicKey));
  if (!operator)
    throw new OotoError('OOTO_AUTHORITY_ACTION_OPERATOR', 'caller', 'this key is of no operator of the mesh');
  if (!mayApprove(operator, action.kind))
    throw new OotoError(
      'OOTO_AUTHORITY_ACTION_OPERATOR',
      'caller',
      `${operator.keyid} is ${operator.role} and may not approve ${action.kind}`,
    );
  const signature = key.sign(documentMessage(document));
  return encodeDocument(withSignature(document, { keyid: operator.keyid, signature }));
}

/**
 * Judges an action: this mesh's, and approved by the quorum of operators who may approve this kind, at whatever time.
 * @throws OOTO_AUTHORITY_ACTION, _ACTION_OPERATOR, OOTO_ENVELOPE_* (peer).
 */
export function verifyAction(
  crypto: Crypto,
  { draft, meshId }: Pick<GenesisRecord, 'draft' | 'meshId'>,
  encoded: Uint8Array,
): ApprovedAction {
  const document = decodeDocument(encoded, { maxBytes: MAX_ACTION_BYTES });
  requireKind(document);
  const action = readAction(document);
  if (!equal(action.mesh, meshId)) throw unsound('it is for another mesh');
  const quorum = { keys: operatorsFor(draft, action.kind, document), threshold: draft.operatorQuorum };
  const { digest, keyids } = verifyDocument(crypto, document, { ...quorum, kind: 'action', body: readBody });
  return { action, digest, operators: keyids, encoded };
}

/**
 * Whether an action may be begun at `now` (milliseconds since 1970).
 * @throws OOTO_AUTHORITY_ACTION_EXPIRED, _ACTION_CLOCK (peer).
 */
export function requireTimely({ created, expires }: Action, now: number): void {
  if (now > expires)
    throw new OotoError('OOTO_AUTHORITY_ACTION_EXPIRED', 'peer', 'the action has expired', {
      hint: 'propose it again, under a new number',
    });
  if (created > now + CLOCK_SKEW_MS)
    throw new OotoError('OOTO_AUTHORITY_ACTION_CLOCK', 'peer', 'the action was made in the future', {
      hint: 'compare the clocks of operators and members',
    });
}

function requireKind({ kind }: SignedDocument): void {
  if (kind !== 'action')
    throw new OotoError(
      'OOTO_ENVELOPE_KIND',
      'peer',
      'a document of another kind where "action" is expected',
    );
}

/** Those who may approve it. Whoever approved without the right is named. */
function operatorsFor(draft: GenesisDraft, kind: ActionKind, { signatures }: SignedDocument): NamedKey[] {
  const barred = draft.operators.filter((operator) => !mayApprove(operator, kind)).map(({ keyid }) => keyid);
  const culprits = signatures.map(({ keyid }) => keyid).filter((keyid) => barred.includes(keyid));
  if (culprits.length > 0)
    throw new OotoError(
      'OOTO_AUTHORITY_ACTION_OPERATOR',
      'peer',
      `${culprits.join(', ')} may not approve ${kind}`,
      { culprits },
    );
  return draft.operators.filter(({ keyid }) => !barred.includes(keyid));
}

function readAction({ version: number, body }: SignedDocument): Action {
  const action = { ...readBody(body, 'action'), number };
  requireSound(action);
  return action;
}

function requireSound({ mesh, number, created, expires, kind, parameters }: Action): void {
  if (number < 1) throw unsound('numbers count from 1');
  if (expires <= created || expires - created > MAX_ACTION_LIFE_MS)
    throw unsound('it ends at most seven days after it was made');
  if (kind === 'revoke-node' && readNodeId(parameters.id).meshId !== hex(mesh))
    throw unsound('the node is of another mesh');
  if (kind === 'reshare' || kind === 'rescue') requireMajority(parameters);
  if (kind !== 'rescue') return;
  if (parameters.since > created) throw unsound('certificates come back that are not issued yet');
  if (new Set(parameters.members).size !== parameters.members.length)
    throw unsound('a member is named twice');
}

function requireMajority({ threshold, members }: { threshold: number; members: readonly unknown[] }): void {
  if (threshold > members.length || 2 * threshold <= members.length)
    throw unsound(`a threshold of ${threshold} of ${members.length} is no majority`);
}

function unsound(what: string): OotoError {
  return new OotoError('OOTO_AUTHORITY_ACTION', 'peer', `no action that can be applied: ${what}`);
}
