/**
 * The credential of a member: certificate, proofs that t members logged it before they signed, and the newest
 * head its holder knows. What flows through here: a node encodes its own; a verifier takes one apart and decides
 * in one function whether it stands for the node it names. A certificate that honest members never logged is
 * worth nothing, whoever signed it.
 */
import { equal } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Tier } from '../cert/tier.ts';
import { type ValidCertificate, validateCertificate } from '../cert/validate.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../envelope/cbor.ts';
import {
  bytes,
  bytesBetween,
  type Fields,
  fields,
  list,
  nullable,
  object,
  text,
  uint,
} from '../envelope/fields.ts';
import type { NoteKey } from '../log/note.ts';
import { MAX_PROOF_HASHES, verifyInclusion } from '../log/proof.ts';
import type { AuthorityView, Issuer } from './authority-view.ts';
import { BACKDATE_MS, readNodeId } from './certification.ts';
import type { CommitteeRecord } from './committee-record.ts';
import type { LoggedDevice } from './device.ts';
import { KnownCheckpoints, unproven } from './known-checkpoints.ts';
import { type CertificateLeaf, type Leaf, readLeaf } from './leaf.ts';

const MOST_BYTES = 56 * 1024;
const MOST_PROOFS = 64;

const proofShape = {
  /** Name of the member whose log it is. */
  log: text(63),
  leaf: bytesBetween(1, 8 * 1024),
  index: uint(),
  /** Hashes from the leaf to the root. */
  path: list(bytes(32), { max: MAX_PROOF_HASHES }),
  /** The member's signed checkpoint, with nothing but its own signature. */
  checkpoint: text(4 * 1024),
} as const;

export type LogProof = Fields<typeof proofShape>;
export const logProof = object(proofShape);
export const logProofs = list(logProof, { min: 1, max: MOST_PROOFS });

const credentialShape = {
  certificate: bytesBetween(1, 8 * 1024),
  proofs: logProofs,
  /** The encoded mesh head. */
  head: nullable(bytesBetween(1, 4 * 1024)),
} as const;

export type Credential = Fields<typeof credentialShape>;

export function encodeCredential({ certificate, proofs, head }: Credential): Uint8Array {
  return encode({ certificate, proofs: proofs.map((proof) => ({ ...proof })), head } as CborValue);
}

/** @throws OOTO_ENVELOPE_* (peer). */
export function readCredential(encoded: Uint8Array): Credential {
  return fields(decode(encoded, { maxBytes: MOST_BYTES }), credentialShape, 'credential');
}

/** Name and key of a member's log, of this committee. @throws OOTO_AUTHORITY_LOG (peer) for who is no member. */
export function logKeyOf({ mesh, members }: CommitteeRecord, member: string): NoteKey {
  const found = members.find(({ name }) => name === member);
  if (!found) throw new OotoError('OOTO_AUTHORITY_LOG', 'peer', `${member} keeps no log in this mesh`);
  return { name: logOrigin(mesh, member), publicKey: found.logKey };
}

/** The origin line of a member's checkpoints. */
export function logOrigin(meshId: Uint8Array, member: string): string {
  return `${hex(meshId)}/log/${member}`;
}

/** The keys under which these members cosign the checkpoints of others. */
export function witnessKeysOf({ mesh, members }: CommitteeRecord): NoteKey[] {
  return members.map(({ name, witnessKey }) => ({ name: witnessName(mesh, name), publicKey: witnessKey }));
}

export function witnessName(meshId: Uint8Array, member: string): string {
  return `${hex(meshId)}/witness/${member}`;
}

export interface ValidCredential extends ValidCertificate {
  readonly role: string;
  readonly name: string;
  readonly credential: Credential;
  /** The group key that signed the certificate. */
  readonly issuerKey: Uint8Array;
  /** The TPM that it enrolled with, on the word of the members that logged it; for tier `measured` alone. */
  readonly device?: LoggedDevice;
}

export interface CredentialExpectations {
  /** Milliseconds since 1970. */
  time: number;
  expectedId?: string;
  /** Of the members' logs, that need not be verified again. */
  checkpoints?: KnownCheckpoints;
  /** It is judged as it was at `time`: keys that have retired and nodes that were revoked since then count. */
  isPast?: boolean;
}

/**
 * Whom a credential stands for: a certificate that a group key of this mesh signed, that is valid now and not revoked,
 * for a node named by role and name, and that the logs of t members contain.
 * @throws OOTO_CERT_*, OOTO_AUTHORITY_REVOKED, OOTO_AUTHORITY_PROOFS, OOTO_AUTHORITY_LOG, OOTO_LOG_* (peer), one for
 * each check.
 */
export function validateCredential(
  crypto: Crypto,
  { authority }: { authority: AuthorityView },
  encoded: Uint8Array,
  { time, expectedId, checkpoints, isPast = false }: CredentialExpectations,
): ValidCredential {
  const credential = readCredential(encoded);
  const issuers = isPast ? authority.issuersEver : authority.issuersAt(time);
  const { certificate, issuer } = underOneOf(issuers, (root) =>
    validateCertificate(crypto, {
      ...{ certificate: credential.certificate, root, time, skewMs: 0 },
      ...(expectedId === undefined ? {} : { expectedId }),
    }),
  );
  const { role, name } = readNodeId(certificate.id);
  const asOf = isPast ? time : Number.POSITIVE_INFINITY;
  authority.requireNotRevoked({ id: certificate.id, key: certificate.publicKey.bytes }, asOf);
  const claims = claimsOf(crypto, certificate, issuer.root.publicKey);
  const entries = requireLogged(crypto, authority, credential.proofs, (leaf) => isAbout(leaf, claims), {
    ...(checkpoints ? { checkpoints } : {}),
    issued: certificate.notBefore + BACKDATE_MS,
    asOf,
  });
  const device = loggedDevice(entries, certificate.tier);
  const { publicKey: issuerKey } = issuer.root;
  return { ...certificate, role, name, issuerKey, credential, ...(device ? { device } : {}) };
}

/** The certificate names its issuer: the first of them that it names decides. */
function underOneOf(
  issuers: readonly Issuer[],
  validate: (root: Issuer['root']) => ValidCertificate,
): { certificate: ValidCertificate; issuer: Issuer } {
  for (const [i, issuer] of issuers.entries()) {
    try {
      return { certificate: validate(issuer.root), issuer };
    } catch (error) {
      const isAnothers = isOotoError(error) && error.code === 'OOTO_CERT_ISSUER';
      if (!isAnothers || i === issuers.length - 1) throw error;
    }
  }
  throw new OotoError('OOTO_CERT_ISSUER', 'peer', 'there is no issuer');
}

/** All entries agree on the TPM, and a measured node has one. @throws OOTO_AUTHORITY_PROOFS (peer). */
function loggedDevice(entries: readonly Leaf[], tier: Tier): LoggedDevice | undefined {
  const devices = entries.map((entry) => (entry.kind === 'certificate' ? entry.device : undefined));
  const [device] = devices;
  if (devices.some((other) => !isSameDevice(device, other))) throw unproven('the entries name several TPMs');
  if ((tier === 'measured') !== (device !== undefined)) throw unproven('tier and TPM do not fit');
  return device;
}

function isSameDevice(a: LoggedDevice | undefined, b: LoggedDevice | undefined): boolean {
  if (!a || !b) return a === b;
  return (
    equal(a.endorsementKey, b.endorsementKey) &&
    equal(a.attestationKey, b.attestationKey) &&
    a.vouched === b.vouched
  );
}

export interface LogExpectations {
  checkpoints?: KnownCheckpoints;
  /** When it was issued, in milliseconds since 1970: the members of then count as well as those of now. */
  issued?: number;
  /** Members that were revoked by then do not count; those that ever were, when absent. */
  asOf?: number;
}

/**
 * Every proof holds, each is about what is claimed, and they come from the logs of at least t members of one
 * committee. Returns the entries; members that found the same wrote the same one, which is read and hashed once.
 * @throws OOTO_AUTHORITY_PROOFS (peer), OOTO_AUTHORITY_LOG, OOTO_LOG_* (peer).
 */
export function requireLogged(
  crypto: Crypto,
  authority: AuthorityView,
  proofs: readonly LogProof[],
  isAboutIt: (leaf: Leaf) => boolean,
  { checkpoints = new KnownCheckpoints(crypto), issued, asOf }: LogExpectations = {},
): Leaf[] {
  const logs = new Set(proofs.map(({ log }) => log));
  if (logs.size !== proofs.length) throw unproven('one log is listed twice');
  const committees = issued === undefined ? [authority.committee] : authority.committeesSince(issued);
  requireEnoughLogs(authority, committees, logs, asOf);
  let entry: Entry | undefined;
  return proofs.map((proof) => {
    if (!entry || !equal(entry.encoded, proof.leaf)) entry = readEntry(crypto, proof.leaf);
    if (!isAboutIt(entry.leaf)) throw unproven(`the entry of ${proof.log} is about something else`);
    requireIncluded(crypto, committees, proof, entry.hash, checkpoints);
    return entry.leaf;
  });
}

/** Enough members of one of these committees whose word counts. */
function requireEnoughLogs(
  authority: AuthorityView,
  committees: readonly CommitteeRecord[],
  logs: ReadonlySet<string>,
  asOf: number | undefined,
): void {
  for (const log of logs) logKeyIn(committees, log);
  const isEnough = committees.some(({ members, threshold }) => {
    const counted = members.filter(
      (member) => logs.has(member.name) && !authority.isRevokedMember(member, asOf),
    );
    return counted.length >= threshold;
  });
  if (isEnough) return;
  const { threshold } = committees[0];
  throw unproven(`proofs from ${logs.size} logs where those of ${threshold} members that count are needed`);
}

interface Entry {
  readonly encoded: Uint8Array;
  readonly leaf: Leaf;
  /** RFC 6962. */
  readonly hash: Uint8Array;
}

function readEntry(crypto: Crypto, encoded: Uint8Array): Entry {
  return { encoded, leaf: readLeaf(encoded), hash: crypto.merkle.leafHash(encoded) };
}

/**
 * A member's answer that it has logged a certificate that is about to be signed: a proof from its own log, about
 * this certificate, that holds. One that does not would make the certificate worthless.
 * @throws OOTO_AUTHORITY_PROOFS, OOTO_AUTHORITY_LOG, OOTO_LOG_*, OOTO_ENVELOPE_* (peer).
 */
export function readMemberProof(
  crypto: Crypto,
  authority: AuthorityView,
  { member, answer, certificate }: { member: string; answer: CborValue; certificate: LoggedCertificate },
): LogProof {
  const proof = logProof(answer, 'proof');
  if (proof.log !== member) throw unproven(`${member} answers with a proof of another log`);
  if (!isAbout(readLeaf(proof.leaf), claimsOf(crypto, certificate, authority.groupKey)))
    throw unproven(`the entry of ${member} is about something else`);
  verifyLogProof(crypto, authority.committee, proof);
  return proof;
}

/** The entry is in the log that the member signed. @throws OOTO_AUTHORITY_LOG, OOTO_LOG_* (peer). */
export function verifyLogProof(
  crypto: Crypto,
  committee: CommitteeRecord,
  proof: LogProof,
  checkpoints = new KnownCheckpoints(crypto),
): void {
  requireIncluded(crypto, [committee], proof, crypto.merkle.leafHash(proof.leaf), checkpoints);
}

/** A name stays with its key from one committee to the next, so the first that has it decides. */
function logKeyIn(committees: readonly CommitteeRecord[], log: string): NoteKey {
  const committee = committees.find(({ members }) => members.some(({ name }) => name === log));
  return logKeyOf(committee ?? committees[0], log);
}

function requireIncluded(
  crypto: Crypto,
  committees: readonly CommitteeRecord[],
  proof: LogProof,
  leafHash: Uint8Array,
  checkpoints: KnownCheckpoints,
): void {
  const key = logKeyIn(committees, proof.log);
  const { size, root } = checkpoints.verified(key, proof.checkpoint);
  verifyInclusion(crypto, { index: proof.index, size, leafHash, root, proof: proof.path });
}

/** What an entry must say of a certificate. */
type LoggedCertificate = Pick<ValidCertificate, 'id' | 'tier' | 'tbsSha256' | 'publicKey'>;

type Claims = Pick<CertificateLeaf, 'tbs' | 'issuer' | 'id' | 'key' | 'verdict'>;

function claimsOf(
  crypto: Crypto,
  { id, tier, tbsSha256, publicKey }: LoggedCertificate,
  groupKey: Uint8Array,
): Claims {
  const [issuer, key] = [crypto.sha256(groupKey), crypto.sha256(publicKey.bytes)];
  return { tbs: tbsSha256, issuer, id, key, verdict: tier };
}

function isAbout(leaf: Leaf, claims: Claims): boolean {
  return (
    leaf.kind === 'certificate' &&
    leaf.id === claims.id &&
    leaf.verdict === claims.verdict &&
    equal(leaf.tbs, claims.tbs) &&
    equal(leaf.issuer, claims.issuer) &&
    equal(leaf.key, claims.key)
  );
}
