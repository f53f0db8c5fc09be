/**
 * Resharing, one member's side (verifiable secret redistribution: Desmedt and Jajodia 1997; Wong, Wang and Wing 2002):
 * {@link CertifiedDealing} in which t or more of the old members deal, and all new ones receive. Each dealer shares
 * out its share times its Lagrange coefficient, so that what is dealt sums to the same key under fresh polynomials; that
 * it dealt this and nothing else shows in its commitment, whose constant element everybody can compute.
 *
 * Two phases: the caller stores `pending` durably before it sends the messages of round 2, and goes on signing with the
 * old share; only a certificate of ALL new members (`verifyResharingCertificate`), published, makes anybody switch and
 * erase the old share. Whoever crashes in between finishes with the certificate of another.
 */
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { CertifiedDealing, type PendingKey } from './certified-dealing.ts';
import type { KeyGenerationKey } from './key-generation-key.ts';
import { SecretPolynomial } from './polynomial.ts';
import type { ResharingCertificate } from './resharing-certificate.ts';
import { dealerWeight, type ResharingPlan, resharingCeremony } from './resharing-plan.ts';
import { requireFitting, type SecretShare } from './secret-share.ts';

export interface ResharingOptions {
  crypto: Crypto;
  plan: ResharingPlan;
  /** This member's name, in the old committee, the new one, or both. */
  name: string;
  /** This member's key; lent. */
  key: KeyGenerationKey;
  /** This member's share of the old package, if the plan has it deal; lent until `start` returns. */
  secretShare?: SecretShare | undefined;
  /** Milliseconds, on the clock that `tick` is given, after which the run ends; never, when absent. */
  deadline?: number | undefined;
}

/** A share of the new sharing. */
export interface ResharedKey extends PendingKey {
  /** For `verifyResharingCertificate`. */
  readonly certificate: ResharingCertificate;
}

export class Resharing extends CertifiedDealing {
  readonly plan: ResharingPlan;

  /**
   * @throws OOTO_THRESHOLD_COMMITTEE, OOTO_THRESHOLD_DEALERS, OOTO_THRESHOLD_SESSION, OOTO_THRESHOLD_MEMBER (caller) for
   * a plan that does not hold or gives this member another part; OOTO_THRESHOLD_KEY (local) for a share of another
   * epoch or key.
   */
  constructor({ crypto, plan, name, key, secretShare, deadline }: ResharingOptions) {
    const ceremony = resharingCeremony(crypto, plan);
    const dealer = ceremony.dealers.find((member) => member.name === name);
    if (dealer && secretShare) requireOwnShare(crypto, plan, dealer.identifier, secretShare);
    const polynomial =
      dealer && secretShare ? () => weightedPolynomial(crypto, plan, secretShare) : undefined;
    super({ crypto, ceremony, name, key, polynomial, deadline });
    this.plan = plan;
  }

  /** The finished share, which now belongs to the caller; a dealer that receives nothing has none. */
  get reshared(): ResharedKey | undefined {
    const { result } = this;
    return result && { ...result, certificate: { ...result.certificate, dealers: this.plan.dealers } };
  }
}

function requireOwnShare(
  crypto: Crypto,
  { previous }: ResharingPlan,
  identifier: number,
  share: SecretShare,
): void {
  if (share.identifier !== identifier)
    throw new OotoError('OOTO_THRESHOLD_MEMBER', 'caller', `the share is that of ${share.identifier}`);
  requireFitting(crypto, previous, share);
}

/** A fresh polynomial whose constant is the weighted share. */
function weightedPolynomial(
  crypto: Crypto,
  { next, dealers }: ResharingPlan,
  share: SecretShare,
): SecretPolynomial {
  const weight = dealerWeight(crypto, dealers, share.identifier);
  const constant = share.use((scalar) => crypto.edwards25519.scalarMultiply(scalar, weight));
  return SecretPolynomial.random(crypto, next.threshold, constant);
}
