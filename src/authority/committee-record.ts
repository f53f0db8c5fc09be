/**
 * Committee records: who the members of the authority are. What flows through here: record 0 is derived from the
 * genesis record; each later one names members, threshold and the public result of the ceremony that gave them their
 * shares, every new member certifies that it holds one, and the group key signs. A reader goes from one to the next,
 * never past one and never back.
 */
import { concat, equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../envelope/cbor.ts';
import { requireSuccessor } from '../envelope/document.ts';
import { bytes, bytesBetween, type Fields, fields, list, object, uint } from '../envelope/fields.ts';
import { statementMessage } from '../envelope/statement.ts';
import { MAX_MEMBERS } from '../threshold/committee.ts';
import {
  decodePublicPackage,
  encodePublicPackage,
  groupKey as groupKeyOf,
  type PublicPackage,
} from '../threshold/public-package.ts';
import { SCHNORR_SIGNATURE_BYTES, schnorrVerify } from '../threshold/schnorr.ts';
import {
  type Founder,
  type GenesisRecord,
  plainFounder,
  readFounder,
  requireFittingKeys,
} from './genesis.ts';

/** A record in its encoding. */
export const MOST_COMMITTEE_BYTES = 512 * 1024;

const committeeShape = {
  /** The mesh id. */
  mesh: bytes(32),
  /** Counts from 0, the founders; members sign in the newest alone. */
  epoch: uint(0xffffffff),
  /** Milliseconds since 1970. */
  created: uint(),
  /** Members that must sign; more than half. */
  threshold: uint(MAX_MEMBERS),
  /** In the order of the public package. */
  members: list(readFounder, { min: 1, max: MAX_MEMBERS }),
  /** In the threshold room's encoding. */
  publicPackage: bytesBetween(1, 64 * 1024),
  /** Digest of the record before; of record 0, the mesh id. */
  previous: bytes(32),
  /** SHA-256 of the action that the operators approved. */
  action: bytes(32),
} as const;

export type CommitteeBody = Fields<typeof committeeShape>;
/** The body as a member reads it from a proposal. @throws OOTO_ENVELOPE_FIELD (peer). */
export const readCommitteeBody = object(committeeShape);

export interface CommitteeRecord extends Omit<CommitteeBody, 'publicPackage'> {
  publicPackage: PublicPackage;
  /** Of what is signed, so that it is the same whoever signed. */
  digest: Uint8Array;
  /** Every member's signature over {@link committeeTranscript}, in their order; of record 0 none. */
  certificate: readonly Uint8Array[];
  /** Absent in record 0, which nobody sends. */
  encoded?: Uint8Array;
}

/** The founders. */
export function firstCommittee(crypto: Crypto, genesis: GenesisRecord): CommitteeRecord {
  const { meshId, draft, publicPackage } = genesis;
  const { created, threshold, founders } = draft;
  const body = {
    ...{ mesh: meshId, epoch: 0, created, threshold, members: founders },
    ...{ previous: meshId, action: new Uint8Array(32) },
  };
  const message = committeeMessage({ ...body, publicPackage: encodePublicPackage(publicPackage) });
  return { ...body, publicPackage, digest: crypto.sha256(message), certificate: [] };
}

/** The body that follows `previous`. */
export function nextCommittee(
  previous: CommitteeRecord,
  next: Pick<CommitteeBody, 'created' | 'members' | 'action'> & { publicPackage: PublicPackage },
): CommitteeBody {
  const { created, members, action, publicPackage } = next;
  return {
    ...{ mesh: previous.mesh, epoch: previous.epoch + 1, previous: previous.digest },
    ...{ created, members, action, threshold: publicPackage.committee.threshold },
    publicPackage: encodePublicPackage(publicPackage),
  };
}

/** The bytes that the group key signs. */
export function committeeMessage(body: CommitteeBody): Uint8Array {
  return statementMessage('committee', plain(body));
}

/** The bytes that every new member signs with its key-generation key, once it holds a share that fits, durably. */
export function committeeTranscript(body: CommitteeBody): Uint8Array {
  return statementMessage('committee-certificate', plain(body));
}

/** What a log says of who certified a record. */
export function certificateDigest(crypto: Crypto, { certificate }: CommitteeRecord): Uint8Array {
  return crypto.sha256(concat(...certificate));
}

/** The record as it is sent and kept. `certificate` holds the members' signatures in their order. */
export function encodeCommitteeRecord(
  body: CommitteeBody,
  { certificate, signature }: { certificate: readonly Uint8Array[]; signature: Uint8Array },
): Uint8Array {
  return encode({ body: plain(body), certificate: [...certificate], signature });
}

/**
 * Judges the record that is to follow `previous`.
 * @param groupKeys those of the bundles since the one that `previous` stands under
 * @throws OOTO_ENVELOPE_VERSION for any other epoch; OOTO_AUTHORITY_COMMITTEE for one that does not fit, with culprits
 * where members did not certify it; OOTO_ENVELOPE_*, OOTO_THRESHOLD_*, OOTO_CRYPTO_* (peer).
 */
export function verifyCommittee(
  crypto: Crypto,
  { previous, groupKeys }: { previous: CommitteeRecord; groupKeys: readonly Uint8Array[] },
  encoded: Uint8Array,
): CommitteeRecord {
  const { body, certificate, signature } = readCommittee(encoded);
  const publicPackage = requireCommitteeFollows(crypto, { body, previous, groupKeys });
  requireCertified(crypto, body, certificate);
  const message = committeeMessage(body);
  crypto.ed25519.verify(groupKeyOf(publicPackage), message, signature);
  return { ...body, publicPackage, digest: crypto.sha256(message), certificate, encoded };
}

/** What a record claims. @throws OOTO_ENVELOPE_* (peer). */
export function peekCommittee(encoded: Uint8Array): CommitteeBody {
  return readCommittee(encoded).body;
}

function readCommittee(encoded: Uint8Array) {
  const shape = {
    body: readCommitteeBody,
    certificate: list(bytes(SCHNORR_SIGNATURE_BYTES), { min: 1, max: MAX_MEMBERS }),
    signature: bytes(64),
  } as const;
  return fields(decode(encoded, { maxBytes: MOST_COMMITTEE_BYTES }), shape, 'committee record');
}

/**
 * What holds before the group signs: it is the next of this mesh, its parts fit each other, and whoever stays keeps
 * name and keys.
 * @throws OOTO_ENVELOPE_VERSION, OOTO_AUTHORITY_COMMITTEE, OOTO_THRESHOLD_*, OOTO_CRYPTO_* (peer).
 */
export function requireCommitteeFollows(
  crypto: Crypto,
  {
    body,
    previous,
    groupKeys,
  }: { body: CommitteeBody; previous: CommitteeRecord; groupKeys: readonly Uint8Array[] },
): PublicPackage {
  if (!equal(body.mesh, previous.mesh)) throw refuse('it is for another mesh');
  requireSuccessor({ version: previous.epoch }, { version: body.epoch });
  if (!equal(body.previous, previous.digest)) throw refuse('it follows another record than the one known');
  if (body.created < previous.created) throw refuse('it is older than the record before');
  const publicPackage = decodePublicPackage(crypto, body.publicPackage);
  requirePackage(body, publicPackage);
  if (!groupKeys.some((key) => equal(key, groupKeyOf(publicPackage))))
    throw refuse('its group key is in no trust bundle that is in force');
  requireMembers(crypto, body.members, previous.members);
  return publicPackage;
}

/** @throws OOTO_AUTHORITY_COMMITTEE (peer) with the members that did not certify this record. */
export function requireCertified(
  crypto: Crypto,
  body: CommitteeBody,
  certificate: readonly Uint8Array[],
): void {
  if (certificate.length !== body.members.length)
    throw refuse(`${certificate.length} of ${body.members.length} members certify it`);
  const transcript = committeeTranscript(body);
  const wrong = body.members.filter(({ keyGenerationKey }, i) => {
    try {
      schnorrVerify(crypto, keyGenerationKey, transcript, certificate[i]);
      return false;
    } catch {
      return true;
    }
  });
  if (wrong.length > 0)
    throw refuse(
      'members did not certify it',
      wrong.map(({ name }) => name),
    );
}

function requirePackage(body: CommitteeBody, { committee }: PublicPackage): void {
  const isSame =
    committee.epoch === body.epoch &&
    committee.threshold === body.threshold &&
    committee.members.length === body.members.length &&
    committee.members.every(({ name, publicKey }, i) => {
      const member = body.members[i];
      return name === member.name && equal(publicKey, member.keyGenerationKey);
    });
  if (!isSame) throw refuse('its public package is of another committee');
}

/** Every key has one place; a name that stays stays with its keys, so that its log goes on. */
function requireMembers(crypto: Crypto, members: readonly Founder[], before: readonly Founder[]): void {
  const keys = members.flatMap((m) => [m.identityKey, m.logKey, m.witnessKey, m.keyGenerationKey]).map(hex);
  if (new Set(keys).size !== keys.length) throw refuse('one key stands in two places');
  for (const member of members) {
    requireFittingKeys(member);
    for (const key of [member.logKey, member.witnessKey]) crypto.ed25519.admitKey(key);
    const earlier = before.find(({ name }) => name === member.name);
    if (!earlier) continue;
    const same = (['identityKey', 'logKey', 'witnessKey'] as const).every((key) =>
      equal(member[key], earlier[key]),
    );
    if (!same) throw refuse(`${member.name} has other keys than before`);
  }
}

function plain({ members, ...body }: CommitteeBody): CborValue {
  return { ...body, members: members.map(plainFounder) } as CborValue;
}

function refuse(why: string, culprits?: string[]): OotoError {
  const message = `no committee record: ${why}`;
  return new OotoError('OOTO_AUTHORITY_COMMITTEE', 'peer', message, culprits ? { culprits } : {});
}
