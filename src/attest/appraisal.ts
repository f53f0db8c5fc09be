/**
 * Appraisal: whether evidence is good enough, decided in one place for every tier. What flows through here:
 * evidence, what the verifier asked, whom it asked, and the policy; out comes a verdict with its reasons, or the
 * error of the first check that failed.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { meetsTier, type Tier } from '../cert/tier.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { VerificationKey } from '../envelope/keys.ts';
import { type UnverifiedStatement, verifyStatement } from '../envelope/statement.ts';
import { readChannelEvidence, readEnrolmentEvidence, type SoftwareStatement } from './evidence.ts';

/** What a verifier accepts. */
export interface AppraisalPolicy {
  /** Digests of the software manifests that may take part, in hexadecimal. */
  readonly manifests: readonly string[];
  readonly minimumTier: Tier;
  /** Older evidence is refused, in milliseconds. */
  readonly maximumAgeMs: number;
}

/** Whom the verifier asked. */
export interface ExpectedAttester {
  /** 32 bytes. */
  readonly meshId: Uint8Array;
  readonly nodeId: string;
  /** The tier its certificate names, or its request asks for: evidence must show no less. */
  readonly tier: Tier;
  /** On a channel the delegated message key; for an enrolment the identity key. */
  readonly key: VerificationKey;
}

export interface Appraisal {
  readonly policy: AppraisalPolicy;
  readonly attester: ExpectedAttester;
  /** On a channel the leaf of this challenge; for an enrolment its qualifying data. 32 bytes. */
  readonly answers: Uint8Array;
  /** Milliseconds since 1970, by the verifier's clock. */
  readonly time: number;
  /** How far the attester's clock may run ahead. */
  readonly skewMs?: number;
}

export interface Verdict {
  readonly tier: Tier;
  /** What was found, one sentence each, in the order of the checks. */
  readonly reasons: readonly string[];
  /** SHA-256 of the evidence. */
  readonly evidenceDigest: Uint8Array;
  /** Digest of the software manifest. */
  readonly manifest: Uint8Array;
  readonly versions: ReadonlyMap<string, string>;
  /** When the attester made the evidence, by its clock. */
  readonly time: number;
}

const DEFAULT_SKEW_MS = 120_000;

/**
 * Judges evidence that came over a channel: signed by the peer's message key, for this mesh and node, an answer to
 * this challenge on this channel, fresh, of a sufficient tier, and of software that policy accepts.
 * @throws OOTO_ATTEST_EVIDENCE, _SIGNATURE, _MESH, _NODE, _BINDING, _AGE, _TIER, _MANIFEST (peer), one for each check.
 */
export function appraise(crypto: Crypto, evidence: Uint8Array, appraisal: Appraisal): Verdict {
  const read = readable(() => readChannelEvidence(evidence));
  const statement = requireSignature(crypto, read.statement, appraisal.attester);
  requireMesh(statement, appraisal.attester);
  requireNode(statement, appraisal.attester);
  requireChallenge(() => read.requireAnswer(crypto, appraisal.answers));
  return conclude(crypto, evidence, statement, appraisal);
}

/**
 * Judges evidence that came with an enrolment request: signed by the key that asks for the certificate, bound to
 * this request and to the challenge of every member, and otherwise as {@link appraise}.
 * @throws the same codes.
 */
export function appraiseEnrolment(crypto: Crypto, evidence: Uint8Array, appraisal: Appraisal): Verdict {
  const read = readable(() => readEnrolmentEvidence(evidence));
  const statement = requireSignature(crypto, read, appraisal.attester);
  requireMesh(statement, appraisal.attester);
  requireNode(statement, appraisal.attester);
  requireRequest(statement, appraisal.answers);
  return conclude(crypto, evidence, statement, appraisal);
}

/** What is judged alike wherever the evidence came from. */
function conclude(
  crypto: Crypto,
  evidence: Uint8Array,
  statement: SoftwareStatement,
  { policy, attester, time, skewMs = DEFAULT_SKEW_MS }: Appraisal,
): Verdict {
  requireFresh(statement, time, policy.maximumAgeMs, skewMs);
  requireTier(statement, attester.tier, policy.minimumTier);
  requireManifest(statement, policy);
  return {
    tier: statement.tier,
    reasons: [
      `signed by the ${attester.key.algorithm} key of ${statement.node}`,
      'answers this challenge and no other',
      `tier ${statement.tier} is at least ${policy.minimumTier}`,
      `manifest ${hex(statement.manifest)} is one that policy accepts`,
    ],
    evidenceDigest: crypto.sha256(evidence),
    manifest: statement.manifest,
    versions: statement.versions,
    time: statement.time,
  };
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw refuse('EVIDENCE', 'the evidence cannot be read', cause);
  }
}

function requireSignature(
  crypto: Crypto,
  statement: UnverifiedStatement<SoftwareStatement>,
  { key, nodeId }: ExpectedAttester,
): SoftwareStatement {
  try {
    return verifyStatement(crypto, statement, key);
  } catch (cause) {
    throw refuse('SIGNATURE', `the evidence is not signed by the key of ${nodeId}`, cause);
  }
}

function requireMesh({ mesh }: SoftwareStatement, { meshId }: ExpectedAttester): void {
  if (!equal(mesh, meshId)) throw refuse('MESH', 'the evidence is for another mesh');
}

function requireNode({ node }: SoftwareStatement, { nodeId }: ExpectedAttester): void {
  if (node !== nodeId) throw refuse('NODE', `the evidence is of another node than ${nodeId}`);
}

function requireChallenge(answer: () => void): void {
  try {
    answer();
  } catch (cause) {
    throw refuse('BINDING', 'the evidence answers no challenge of this verifier on this channel', cause);
  }
}

function requireRequest({ qualifying }: SoftwareStatement, expected: Uint8Array): void {
  if (!equal(qualifying, expected))
    throw refuse('BINDING', 'the evidence is for another request, or answers other challenges');
}

function requireFresh({ time }: SoftwareStatement, now: number, maximumAgeMs: number, skewMs: number): void {
  if (time > now + skewMs) throw refuse('AGE', 'the evidence comes from the future: a clock is wrong');
  if (!(now - time <= maximumAgeMs)) throw refuse('AGE', `the evidence is older than ${maximumAgeMs} ms`);
}

function requireTier({ tier }: SoftwareStatement, claimed: Tier, minimum: Tier): void {
  if (!meetsTier(tier, claimed))
    throw refuse('TIER', `evidence of tier ${tier} for a node that claims tier ${claimed}`);
  if (!meetsTier(tier, minimum))
    throw refuse('TIER', `evidence of tier ${tier} where ${minimum} is the least`);
}

function requireManifest({ manifest }: SoftwareStatement, { manifests }: AppraisalPolicy): void {
  if (!manifests.includes(hex(manifest)))
    throw refuse('MANIFEST', `software manifest ${hex(manifest)} is none that policy accepts`);
}

function refuse(what: string, message: string, cause?: unknown): OotoError {
  return new OotoError(`OOTO_ATTEST_${what}`, 'peer', message, { cause });
}
