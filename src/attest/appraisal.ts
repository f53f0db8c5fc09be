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
import { type AppraisalRules, requireAcceptable, tpmPolicy } from './appraisal-policy.ts';
import { readChannelEvidence, readEnrolmentEvidence, type SoftwareStatement } from './evidence.ts';
import { type KeyProof, type ProvenKey, requireKeyProof } from './key-proof.ts';
import { type ExpectedTpm, quoteDigest, type TpmFacts, type TpmProof, verifyTpmProof } from './tpm-proof.ts';

/** What a verifier accepts. */
export interface AppraisalPolicy {
  /** Digests of the software manifests that may take part, in hexadecimal. */
  readonly manifests: readonly string[];
  readonly minimumTier: Tier;
  /** Older evidence is refused, in milliseconds. */
  readonly maximumAgeMs: number;
  /** What else nodes of each role must show; without it nobody is appraised as `measured`. */
  readonly rules?: AppraisalRules | undefined;
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
  readonly role?: string;
  /** The TPM that it enrolled with; undefined for a node without one. */
  readonly tpm?: ExpectedTpm | undefined;
  /**
   * Nothing has shown yet that its attestation key is in a TPM: it shows what policy wants of a measured node, and counts
   * as `software`.
   */
  readonly isUnproven?: boolean | undefined;
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
  /** What the evidence answers: the challenge's leaf, or the enrolment's qualifying data. */
  readonly answers: Uint8Array;
  /** SHA-256 of the evidence. */
  readonly evidenceDigest: Uint8Array;
  /** Digest of the software manifest. */
  readonly manifest: Uint8Array;
  readonly versions: ReadonlyMap<string, string>;
  /** When the attester made the evidence, by its clock. */
  readonly time: number;
  /** The credential that has certified the key, of a node that enrols with an authenticator. */
  readonly authenticator?: ProvenKey['authenticator'];
  /** What the TPM has proven, and SHA-256 of its quote. */
  readonly tpm?: TpmFacts & { readonly quote: Uint8Array };
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
  return conclude(crypto, evidence, { statement, tpm: read.tpm, key: certified(appraisal) }, appraisal);
}

/**
 * Judges evidence that came with an enrolment request: signed by the key that asks for the certificate, bound to
 * this request and to the challenge of every member, and otherwise as {@link appraise}.
 * @throws the same codes.
 */
export function appraiseEnrolment(crypto: Crypto, evidence: Uint8Array, appraisal: Appraisal): Verdict {
  const read = readable(() => readEnrolmentEvidence(evidence));
  const statement = requireSignature(crypto, read.statement, appraisal.attester);
  requireMesh(statement, appraisal.attester);
  requireNode(statement, appraisal.attester);
  requireRequest(statement, appraisal.answers);
  const key = read.keyProof && judgeKey(crypto, read.keyProof, appraisal);
  return conclude(crypto, evidence, { statement, tpm: read.tpm, key }, appraisal);
}

/** What stands above `software` without a TPM. */
type KeyVerdict = Omit<ProvenKey, 'tier'> & { readonly tier: Tier };

/** On a channel the certificate says where the key is: members of the authority have judged it. */
function certified({ attester: { tier, isUnproven } }: Appraisal): KeyVerdict | undefined {
  if (isUnproven || (tier !== 'hardware' && tier !== 'authenticator')) return undefined;
  return { tier, reasons: [`where the key is was judged when its certificate was issued: ${tier}`] };
}

function judgeKey(
  crypto: Crypto,
  proof: KeyProof,
  { policy: { rules }, attester: { meshId, nodeId, key }, answers: nonce, time }: Appraisal,
): KeyVerdict {
  return requireKeyProof(crypto, proof, { meshId, nodeId, key, nonce, time }, rules);
}

/** What is judged alike wherever the evidence came from. */
function conclude(
  crypto: Crypto,
  evidence: Uint8Array,
  {
    statement,
    tpm: proof,
    key,
  }: { statement: SoftwareStatement; tpm: TpmProof | undefined; key: KeyVerdict | undefined },
  { policy, attester, answers, time, skewMs = DEFAULT_SKEW_MS }: Appraisal,
): Verdict {
  requireFresh(statement, time, policy.maximumAgeMs, skewMs);
  requireTier(statement, attester.tier, policy.minimumTier);
  requireManifest(statement, policy);
  requireKeyTier(statement, key);
  const tpm = judgeTpm(crypto, statement, proof, { policy, attester });
  const reasons = [
    `signed by the ${attester.key.algorithm} key of ${statement.node}`,
    'answers this challenge and no other',
    `tier ${statement.tier} is at least ${policy.minimumTier}`,
    `manifest ${hex(statement.manifest)} is one that policy accepts`,
    ...(key?.reasons ?? []),
    ...requireByRules(
      crypto,
      { statement, tpm, ageMs: Math.max(0, time - statement.time) },
      policy,
      attester,
    ),
  ];
  return {
    tier: attester.isUnproven ? 'software' : statement.tier,
    reasons,
    answers,
    evidenceDigest: crypto.sha256(evidence),
    manifest: statement.manifest,
    versions: statement.versions,
    time: statement.time,
    ...(key?.authenticator ? { authenticator: key.authenticator } : {}),
    ...(tpm ? { tpm } : {}),
  };
}

/** Of the tiers between, evidence shows the one that was proven of the key, and no other. */
function requireKeyTier({ tier }: SoftwareStatement, key: KeyVerdict | undefined): void {
  const isBetween = tier === 'hardware' || tier === 'authenticator';
  if ((isBetween || key) && tier !== key?.tier)
    throw refuse('TIER', `tier ${tier} is claimed, and the key is shown to be ${key?.tier ?? 'software'}`);
}

/** What the TPM proves of a node that claims to be measured; a node that does not has none to show. */
function judgeTpm(
  crypto: Crypto,
  { tier, qualifying: qualifyingData }: SoftwareStatement,
  proof: TpmProof | undefined,
  { policy: { rules }, attester: { tpm: expected } }: Pick<Appraisal, 'policy' | 'attester'>,
): Verdict['tpm'] {
  if (tier !== 'measured' && !proof) return undefined;
  if (tier !== 'measured' || !proof || !expected)
    throw refuse('TIER', 'tier measured needs a TPM, and one that the node enrolled with');
  if (!rules) throw refuse('TIER', 'policy names no registers, so that nobody is measured');
  const facts = verifyTpmProof(crypto, proof, { policy: tpmPolicy(rules), expected, qualifyingData });
  return { ...facts, quote: quoteDigest(crypto, proof) };
}

/** The rules of appraisal on what was proven. @throws OOTO_ATTEST_REFUSED (peer) with every reason against. */
function requireByRules(
  crypto: Crypto,
  { statement, tpm, ageMs }: { statement: SoftwareStatement; tpm: Verdict['tpm']; ageMs: number },
  { rules }: AppraisalPolicy,
  { role = '', isUnproven }: ExpectedAttester,
): string[] {
  if (!rules) return [];
  return requireAcceptable(crypto, rules, {
    role,
    tier: statement.tier,
    ageMs,
    manifest: statement.manifest,
    registers: tpm?.values,
    firmwareVersion: tpm?.firmwareVersion,
    endorsement: tpm && [
      isUnproven
        ? 'the quote is by the attestation key that was named, which has not been shown to be in a TPM: tier software'
        : 'the quote is of the TPM that the node enrolled with',
    ],
  });
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
