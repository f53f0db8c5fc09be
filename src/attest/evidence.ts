/**
 * Evidence: what a node says of itself, and the proof that it answers this very challenge. What flows through
 * here: a statement over mesh, node, software and qualifying data is signed; for challenges on channels its
 * qualifying data is the Merkle root over all that are answered together, and each verifier gets its own path;
 * for an enrolment it is the request's. Evidence is a union tagged by `kind`, so that each tier has its form.
 */
import { concat } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { TIERS, type Tier } from '../cert/tier.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../envelope/cbor.ts';
import {
  bytes,
  bytesBetween,
  type Fields,
  list,
  mapOf,
  object,
  oneOf,
  text,
  uint,
  variant,
} from '../envelope/fields.ts';
import type { SigningKey } from '../envelope/keys.ts';
import { type LabelKind, label } from '../envelope/labels.ts';
import {
  encodeStatement,
  readStatement,
  signStatement,
  statementMessage,
  type UnverifiedStatement,
} from '../envelope/statement.ts';
import { inclusionRanges, type LeafRange, verifyInclusion } from '../log/proof.ts';
import { type KeyProof, readKeyProof } from './key-proof.ts';
import { MAX_SHOWN_LOG_BYTES, readTpmProof, type TpmProof } from './tpm-proof.ts';

export const MAX_EVIDENCE_BYTES = 32 * 1024 + MAX_SHOWN_LOG_BYTES;
/** Challenges that one statement may answer. */
export const MAX_CHALLENGES = 1024;
const MAX_STATEMENT_BYTES = 8 * 1024;
const MAX_PATH_HASHES = Math.log2(MAX_CHALLENGES);
const MAX_VERSIONS = 16;

const MAX_MEMBERS = 64;

const claimsShape = {
  /** 32 bytes. */
  mesh: bytes(32),
  /** SPIFFE ID. */
  node: text(2048),
  tier: oneOf(...TIERS),
  /** What the statement answers; see qualifying.ts. */
  qualifying: bytes(32),
  /** Digest of the software manifest. */
  manifest: bytes(32),
  /** For people: names and versions of the program and of what it runs on. */
  versions: mapOf(text(64), { max: MAX_VERSIONS }),
  /** Milliseconds since 1970, by the attester's clock. */
  time: uint(),
} as const;

/** What a node states of itself; at tier `measured` a quote with the same qualifying data stands beside it. */
export type SoftwareStatement = Fields<typeof claimsShape>;
/** A node's account of itself, without what binds it to a challenge. */
export type SoftwareClaims = Omit<SoftwareStatement, 'qualifying' | 'tier'>;

const answerShape = {
  statement: bytesBetween(1, MAX_STATEMENT_BYTES),
  /** Where this challenge stands among those answered together. */
  index: uint(MAX_CHALLENGES - 1),
  count: uint(MAX_CHALLENGES),
  path: list(bytes(32), { max: MAX_PATH_HASHES }),
} as const;

const channelEvidence = variant('kind', {
  software: answerShape,
  tpm: { ...answerShape, tpm: readTpmProof },
});

const enrolmentEvidence = variant('kind', {
  software: { statement: bytesBetween(1, MAX_STATEMENT_BYTES) },
  key: { statement: bytesBetween(1, MAX_STATEMENT_BYTES), proof: readKeyProof },
  tpm: {
    statement: bytesBetween(1, MAX_STATEMENT_BYTES),
    tpm: readTpmProof,
    /** What the TPM found in the credential of each member. */
    answers: list(object({ member: text(63), mac: bytes(32) }), { min: 1, max: MAX_MEMBERS }),
  },
});

/** Evidence as read: the statement, what the TPM adds to it, and what both are shown to answer. */
export interface ReadEvidence {
  readonly statement: UnverifiedStatement<SoftwareStatement>;
  readonly tpm?: TpmProof;
  /** @throws OOTO_LOG_INCLUSION (peer) unless the statement's qualifying data covers this leaf. */
  requireAnswer(crypto: Crypto, leaf: Uint8Array): void;
}

/** Evidence of an enrolment as read. */
export interface ReadEnrolmentEvidence {
  readonly statement: UnverifiedStatement<SoftwareStatement>;
  readonly tpm?: TpmProof;
  /** Where the key is, of a node that claims tier `hardware` or `authenticator`. */
  readonly keyProof?: KeyProof;
  readonly answers: readonly CredentialAnswer[];
}

/** HMAC of the request under the secret that a member sealed for the TPM. */
export interface CredentialAnswer {
  readonly member: string;
  /** 32 bytes. */
  readonly mac: Uint8Array;
}

/**
 * Answers challenges together: one signature, and for each leaf (see `challengeLeaf`) its own evidence, in order. A tier
 * above `software` is that of the certificate, on the word of the authority that judged where the key is.
 * @throws OOTO_ATTEST_INPUT (caller) for no challenge or too many.
 */
export function answerChallenges(
  crypto: Crypto,
  claims: SoftwareClaims,
  leaves: readonly Uint8Array[],
  messageKey: SigningKey,
  tier: Exclude<Tier, 'measured'> = 'software',
): Uint8Array[] {
  const challenges = new ChallengeTree(crypto, leaves);
  const statement = signClaims(claims, tier, challenges.root, messageKey);
  return challenges.places.map((place) => encode({ kind: 'software', statement, ...place }));
}

/**
 * The same with what a TPM said, whose quote has the root of `challenges` as qualifying data: one quote for all.
 */
export function answerWithTpm(
  challenges: ChallengeTree,
  claims: SoftwareClaims,
  proof: TpmProof,
  messageKey: SigningKey,
): Uint8Array[] {
  const statement = signClaims(claims, 'measured', challenges.root, messageKey);
  return challenges.places.map((place) => encode({ kind: 'tpm', statement, ...place, tpm: plain(proof) }));
}

/** Challenges that are answered together, and where each stands among them. */
export class ChallengeTree {
  /** What the answer is over. */
  readonly root: Uint8Array;
  readonly places: readonly { index: number; count: number; path: Uint8Array[] }[];

  /** @throws OOTO_ATTEST_INPUT (caller) for no challenge or too many. */
  constructor(crypto: Crypto, leaves: readonly Uint8Array[]) {
    const count = leaves.length;
    if (count < 1 || count > MAX_CHALLENGES)
      throw new OotoError(
        'OOTO_ATTEST_INPUT',
        'caller',
        `${count} challenges, where 1 to ${MAX_CHALLENGES} fit`,
      );
    const subtree = subtrees(crypto, leaves);
    this.root = subtree({ from: 0, to: count });
    this.places = leaves.map((_, index) => {
      const path = inclusionRanges(index, count).map(subtree);
      return { index, count, path };
    });
  }
}

function signClaims(
  claims: SoftwareClaims,
  tier: Tier,
  qualifying: Uint8Array,
  messageKey: SigningKey,
): Uint8Array {
  return signStatement('attestation', statementBody(claims, qualifying, tier), messageKey);
}

/** Roots of ranges of the leaves; each is computed once, since paths share most of them. */
function subtrees(crypto: Crypto, leaves: readonly Uint8Array[]): (range: LeafRange) => Uint8Array {
  const hashes = leaves.map((leaf) => crypto.merkle.leafHash(leaf));
  const known = new Map<string, Uint8Array>();
  return ({ from, to }) => {
    const name = `${from}-${to}`;
    const root = known.get(name) ?? crypto.merkle.rootOfHashes(hashes.slice(from, to));
    known.set(name, root);
    return root;
  };
}

/** The bytes that the identity key signs for an enrolment. */
export function enrolmentMessage(
  claims: SoftwareClaims,
  qualifying: Uint8Array,
  tier: Tier = 'software',
): Uint8Array {
  return statementMessage('enrolment-evidence', statementBody(claims, qualifying, tier));
}

/** Evidence for an enrolment, with the identity key's signature (64 bytes) over {@link enrolmentMessage}. */
export function encodeEnrolmentEvidence(
  claims: SoftwareClaims,
  qualifying: Uint8Array,
  signature: Uint8Array,
): Uint8Array {
  const statement = encodeStatement(statementBody(claims, qualifying, 'software'), signature);
  return encode({ kind: 'software', statement });
}

/** The same of a node that shows where its key is. */
export function encodeKeyEnrolmentEvidence(
  claims: SoftwareClaims,
  qualifying: Uint8Array,
  { tier, signature, proof }: { tier: Tier; signature: Uint8Array; proof: KeyProof },
): Uint8Array {
  const statement = encodeStatement(statementBody(claims, qualifying, tier), signature);
  return encode({ kind: 'key', statement, proof: plainKeyProof(proof) });
}

/** The same of a node with a TPM, whose quote has `qualifying` as qualifying data. */
export function encodeTpmEnrolmentEvidence(
  claims: SoftwareClaims,
  qualifying: Uint8Array,
  {
    signature,
    proof,
    answers,
  }: { signature: Uint8Array; proof: TpmProof; answers: readonly CredentialAnswer[] },
): Uint8Array {
  const statement = encodeStatement(statementBody(claims, qualifying, 'measured'), signature);
  const answered = answers.map(({ member, mac }) => ({ member, mac }));
  return encode({ kind: 'tpm', statement, tpm: plain(proof), answers: answered });
}

/** HMAC(secret, label ‖ SHA-256 of the request): that a member's credential was opened, and for which request. */
export function credentialAnswer(crypto: Crypto, secret: Uint8Array, request: Uint8Array): Uint8Array {
  return crypto.hmac256(secret, concat(label('credential-answer'), request));
}

/**
 * Reads evidence that travelled in a channel.
 * @throws OOTO_ENVELOPE_SIZE, OOTO_ENVELOPE_CBOR, OOTO_ENVELOPE_FIELD (peer).
 */
export function readChannelEvidence(encoded: Uint8Array): ReadEvidence {
  const read = channelEvidence(open(encoded), 'evidence');
  const { index, count: size, path: proof } = read;
  const statement = readClaims('attestation', read.statement);
  const { qualifying: root } = statement.unverified;
  return {
    statement,
    ...(read.kind === 'tpm' ? { tpm: read.tpm } : {}),
    requireAnswer: (crypto, leaf) =>
      verifyInclusion(crypto, { index, size, leafHash: crypto.merkle.leafHash(leaf), root, proof }),
  };
}

/**
 * Reads evidence that accompanies an enrolment request.
 * @throws OOTO_ENVELOPE_SIZE, OOTO_ENVELOPE_CBOR, OOTO_ENVELOPE_FIELD (peer).
 */
export function readEnrolmentEvidence(encoded: Uint8Array): ReadEnrolmentEvidence {
  const read = enrolmentEvidence(open(encoded), 'evidence');
  const statement = readClaims('enrolment-evidence', read.statement);
  if (read.kind === 'tpm') return { statement, tpm: read.tpm, answers: read.answers };
  return { statement, answers: [], ...(read.kind === 'key' ? { keyProof: read.proof } : {}) };
}

function open(encoded: Uint8Array) {
  return decode(encoded, { maxBytes: MAX_EVIDENCE_BYTES });
}

function readClaims(kind: LabelKind, statement: Uint8Array): UnverifiedStatement<SoftwareStatement> {
  return readStatement(kind, statement, { body: object(claimsShape), maxBytes: MAX_STATEMENT_BYTES });
}

function statementBody(
  { mesh, node, manifest, versions, time }: SoftwareClaims,
  qualifying: Uint8Array,
  tier: Tier,
) {
  return { mesh, node, tier, qualifying, manifest, versions: Object.fromEntries(versions), time };
}

function plain(proof: TpmProof): CborValue {
  return {
    ...proof,
    certification: { ...proof.certification },
    quote: { ...proof.quote },
    values: proof.values.map(({ register, value }) => ({ register, value })),
  };
}

function plainKeyProof(proof: KeyProof): CborValue {
  if (proof.kind === 'token') return { ...proof, certificates: [...proof.certificates] };
  const { kind, registration, assertion } = proof;
  return { kind, registration: { ...registration }, assertion: { ...assertion } };
}
