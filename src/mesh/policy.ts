/**
 * Policy: who may ask what, in which context. What flows through here: a subject (the verified peer), an
 * operation and a context go in, and `decide` either returns the rule that allows it or throws. The default
 * is to deny. The policy itself is data: versioned, part of what the mesh has agreed on, the same on every node.
 */
import { OotoError } from '../base/errors.ts';
import { meetsTier, type Tier } from '../cert/tier.ts';
import type { OperationName, Role } from './operations.ts';

export interface PolicyRule {
  /** Roles of the peers that may ask. */
  roles: readonly string[];
  operations: readonly string[];
  /** The least tier of the peer's certificate. */
  tier: Tier;
}

export interface Policy {
  version: number;
  rules: readonly PolicyRule[];
  /** SHA-256 digests of the software manifests that may take part; hexadecimal. */
  manifests: readonly string[];
  /** Keys that may sign workload definitions. */
  originators: readonly { name: string; publicKey: Uint8Array }[];
  /** Longest life of a node certificate in milliseconds. */
  certificateLifeMs: number;
  /** A node is attested again this often, in milliseconds. */
  attestationIntervalMs: number;
  /** With a mesh head older than this no new session is made, in milliseconds. */
  headMaximumAgeMs: number;
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
        ['authority.challenge', 'authority.appraise', 'authority.sign', 'authority.adopt-head'],
      ),
      rule(everyone, ['certificate.renew', 'certificate.renew-evidence', 'head.current', 'node.ping']),
      rule(everyone, ['membership.publish', 'membership.list', 'telemetry.append']),
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
