/**
 * The beginning of a mesh. What flows through here, in order: founders' public keys and operators' keys make a
 * draft; operators compare its fingerprint and sign it; the founders generate the group key together and each
 * certifies the result with its key-generation key; all of it is the genesis record, and the SHA-256 of the
 * record is the mesh's id for life. Whoever holds the id can check the record, and with it everything else.
 */

import { equal } from '../base/bytes.ts';
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
  optional,
  text,
  uint,
} from '../envelope/fields.ts';
import type { VerificationKey } from '../envelope/keys.ts';
import { type NamedSignature, verifyQuorum } from '../envelope/quorum.ts';
import { statementMessage } from '../envelope/statement.ts';
import { type Committee, encodeCommittee } from '../threshold/committee.ts';
import {
  decodeGenerationCertificate,
  encodeGenerationCertificate,
  type GenerationCertificate,
  verifyGenerationCertificate,
} from '../threshold/generation-certificate.ts';
import {
  decodePublicPackage,
  encodePublicPackage,
  groupKey,
  type PublicPackage,
} from '../threshold/public-package.ts';
import { readTpmKeys } from './device.ts';
import { operatorRole, requireApprovable } from './operator-role.ts';

const MOST_BYTES = 1024 * 1024;
const MOST_FOUNDERS = 64;
const ED25519_BYTES = 32;
const P256_BYTES = 65;
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

export const founderShape = {
  /** Its node id is `spiffe://<mesh id>/authority/<name>`. */
  name: text(63, NAME),
  /** Signs delegations. Ed25519, 32 bytes, or P-256 in a TPM, 65. */
  identityKey: bytesBetween(32, 65),
  /** The TPM that holds the identity key; absent for a founder without one. */
  tpm: optional(readTpmKeys),
  /** Signs the checkpoints of this member's log. */
  logKey: bytes(32),
  /** Signs cosignatures of other logs. */
  witnessKey: bytes(32),
  /** Certifies the result of key generation, and nothing else. */
  keyGenerationKey: bytes(32),
  addresses: list(text(255), { min: 1, max: 8 }),
} as const;

export type Founder = Fields<typeof founderShape>;
/** A member of the authority, in the genesis draft and in every record of a committee. */
export const readFounder = object(founderShape);

const draftShape = {
  /** For people. */
  name: text(63, NAME),
  /** Milliseconds since 1970. */
  created: uint(),
  /** Members that must sign. */
  threshold: uint(MOST_FOUNDERS),
  founders: list(readFounder, { min: 1, max: MOST_FOUNDERS }),
  operators: list(object({ keyid: text(63, NAME), publicKey: bytes(32), role: operatorRole }), {
    min: 1,
    max: 16,
  }),
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
  /** Which run of key generation succeeded; counts from 1. */
  attempt: uint(1_000_000),
  /** The public result of key generation, in the threshold room's encoding. */
  publicPackage: bytesBetween(1, 64 * 1024),
  /** Every founder's signature over it, in the threshold room's encoding. */
  generationCertificate: bytesBetween(1, 64 * 1024),
} as const;

export interface GenesisRecord {
  draft: GenesisDraft;
  draftBytes: Uint8Array;
  publicPackage: PublicPackage;
  /** The Ed25519 key under which the mesh's certificates and heads are signed. */
  groupKey: Uint8Array;
  /** The bytes whose SHA-256 is the mesh id. */
  encoded: Uint8Array;
  meshId: Uint8Array;
}

/** @throws OOTO_AUTHORITY_GENESIS (caller) for a draft that no mesh may have. */
export function encodeDraft(draft: GenesisDraft): Uint8Array {
  requireSound(draft);
  return encode({ ...draft, founders: draft.founders.map(plainFounder) } as CborValue);
}

/** A founder as it is encoded. */
export function plainFounder({ tpm, ...founder }: Founder): CborValue {
  return { ...founder, ...(tpm ? { tpm: { ...tpm } } : {}) };
}

/** The key that signs a founder's delegations. */
export function founderIdentity({ identityKey: bytes }: Founder): VerificationKey {
  return { algorithm: bytes.length === ED25519_BYTES ? 'ed25519' : 'p256', bytes };
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

/** The committee that generates the key: the founders, in the order of the draft. */
export function foundingCommittee(draft: GenesisDraft): Committee {
  const members = draft.founders.map(({ name, keyGenerationKey }, i) => ({
    identifier: i + 1,
    name,
    publicKey: keyGenerationKey,
  }));
  return { epoch: 0, threshold: draft.threshold, members };
}

/** What binds one run of key generation to the draft that the operators signed. */
export function generationSession(crypto: Crypto, draft: Uint8Array, attempt: number): Uint8Array {
  return crypto.sha256(statementMessage('genesis', { draft: draftDigest(crypto, draft), attempt }));
}

/** Puts the record together, and verifies it. */
export function createGenesisRecord(
  crypto: Crypto,
  parts: {
    draft: Uint8Array;
    operatorSignatures: readonly NamedSignature[];
    attempt: number;
    publicPackage: PublicPackage;
    certificate: GenerationCertificate;
  },
): GenesisRecord {
  const encoded = encode({
    draft: parts.draft,
    operatorSignatures: parts.operatorSignatures.map(({ keyid, signature }) => ({ keyid, signature })),
    attempt: parts.attempt,
    publicPackage: encodePublicPackage(parts.publicPackage),
    generationCertificate: encodeGenerationCertificate(parts.certificate),
  });
  return verifyGenesisRecord(crypto, encoded);
}

/**
 * Judges a genesis record: sound draft, agreed by the operators' quorum, a group key that exactly the draft's
 * founders generated for exactly this draft and every one of them certified, and, where an id is given, the
 * record of that mesh.
 * @throws OOTO_AUTHORITY_GENESIS, OOTO_AUTHORITY_MESH_ID, OOTO_ENVELOPE_*, OOTO_THRESHOLD_* (peer).
 */
export function verifyGenesisRecord(crypto: Crypto, encoded: Uint8Array, meshId?: Uint8Array): GenesisRecord {
  const record = fields(decode(encoded, { maxBytes: 2 * MOST_BYTES }), recordShape, 'genesis record');
  const id = crypto.sha256(encoded);
  if (meshId && !equal(meshId, id))
    throw new OotoError('OOTO_AUTHORITY_MESH_ID', 'peer', 'the genesis record is that of another mesh');
  const draft = readDraft(record.draft);
  verifyOperators(crypto, draft, record.draft, record.operatorSignatures);
  const publicPackage = decodePublicPackage(crypto, record.publicPackage);
  const certificate = decodeGenerationCertificate(record.generationCertificate);
  if (!equal(encodeCommittee(publicPackage.committee), encodeCommittee(foundingCommittee(draft))))
    throw unsound('the key was generated by others than the founders');
  if (!equal(certificate.session, generationSession(crypto, record.draft, record.attempt)))
    throw unsound('the key was generated for another draft');
  verifyGenerationCertificate(crypto, publicPackage, certificate);
  return {
    draft,
    draftBytes: record.draft,
    publicPackage,
    groupKey: groupKey(publicPackage),
    encoded,
    meshId: id,
  };
}

/** @throws OOTO_ENVELOPE_* (peer) unless the operators' quorum signed this draft. */
export function verifyOperators(
  crypto: Crypto,
  draft: GenesisDraft,
  encodedDraft: Uint8Array,
  signatures: readonly NamedSignature[],
): void {
  const quorum = { keys: draft.operators, threshold: draft.operatorQuorum };
  verifyQuorum(crypto, operatorMessage(encodedDraft), signatures, quorum);
}

/** A majority signs, every key has one purpose and one holder, every founder one name. */
function requireSound(draft: GenesisDraft): void {
  const count = draft.founders.length;
  if (draft.threshold < 1 || draft.threshold > count || 2 * draft.threshold <= count)
    throw unsound(`a threshold of ${draft.threshold} of ${count} is no majority`);
  if (draft.operatorQuorum < 1 || draft.operatorQuorum > draft.operators.length)
    throw unsound(`${draft.operators.length} operators cannot make a quorum of ${draft.operatorQuorum}`);
  for (const founder of draft.founders) requireFittingKeys(founder);
  const keys = [
    ...draft.founders.flatMap(({ tpm }) => (tpm ? [tpm.endorsementKey] : [])),
    ...draft.founders.flatMap((f) => [f.identityKey, f.logKey, f.witnessKey, f.keyGenerationKey]),
    ...draft.operators.map((operator) => operator.publicKey),
  ].map(hex);
  if (new Set(keys).size !== keys.length) throw unsound('one key stands in two places');
  if (new Set(draft.founders.map((founder) => founder.name)).size !== count)
    throw unsound('two founders share a name');
  if (new Set(draft.operators.map((operator) => operator.keyid)).size !== draft.operators.length)
    throw unsound('two operators share a name');
  requireApprovable(draft.operators, draft.operatorQuorum);
}

/** @throws OOTO_AUTHORITY_GENESIS (caller) unless the identity key is of the kind that goes with a TPM, or without. */
export function requireFittingKeys({ identityKey, tpm }: Founder): void {
  if (identityKey.length !== (tpm ? P256_BYTES : ED25519_BYTES))
    throw unsound('a key on P-256 and a TPM go together');
}

function unsound(what: string): OotoError {
  return new OotoError('OOTO_AUTHORITY_GENESIS', 'caller', `not a genesis draft: ${what}`);
}
