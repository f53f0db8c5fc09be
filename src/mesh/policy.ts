/**
 * Policy: who may ask what, in which context. What flows through here: a subject (the verified peer), an
 * operation and a context go in, and `decide` either returns the rule that allows it or throws. The default
 * is to deny. The policy itself is data: versioned, part of what the mesh has agreed on, the same on every node.
 */
import type { AppraisalPolicy } from '../attest/appraisal.ts';
import { type AppraisalRules, endorsementRules, readRules } from '../attest/appraisal-policy.ts';
import { requireEndorsement } from '../attest/tpm/endorsement.ts';
import { type PublicArea, readPublicArea } from '../attest/tpm/public-area.ts';
import type { EndorsementJudge } from '../authority/device.ts';
import { OotoError } from '../base/errors.ts';
import { meetsTier, TIERS, type Tier } from '../cert/tier.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { bytes, type Fields, list, object, oneOf, optional, text, uint } from '../envelope/fields.ts';
import { CEREMONY_OPERATIONS, type OperationName, type Role } from './operations.ts';

const digestText = text(64, /^[0-9a-f]{64}$/);

const policyShape = {
  version: uint(),
  rules: list(
    object({
      /** Roles of the peers that may ask. */
      roles: list(text(32), { max: 16 }),
      operations: list(text(64), { max: 64 }),
      /** The least tier of the peer's certificate. */
      tier: oneOf(...TIERS),
    }),
    { max: 64 },
  ),
  /** SHA-256 digests of the software manifests that may take part. */
  manifests: list(digestText, { min: 1, max: 64 }),
  /** Keys that may sign workload definitions. */
  originators: list(object({ name: text(256), publicKey: bytes(32) }), { max: 64 }),
  /** What nodes of each role must show; without it tier `software` is enough, and nobody is `measured`. */
  appraisal: optional(readRules),
  /** Longest life of a node certificate in milliseconds. */
  certificateLifeMs: uint(),
  /** A node is attested again this often, in milliseconds. */
  attestationIntervalMs: uint(),
  /** With a mesh head older than this no new session is made, in milliseconds. */
  headMaximumAgeMs: uint(),
  /** What may go on all the same, over sessions that begin under a head of at most this age; nothing where it is absent. */
  degraded: optional(object({ headMaximumAgeMs: uint(), operations: list(text(64), { max: 64 }) })),
} as const;

export type Policy = Fields<typeof policyShape>;
export type PolicyRule = Policy['rules'][number];

/** The policy in a decoded document. @throws OOTO_ENVELOPE_FIELD (peer). */
export const readPolicy = object(policyShape);

/** What of a policy decides on evidence that may be this old. */
export function appraisalPolicy(
  { manifests, appraisal: rules }: Policy,
  maximumAgeMs: number,
): AppraisalPolicy {
  const base = { manifests, minimumTier: 'software' as const, maximumAgeMs };
  return rules ? { ...base, manifests: rules.manifests.map(({ digest }) => digest), rules } : base;
}

/** Endorsement keys that operators do not name: those that the rules list, and those of vendors that they trust. */
export function endorsementJudge(crypto: Crypto, policy: () => Policy): EndorsementJudge {
  return ({ endorsementKey, certificate, chain = [] }, vouched, now) => {
    const { appraisal } = policy();
    const key = readPublicArea(endorsementKey);
    requireAlgorithm(key, appraisal);
    if (vouched === 'named') return;
    const presented = { key, certificates: certificate ? [certificate, ...chain] : [] };
    const trusted = appraisal ? endorsementRules(appraisal) : { fingerprints: [], roots: [] };
    requireEndorsement(crypto, presented, trusted, now);
  };
}

/** Every TPM has a key of each algorithm: only those of one are told apart as TPMs. */
function requireAlgorithm({ algorithm }: PublicArea, rules: AppraisalRules | undefined): void {
  const wanted = rules?.endorsement.algorithm;
  if (wanted === undefined || algorithm === wanted) return;
  throw new OotoError(
    'OOTO_ATTEST_TPM_ENDORSEMENT',
    'peer',
    `the endorsement key is of ${algorithm}, and TPMs count by their keys of ${wanted} here`,
    { hint: `tpm_endorsement = "${wanted}" in node.toml, before the keys in the TPM are made` },
  );
}

export interface Subject {
  id: string;
  role: Role;
  tier: Tier;
}

/** The rule that allows `subject` to ask for `operation`. @throws OOTO_POLICY_DENIED (peer). */
export function decide(policy: Policy, subject: Subject, operation: OperationName): PolicyRule {
  const rules = policy.rules.filter(
    (rule) => rule.operations.includes(operation) && rule.roles.includes(subject.role),
  );
  if (rules.length === 0)
    throw denied(`no rule of policy ${policy.version} lets a ${subject.role} ask for ${operation}`);
  const strongEnough = rules.find((rule) => meetsTier(subject.tier, rule.tier));
  if (!strongEnough) throw denied(`${operation} needs a higher tier than ${subject.tier}`);
  return strongEnough;
}

/** The key of an originator that policy names. @throws OOTO_WORKLOAD_ORIGINATOR (peer). */
export function originatorKey(policy: Policy, name: string): Uint8Array {
  const originator = policy.originators.find((candidate) => candidate.name === name);
  if (!originator)
    throw new OotoError('OOTO_WORKLOAD_ORIGINATOR', 'peer', 'policy names no such originator', {
      hint: 'an originator signs with a key that the policy of the mesh lists',
    });
  return originator.publicKey;
}

function denied(message: string): OotoError {
  return new OotoError('OOTO_POLICY_DENIED', 'peer', message);
}

const MINUTE = 60_000;

/** The policy a new mesh begins with: each role may do what its work needs and nothing else. */
export function initialPolicy(options: Pick<Policy, 'manifests' | 'originators'> & Partial<Policy>): Policy {
  const rule = (roles: Role[], operations: OperationName[]): PolicyRule => ({
    roles,
    operations,
    tier: 'software',
  });
  const everyone: Role[] = ['authority', 'scheduler', 'worker', 'collector', 'originator'];
  return {
    version: 1,
    rules: [
      rule(
        ['authority'],
        [
          'authority.challenge',
          'authority.appraise',
          'authority.sign',
          'authority.adopt-head',
          'authority.admit',
          'authority.cosign-log',
          'authority.log-seen',
          ...CEREMONY_OPERATIONS,
        ],
      ),
      rule(everyone, ['certificate.renew', 'certificate.renew-evidence', 'head.current', 'node.ping']),
      // Whoever carries an action needs no right of its own: the operators' signatures are in it.
      rule(everyone, ['authority.apply', 'authority.actions']),
      rule(everyone, ['mesh.documents', 'mesh.announce']),
      rule(everyone, ['membership.publish', 'membership.list', 'telemetry.append']),
      rule(everyone, ['log.checkpoint', 'log.resource', 'log.consistency']),
      rule(
        ['originator'],
        ['definition.log', 'witness.cosign', 'job.submit', 'job.chunk', 'job.finish', 'telemetry.summary'],
      ),
      rule(['scheduler'], ['workload.execute', 'witness.cosign']),
    ],
    certificateLifeMs: 240 * MINUTE,
    attestationIntervalMs: 5 * MINUTE,
    headMaximumAgeMs: 15 * MINUTE,
    ...options,
  };
}
