/**
 * Where an identity key is, if it is in no TPM. What flows through here: what a token's maker has certified of the key,
 * or what an authenticator has signed for it, comes with the evidence of an enrolment; by the makers that the rules pin
 * it makes tier `hardware` or `authenticator`, or is refused. The holder of the key asks the same function first, so
 * that it claims nothing that will not be granted.
 */
import { OotoError } from '../base/errors.ts';
import { unbase64 } from '../base/hex.ts';
import type { Tier } from '../cert/tier.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { bytesBetween, list, object, variant } from '../envelope/fields.ts';
import { type AppraisalRules, tokenMakers } from './appraisal-policy.ts';
import { tierOfKey } from './hardware-key.ts';
import {
  type CertifiedKey,
  type RegistrationResponse,
  registrationChallenge,
  verifyKeyAssertion,
  verifyRegistration,
} from './webauthn/authenticator-key.ts';

const MOST_CERTIFICATES = 8;
const certificate = bytesBetween(1, 4096);
const clientData = bytesBetween(1, 2048);

export const readKeyProof = variant('kind', {
  /** DER: the maker's attestation of the key first, then authorities, in any order. */
  token: { certificates: list(certificate, { min: 1, max: MOST_CERTIFICATES }) },
  authenticator: {
    registration: object({ attestationObject: bytesBetween(1, 16 * 1024), clientData }),
    assertion: object({
      credentialId: bytesBetween(1, 1023),
      authenticatorData: bytesBetween(37, 4096),
      clientData,
      signature: bytesBetween(1, 128),
    }),
  },
});

export type KeyProof = ReturnType<typeof readKeyProof>;

export interface ProvenKey {
  readonly tier: Extract<Tier, 'hardware' | 'authenticator'>;
  readonly reasons: readonly string[];
  /** The credential that has certified the key. */
  readonly authenticator?: { readonly credential: Uint8Array; readonly signCount: number };
}

/** Whose proof it must be; `nonce` is the qualifying data of the enrolment. */
export interface ExpectedKey extends CertifiedKey {
  /** Milliseconds since 1970. */
  readonly time: number;
}

/**
 * What the proof shows of this key.
 * @throws OOTO_ATTEST_KEY (peer) for a token, OOTO_ATTEST_WEBAUTHN_* (peer) for an authenticator, and what their
 * certificates are refused for.
 */
export function requireKeyProof(
  crypto: Crypto,
  proof: KeyProof,
  expected: ExpectedKey,
  rules: AppraisalRules | undefined,
): ProvenKey {
  if (!rules) throw refuse('policy pins no makers of tokens or authenticators');
  if (proof.kind === 'token') return requireToken(crypto, proof.certificates, expected, rules);
  const { registration, assertion } = proof;
  const authenticator = requireRegistration(crypto, registration, expected, rules);
  const { party } = partyOf(rules);
  const { signCount } = verifyKeyAssertion(crypto, assertion, { party, authenticator, key: expected });
  return {
    tier: 'authenticator',
    reasons: [...authenticator.reasons, 'it has signed for this key, this node and this request'],
    authenticator: { credential: authenticator.publicKey, signCount },
  };
}

/** A registration for this node of this mesh, at whatever time: that the credential lives is shown by assertions. */
export function requireRegistration(
  crypto: Crypto,
  registration: RegistrationResponse,
  { meshId, nodeId, time }: Pick<ExpectedKey, 'meshId' | 'nodeId' | 'time'>,
  rules: AppraisalRules,
) {
  const { party, roots } = partyOf(rules);
  const challenge = registrationChallenge(crypto, { meshId, nodeId });
  return verifyRegistration(crypto, registration, { party, challenge, roots: roots.map(unbase64), time });
}

function requireToken(
  crypto: Crypto,
  certificates: readonly Uint8Array[],
  { key, time }: ExpectedKey,
  rules: AppraisalRules,
): ProvenKey {
  const { tier, reasons } = tierOfKey(crypto, { key, certificates }, tokenMakers(rules), time);
  if (tier !== 'hardware') throw refuse(reasons.join('; '));
  return { tier, reasons };
}

function partyOf({ authenticators }: AppraisalRules): NonNullable<AppraisalRules['authenticators']> {
  if (authenticators) return authenticators;
  throw refuse('policy pins no makers of authenticators');
}

function refuse(message: string): OotoError {
  return new OotoError('OOTO_ATTEST_KEY', 'peer', `the key counts as software: ${message}`);
}
