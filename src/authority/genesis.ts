/**
 * The beginning of a mesh. What flows through here, in order: founders' public keys and operators' keys make a
 * draft; operators compare its fingerprint and sign it; the founders generate the group key together and each
 * certifies the result with its key-generation key; all of it is the genesis record, and the SHA-256 of the
 * record is the mesh's id for life. Whoever holds the id can check the record, and with it everything else.
 */
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../envelope/cbor.ts';
import {
  anything,
  bytes,
  bytesBetween,
  type Fields,
  fields,
  list,
  object,
  text,
  uint,
} from '../envelope/fields.ts';
import { type NamedKey, type NamedSignature, verifyQuorum } from '../envelope/quorum.ts';
import { statementMessage } from '../envelope/statement.ts';

const MOST_BYTES = 1024 * 1024;
const MOST_FOUNDERS = 64;
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

const founderShape = {
  /** Its node id is `spiffe://<mesh id>/authority/<name>`. */
  name: text(63, NAME),
  /** Ed25519, 32 bytes; signs delegations. */
  identityKey: bytes(32),
  /** Signs the checkpoints of this member's log. */
  logKey: bytes(32),
  /** Signs cosignatures of other logs. */
  witnessKey: bytes(32),
  /** Certifies the result of key generation, and nothing else. */
  keyGenerationKey: bytes(32),
  addresses: list(text(255), { min: 1, max: 8 }),
} as const;

export type Founder = Fields<typeof founderShape>;

const draftShape = {
  /** For people. */
  name: text(63, NAME),
  /** Milliseconds since 1970. */
  created: uint(),
  /** Members that must sign. */
  threshold: uint(MOST_FOUNDERS),
  founders: list(object(founderShape), { min: 1, max: MOST_FOUNDERS }),
  operators: list(object({ keyid: text(63, NAME), publicKey: bytes(32) }), { min: 1, max: 16 }),
  /** Operators that must agree to sensitive actions. */
  operatorQuorum: uint(16),
  /** The mesh's first policy; read by the mesh room. */
  policy: anything,
} as const;

export type GenesisDraft = Fields<typeof draftShape>;

const signatureShape = object({ keyid: text(256), signature: bytes(64) });

const recordShape = {
  /** The encoded draft. */
  draft: bytesBetween(1, MOST_BYTES),
  operatorSignatures: list(signatureShape, { min: 1, max: 16 }),
  /** The Ed25519 key under which the mesh's certificates are issued. */
  groupKey: bytes(32),
  /** The public result of key generation, in the threshold room's encoding. */
  publicPackage: bytesBetween(1, 64 * 1024),
  /** Digest of the key-generation transcript that every founder saw. */
  transcript: bytes(32),
  /** By every founder's key-generation key. */
  founderSignatures: list(signatureShape, { min: 1, max: MOST_FOUNDERS }),
} as const;

export interface GenesisRecord extends Omit<Fields<typeof recordShape>, 'draft'> {
  draft: GenesisDraft;
  draftBytes: Uint8Array;
  /** The bytes whose SHA-256 is the mesh id. */
  encoded: Uint8Array;
  meshId: Uint8Array;
}

/** @throws OOTO_AUTHORITY_GENESIS (caller) for a draft that no mesh may have. */
export function encodeDraft(draft: GenesisDraft): Uint8Array {
  requireSound(draft);
  return encode({ ...draft, founders: draft.founders.map((founder) => ({ ...founder })) });
}

/** @throws OOTO_ENVELOPE_* (peer) or OOTO_AUTHORITY_GENESIS (caller). */
export function readDraft(encoded: Uint8Array): GenesisDraft {
  const draft = fields(decode(encoded, { maxBytes: MOST_BYTES }), draftShape, 'genesis draft');
  requireSound(draft);
  return draft;
}

/** What stands for the mesh before it has an id; also what operators read to each other. */
export function draftDigest(crypto: Crypto, draft: Uint8Array): Uint8Array {
  return crypto.sha256(statementMessage('genesis-draft', draft));
}

/** The bytes that operators sign once they have compared fingerprints. */
export function operatorMessage(draft: Uint8Array): Uint8Array {
  return statementMessage('genesis-draft', draft);
}

/** The bytes that each founder's key-generation key signs. */
export function founderMessage(result: {
  draft: Uint8Array;
  groupKey: Uint8Array;
  publicPackage: Uint8Array;
  transcript: Uint8Array;
}): Uint8Array {
  return statementMessage('genesis', { ...result });
}

/** Puts the record together, and verifies it. */
export function createGenesisRecord(
  crypto: Crypto,
  parts: {
    draft: Uint8Array;
    operatorSignatures: readonly NamedSignature[];
    groupKey: Uint8Array;
    publicPackage: Uint8Array;
    transcript: Uint8Array;
    founderSignatures: readonly NamedSignature[];
  },
): GenesisRecord {
  const named = (signatures: readonly NamedSignature[]): CborValue =>
    signatures.map(({ keyid, signature }) => ({ keyid, signature }));
  const encoded = encode({
    ...parts,
    operatorSignatures: named(parts.operatorSignatures),
    founderSignatures: named(parts.founderSignatures),
  });
  return verifyGenesisRecord(crypto, encoded);
}

/**
 * Judges a genesis record: sound draft, agreed by the operators' quorum, certified by every founder, and, where
 * an id is given, the record of that mesh.
 * @throws OOTO_AUTHORITY_GENESIS, OOTO_AUTHORITY_MESH_ID, OOTO_ENVELOPE_* (peer).
 */
export function verifyGenesisRecord(crypto: Crypto, encoded: Uint8Array, meshId?: Uint8Array): GenesisRecord {
  const record = fields(decode(encoded, { maxBytes: 2 * MOST_BYTES }), recordShape, 'genesis record');
  const id = crypto.sha256(encoded);
  if (meshId && hex(meshId) !== hex(id))
    throw new OotoError('OOTO_AUTHORITY_MESH_ID', 'peer', 'the genesis record is that of another mesh');
  const draft = readDraft(record.draft);
  verifyQuorum(crypto, operatorMessage(record.draft), record.operatorSignatures, {
    keys: draft.operators,
    threshold: draft.operatorQuorum,
  });
  const founderKeys = draft.founders.map(
    (founder): NamedKey => ({ keyid: founder.name, publicKey: founder.keyGenerationKey }),
  );
  const { groupKey, publicPackage, transcript } = record;
  const certified = founderMessage({ draft: record.draft, groupKey, publicPackage, transcript });
  verifyQuorum(crypto, certified, record.founderSignatures, {
    keys: founderKeys,
    threshold: founderKeys.length,
  });
  crypto.ed25519.admitKey(record.groupKey);
  return { ...record, draft, draftBytes: record.draft, encoded, meshId: id };
}

/** A majority signs, every key has one purpose and one holder, every founder one name. */
function requireSound(draft: GenesisDraft): void {
  const count = draft.founders.length;
  if (draft.threshold < 1 || draft.threshold > count || 2 * draft.threshold <= count)
    throw unsound(`a threshold of ${draft.threshold} of ${count} is no majority`);
  if (draft.operatorQuorum < 1 || draft.operatorQuorum > draft.operators.length)
    throw unsound(`${draft.operators.length} operators cannot make a quorum of ${draft.operatorQuorum}`);
  const keys = [
    ...draft.founders.flatMap((f) => [f.identityKey, f.logKey, f.witnessKey, f.keyGenerationKey]),
    ...draft.operators.map((operator) => operator.publicKey),
  ].map(hex);
  if (new Set(keys).size !== keys.length) throw unsound('one key stands in two places');
  if (new Set(draft.founders.map((founder) => founder.name)).size !== count)
    throw unsound('two founders share a name');
  if (new Set(draft.operators.map((operator) => operator.keyid)).size !== draft.operators.length)
    throw unsound('two operators share a name');
}

function unsound(what: string): OotoError {
  return new OotoError('OOTO_AUTHORITY_GENESIS', 'caller', `not a genesis draft: ${what}`);
}
