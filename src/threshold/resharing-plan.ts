/**
 * What is agreed on before shares are dealt anew. What flows through here: the public package that there is, the
 * committee that will be, who deals and a session become a plan; the plan is checked once and becomes a ceremony, to
 * whose digest everything that is said in it is bound: it fits no other epoch, committee or run. A refresh is a
 * resharing to the same members with the same threshold.
 */
import { concat, u16be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { admitCommittee, type Committee, type CommitteeMember, encodeCommittee } from './committee.ts';
import { encodeContribution } from './dealing.ts';
import { interpolatingValue } from './frost.ts';
import { type Ceremony, SESSION_BYTES } from './generation-message.ts';
import { LABELS } from './labels.ts';
import { evaluateCommitment } from './polynomial.ts';
import { type PublicPackage, publicPackageDigest } from './public-package.ts';

export interface ResharingPlan {
  /** Whose shares are dealt. */
  readonly previous: PublicPackage;
  /** Who will hold the new ones: of the epoch that follows. */
  readonly next: Committee;
  /** Identifiers of the members of `previous` that deal, at least its threshold, in rising order. */
  readonly dealers: readonly number[];
  /** 32 bytes, never used before. */
  readonly session: Uint8Array;
}

/** The same members and threshold, in the epoch that follows. */
export function refreshedCommittee(committee: Committee): Committee {
  return { ...committee, epoch: committee.epoch + 1 };
}

/**
 * The ceremony of a plan.
 * @throws OOTO_THRESHOLD_COMMITTEE for a committee that does not follow, OOTO_THRESHOLD_DEALERS, OOTO_THRESHOLD_SESSION
 * (caller).
 */
export function resharingCeremony(crypto: Crypto, plan: ResharingPlan): Ceremony {
  const { previous, next, session } = plan;
  requireFollowing(crypto, previous.committee, next);
  const dealers = requireDealers(plan);
  if (session.length !== SESSION_BYTES)
    throw new OotoError('OOTO_THRESHOLD_SESSION', 'caller', `a session of ${session.length} bytes`);
  const digest = planDigest(crypto, plan);
  const context = crypto.sha512(concat(LABELS.resharingContext, session, digest));
  const { threshold, members } = next;
  return {
    committee: next,
    dealers,
    digest,
    session: session.slice(),
    dealing: { context, threshold, receivers: members },
    constants: dealers.map(({ identifier }) => weightedShare(crypto, plan, identifier)),
    transcript: (contributions, packages) =>
      concat(
        LABELS.resharingTranscript,
        session,
        digest,
        u16be(contributions.length),
        ...contributions.map(encodeContribution),
        packages,
      ),
  };
}

/** Of a dealer: the weight of its share when `dealers` stand for the key, which is the Lagrange coefficient at 0. */
export function dealerWeight(crypto: Crypto, dealers: readonly number[], identifier: number): Uint8Array {
  return interpolatingValue(crypto, dealers, identifier);
}

/** What a dealer's constant coefficient must commit to: its share of the key, weighted. */
function weightedShare(crypto: Crypto, { previous, dealers }: ResharingPlan, identifier: number): Uint8Array {
  const point = evaluateCommitment(crypto, previous.commitment, identifier);
  const scalar = dealerWeight(crypto, dealers, identifier);
  return crypto.edwards25519.sumOfPublicMultiples([{ scalar, point }]);
}

function requireDealers({ previous, dealers }: ResharingPlan): CommitteeMember[] {
  const { members, threshold } = previous.committee;
  const found = members.filter(({ identifier }) => dealers.includes(identifier));
  const isOrdered = found.every(({ identifier }, i) => identifier === dealers[i]);
  if (found.length !== dealers.length || !isOrdered || dealers.length < threshold)
    throw new OotoError(
      'OOTO_THRESHOLD_DEALERS',
      'caller',
      `${dealers.join(', ')} are not ${threshold} or more of the members, in order`,
    );
  return found;
}

/** Epochs follow one by one; a name keeps its identifier, and nobody takes over that of another. */
function requireFollowing(crypto: Crypto, before: Committee, next: Committee): void {
  admitCommittee(crypto, next);
  if (next.epoch !== before.epoch + 1) throw unfollowing(`epoch ${next.epoch} after ${before.epoch}`);
  for (const { identifier, name } of before.members)
    for (const member of next.members)
      if ((member.identifier === identifier) !== (member.name === name))
        throw unfollowing(`${member.name} as number ${member.identifier}`);
}

function planDigest(crypto: Crypto, { previous, next, dealers, session }: ResharingPlan): Uint8Array {
  return crypto.sha256(
    concat(
      LABELS.resharingPlan,
      session,
      publicPackageDigest(crypto, previous),
      crypto.sha256(encodeCommittee(next)),
      u16be(dealers.length),
      ...dealers.map(u16be),
    ),
  );
}

function unfollowing(what: string): OotoError {
  return new OotoError(
    'OOTO_THRESHOLD_COMMITTEE',
    'caller',
    `this committee cannot follow the present: ${what}`,
  );
}
