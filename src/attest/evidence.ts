/**
 * Evidence: what a node says of itself, and the proof that it answers this very challenge. What flows through
 * here: a statement over mesh, node, software and qualifying data is signed; for challenges on channels its
 * qualifying data is the Merkle root over all that are answered together, and each verifier gets its own path;
 * for an enrolment it is the request's. Evidence is a union tagged by `kind`, so that each tier has its form.
 */
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import {
  bytes,
  bytesBetween,
  type Fields,
  list,
  literal,
  mapOf,
  object,
  text,
  uint,
  variant,
} from '../envelope/fields.ts';
import type { SigningKey } from '../envelope/keys.ts';
import type { LabelKind } from '../envelope/labels.ts';
import {
  encodeStatement,
  readStatement,
  signStatement,
  statementMessage,
  type UnverifiedStatement,
} from '../envelope/statement.ts';
import { inclusionRanges, type LeafRange, verifyInclusion } from '../log/proof.ts';

export const MAX_EVIDENCE_BYTES = 16 * 1024;
/** Challenges that one statement may answer. */
export const MAX_CHALLENGES = 1024;
const MAX_STATEMENT_BYTES = 8 * 1024;
const MAX_PATH_HASHES = Math.log2(MAX_CHALLENGES);
const MAX_VERSIONS = 16;

const softwareShape = {
  /** 32 bytes. */
  mesh: bytes(32),
  /** SPIFFE ID. */
  node: text(2048),
  tier: literal('software'),
  /** What the statement answers; see qualifying.ts. */
  qualifying: bytes(32),
  /** Digest of the software manifest. */
  manifest: bytes(32),
  /** For people: names and versions of the program and of what it runs on. */
  versions: mapOf(text(64), { max: MAX_VERSIONS }),
  /** Milliseconds since 1970, by the attester's clock. */
  time: uint(),
} as const;

/** What a node of tier `software` states. */
export type SoftwareStatement = Fields<typeof softwareShape>;
/** A node's account of itself, without what binds it to a challenge. */
export type SoftwareClaims = Omit<SoftwareStatement, 'qualifying' | 'tier'>;

const channelEvidence = variant('kind', {
  software: {
    statement: bytesBetween(1, MAX_STATEMENT_BYTES),
    /** Where this challenge stands among those answered together. */
    index: uint(MAX_CHALLENGES - 1),
    count: uint(MAX_CHALLENGES),
    path: list(bytes(32), { max: MAX_PATH_HASHES }),
  },
});

const enrolmentEvidence = variant('kind', {
  software: { statement: bytesBetween(1, MAX_STATEMENT_BYTES) },
});

/** Evidence as read: the statement, and what it is shown to answer. */
export interface ReadEvidence {
  readonly statement: UnverifiedStatement<SoftwareStatement>;
  /** @throws OOTO_LOG_INCLUSION (peer) unless the statement's qualifying data covers this leaf. */
  requireAnswer(crypto: Crypto, leaf: Uint8Array): void;
}

/**
 * Answers challenges together: one signature, and for each leaf (see `challengeLeaf`) its own evidence, in order.
 * @throws OOTO_ATTEST_INPUT (caller) for no challenge or too many.
 */
export function answerChallenges(
  crypto: Crypto,
  claims: SoftwareClaims,
  leaves: readonly Uint8Array[],
  messageKey: SigningKey,
): Uint8Array[] {
  const count = leaves.length;
  if (count < 1 || count > MAX_CHALLENGES)
    throw new OotoError(
      'OOTO_ATTEST_INPUT',
      'caller',
      `${count} challenges, where 1 to ${MAX_CHALLENGES} fit`,
    );
  const subtree = subtrees(crypto, leaves);
  const body = statementBody(claims, subtree({ from: 0, to: count }));
  const statement = signStatement('attestation', body, messageKey);
  return leaves.map((_, index) => {
    const path = inclusionRanges(index, count).map(subtree);
    return encode({ kind: 'software', statement, index, count, path });
  });
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
export function enrolmentMessage(claims: SoftwareClaims, qualifying: Uint8Array): Uint8Array {
  return statementMessage('enrolment-evidence', statementBody(claims, qualifying));
}

/** Evidence for an enrolment, with the identity key's signature (64 bytes) over {@link enrolmentMessage}. */
export function encodeEnrolmentEvidence(
  claims: SoftwareClaims,
  qualifying: Uint8Array,
  signature: Uint8Array,
): Uint8Array {
  const statement = encodeStatement(statementBody(claims, qualifying), signature);
  return encode({ kind: 'software', statement });
}

/**
 * Reads evidence that travelled in a channel.
 * @throws OOTO_ENVELOPE_SIZE, OOTO_ENVELOPE_CBOR, OOTO_ENVELOPE_FIELD (peer).
 */
export function readChannelEvidence(encoded: Uint8Array): ReadEvidence {
  const { statement: inner, index, count: size, path: proof } = channelEvidence(open(encoded), 'evidence');
  const statement = readSoftware('attestation', inner);
  const { qualifying: root } = statement.unverified;
  return {
    statement,
    requireAnswer: (crypto, leaf) =>
      verifyInclusion(crypto, { index, size, leafHash: crypto.merkle.leafHash(leaf), root, proof }),
  };
}

/**
 * Reads evidence that accompanies an enrolment request.
 * @throws OOTO_ENVELOPE_SIZE, OOTO_ENVELOPE_CBOR, OOTO_ENVELOPE_FIELD (peer).
 */
export function readEnrolmentEvidence(encoded: Uint8Array): UnverifiedStatement<SoftwareStatement> {
  return readSoftware('enrolment-evidence', enrolmentEvidence(open(encoded), 'evidence').statement);
}

function open(encoded: Uint8Array) {
  return decode(encoded, { maxBytes: MAX_EVIDENCE_BYTES });
}

function readSoftware(kind: LabelKind, statement: Uint8Array): UnverifiedStatement<SoftwareStatement> {
  return readStatement(kind, statement, { body: object(softwareShape), maxBytes: MAX_STATEMENT_BYTES });
}

function statementBody({ mesh, node, manifest, versions, time }: SoftwareClaims, qualifying: Uint8Array) {
  return {
    mesh,
    node,
    tier: 'software',
    qualifying,
    manifest,
    versions: Object.fromEntries(versions),
    time,
  };
}
