/**
 * What is agreed on before a lost share is computed again: the package it belongs to, whose it was, who helps, and a
 * session. The plan is checked once; everything that is said in the ceremony is bound to its digest.
 */
import { concat, u16be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { CommitteeMember } from './committee.ts';
import { interpolatingValue } from './frost.ts';
import { type Run, SESSION_BYTES } from './generation-message.ts';
import { LABELS } from './labels.ts';
import { evaluateCommitment } from './polynomial.ts';
import { type PublicPackage, publicPackageDigest } from './public-package.ts';

export interface RepairPlan {
  readonly publicPackage: PublicPackage;
  /** Identifier of the member whose share is lost. */
  readonly lost: number;
  /** Identifiers of the members that help, at least the threshold, in rising order; the lost one is not among them. */
  readonly helpers: readonly number[];
  /** 32 bytes, never used before. */
  readonly session: Uint8Array;
}

/** A plan that was checked; the helpers deal. */
export interface RepairCeremony extends Run {
  readonly publicPackage: PublicPackage;
  readonly target: CommitteeMember;
  /** Binds what is sealed to the run. */
  readonly context: Uint8Array;
}

/** @throws OOTO_THRESHOLD_DEALERS, OOTO_THRESHOLD_SESSION (caller) for a plan that does not hold. */
export function repairCeremony(crypto: Crypto, plan: RepairPlan): RepairCeremony {
  const { publicPackage, lost, session } = plan;
  const { members, threshold } = publicPackage.committee;
  const target = members.find(({ identifier }) => identifier === lost);
  const helpers = members.filter(({ identifier }) => plan.helpers.includes(identifier));
  const isOrdered = helpers.every(({ identifier }, i) => identifier === plan.helpers[i]);
  const isWhole = helpers.length === plan.helpers.length && helpers.length >= threshold;
  if (!target || !isOrdered || !isWhole || plan.helpers.includes(lost))
    throw new OotoError(
      'OOTO_THRESHOLD_DEALERS',
      'caller',
      `${plan.helpers.join(', ')} cannot repair the share of ${lost}: ${threshold} others are needed, in order`,
    );
  if (session.length !== SESSION_BYTES)
    throw new OotoError('OOTO_THRESHOLD_SESSION', 'caller', `a session of ${session.length} bytes`);
  const digest = crypto.sha256(
    concat(
      LABELS.repairPlan,
      session,
      publicPackageDigest(crypto, publicPackage),
      u16be(lost),
      u16be(helpers.length),
      ...plan.helpers.map(u16be),
    ),
  );
  const context = crypto.sha512(concat(LABELS.repairContext, session, digest));
  return { publicPackage, target, dealers: helpers, session: session.slice(), digest, context };
}

/** The Lagrange coefficient of a helper's share at the lost identifier (zeta). */
export function helperWeight(
  crypto: Crypto,
  { dealers, target }: Pick<RepairCeremony, 'dealers' | 'target'>,
  identifier: number,
): Uint8Array {
  const identifiers = dealers.map((helper) => helper.identifier);
  return interpolatingValue(crypto, identifiers, identifier, target.identifier);
}

/** What the parts of a helper must add up to, in the exponent: its share, weighted. */
export function helperElement(crypto: Crypto, ceremony: RepairCeremony, identifier: number): Uint8Array {
  const point = evaluateCommitment(crypto, ceremony.publicPackage.commitment, identifier);
  const scalar = helperWeight(crypto, ceremony, identifier);
  return crypto.edwards25519.sumOfPublicMultiples([{ scalar, point }]);
}
