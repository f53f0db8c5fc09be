/**
 * What a member of the authority writes into its log before it signs or acts. What flows through here: a certificate, a
 * workload definition, an action of the operators or a committee record becomes one leaf, which says what is signed, for whom, on what
 * evidence, and what this member found; a reader takes it apart strictly.
 */
import { type CborValue, decode, encode } from '../envelope/cbor.ts';
import {
  bytes,
  type Fields,
  list,
  object,
  oneOf,
  optional,
  text,
  uint,
  variant,
} from '../envelope/fields.ts';
import { ACTION_KINDS } from './operator-role.ts';

const MOST_BYTES = 8 * 1024;

const certificateLeaf = {
  /** SHA-256 of the to-be-signed certificate. */
  tbs: bytes(32),
  /** SHA-256 of the group key it is issued under. */
  issuer: bytes(32),
  /** SPIFFE id of the subject. */
  id: text(2048),
  /** SHA-256 of the subject's identity key. */
  key: bytes(32),
  /** SHA-256 of the evidence that was judged. */
  evidence: bytes(32),
  verdict: oneOf('software', 'authenticator', 'hardware', 'measured'),
  /**
   * The TPM that the node enrolled with: fingerprint of its endorsement key, whose word that stands on, and SHA-256 of its
   * attestation key.
   */
  device: optional(
    object({ endorsementKey: bytes(32), attestationKey: bytes(32), vouched: oneOf('named', 'judged') }),
  ),
} as const;

const definitionLeaf = {
  /** SHA-256 of the definition's envelope. */
  digest: bytes(32),
  /** Name of the originator whose signature was verified. */
  originator: text(256),
} as const;

const actionLeaf = {
  number: uint(),
  /** `revoke-node` and its like. */
  action: oneOf(...ACTION_KINDS),
  /** SHA-256 of what the operators signed. */
  digest: bytes(32),
  /** SHA-256 of the action with its approvals. */
  approvals: bytes(32),
  /** Names of the operators whose approvals were verified. */
  operators: list(text(63), { min: 1, max: 16 }),
} as const;

const committeeLeaf = {
  /** Of the committee record, which is to follow. */
  epoch: uint(0xffffffff),
  /** Digest of the record: of what the group key signs. */
  record: bytes(32),
  /** SHA-256 of the signatures of all its members over it, one after the other in their order. */
  certificate: bytes(32),
  /** SHA-256 of the certificate of the ceremony that gave them their shares, where this member took part in it. */
  transcript: optional(bytes(32)),
} as const;

export type CertificateLeaf = { kind: 'certificate' } & Fields<typeof certificateLeaf>;
export type DefinitionLeaf = { kind: 'definition' } & Fields<typeof definitionLeaf>;
export type ActionLeaf = { kind: 'action' } & Fields<typeof actionLeaf>;
export type CommitteeLeaf = { kind: 'committee' } & Fields<typeof committeeLeaf>;
export type Leaf = CertificateLeaf | DefinitionLeaf | ActionLeaf | CommitteeLeaf;

export function encodeLeaf(leaf: Leaf): Uint8Array {
  return encode(leaf as unknown as CborValue);
}

/** @throws OOTO_ENVELOPE_* (peer). */
export function readLeaf(encoded: Uint8Array): Leaf {
  const reader = variant('kind', {
    certificate: certificateLeaf,
    definition: definitionLeaf,
    action: actionLeaf,
    committee: committeeLeaf,
  });
  return reader(decode(encoded, { maxBytes: MOST_BYTES }), 'leaf');
}
