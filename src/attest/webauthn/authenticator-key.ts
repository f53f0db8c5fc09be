/**
 * A key in a page, certified by an authenticator: tier `authenticator`. What flows through here: the authenticator was
 * registered with an attestation under a pinned root, and has signed a challenge that names mesh, node and key; both
 * ceremonies must be of this relying party and origin, by a verified user, with a credential that cannot be copied. The
 * key itself stays in software: that is why this tier is below `hardware`.
 */
import { concat, equal, lengthPrefixed, utf8 } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { VerificationKey } from '../../envelope/keys.ts';
import { label } from '../../envelope/labels.ts';
import { verifyAttestation } from './attestation.ts';
import { type Credential, readAuthenticatorData, requireBoundToDevice } from './authenticator-data.ts';
import { requireClientData } from './client-data.ts';

/** Whose pages may ask. */
export interface RelyingParty {
  /** Such as `example.org`. */
  readonly id: string;
  /** Such as `https://example.org`. */
  readonly origin: string;
}

/** What `navigator.credentials.create` gave. */
export interface RegistrationResponse {
  readonly attestationObject: Uint8Array;
  readonly clientData: Uint8Array;
}

/** What `navigator.credentials.get` gave. */
export interface AssertionResponse {
  readonly credentialId: Uint8Array;
  readonly authenticatorData: Uint8Array;
  readonly clientData: Uint8Array;
  readonly signature: Uint8Array;
}

/** What a key is certified for. */
export interface CertifiedKey {
  /** 32 bytes. */
  readonly meshId: Uint8Array;
  /** SPIFFE ID. */
  readonly nodeId: string;
  readonly key: VerificationKey;
  /** 32 bytes, drawn by the verifier. */
  readonly nonce: Uint8Array;
}

/** A registered authenticator, to be kept. */
export interface Authenticator extends Credential {
  readonly signCount: number;
  readonly reasons: readonly string[];
}

/** The challenge of an assertion: SHA-256(label ‖ mesh id ‖ nonce ‖ lp(node) ‖ lp(algorithm) ‖ lp(key)). */
export function keyChallenge(crypto: Crypto, { meshId, nodeId, key, nonce }: CertifiedKey): Uint8Array {
  const named = [utf8(nodeId), utf8(key.algorithm), key.bytes].map(lengthPrefixed);
  return crypto.sha256(concat(label('authenticator-key'), meshId, nonce, ...named));
}

/**
 * The challenge of a registration: SHA-256(label ‖ mesh id ‖ lp(node)). It names whose the credential is, and nothing of
 * the moment: assertions do.
 */
export function registrationChallenge(
  crypto: Crypto,
  { meshId, nodeId }: Pick<CertifiedKey, 'meshId' | 'nodeId'>,
): Uint8Array {
  return crypto.sha256(concat(label('authenticator-registration'), meshId, lengthPrefixed(utf8(nodeId))));
}

/**
 * Admits an authenticator.
 * @throws OOTO_ATTEST_WEBAUTHN_CLIENT, _PARTY, _FLAGS, and as `verifyAttestation` (peer).
 */
export function verifyRegistration(
  crypto: Crypto,
  response: RegistrationResponse,
  expected: { party: RelyingParty; challenge: Uint8Array; roots: readonly Uint8Array[]; time: number },
): Authenticator {
  const { party, challenge, roots, time } = expected;
  requireClientData(response.clientData, { kind: 'webauthn.create', challenge, origin: party.origin });
  const { data, credential, format, root } = verifyAttestation(crypto, response, { roots, time });
  requireParty(crypto, data.rpIdHash, party);
  requireBoundToDevice(data);
  crypto.p256.admitKey(credential.publicKey);
  const model = hex(credential.aaguid);
  return {
    ...credential,
    signCount: data.signCount,
    reasons: [
      `an authenticator of model ${model} is attested (${format}) under the pinned root with SHA-256 ${hex(root)}`,
      'its credential is not backed up, and its user was verified',
    ],
  };
}

/**
 * Verifies that the authenticator has certified this key; returns its new counter, to be kept.
 * @throws OOTO_ATTEST_WEBAUTHN_CREDENTIAL, _CLIENT, _PARTY, _FLAGS, _SIGNATURE, _COUNTER (peer).
 */
export function verifyKeyAssertion(
  crypto: Crypto,
  response: AssertionResponse,
  expected: {
    party: RelyingParty;
    authenticator: Pick<Authenticator, 'id' | 'publicKey' | 'signCount'>;
    key: CertifiedKey;
  },
): { signCount: number } {
  const { party, authenticator, key } = expected;
  const challenge = keyChallenge(crypto, key);
  if (!equal(response.credentialId, authenticator.id))
    throw refuse('CREDENTIAL', 'another credential has signed than the one registered');
  requireClientData(response.clientData, { kind: 'webauthn.get', challenge, origin: party.origin });
  const data = readAuthenticatorData(response.authenticatorData);
  requireParty(crypto, data.rpIdHash, party);
  requireBoundToDevice(data);
  const signed = concat(data.encoded, crypto.sha256(response.clientData));
  try {
    crypto.p256.verify(authenticator.publicKey, signed, response.signature, 'der');
  } catch (cause) {
    throw refuse('SIGNATURE', 'the assertion is not signed by the registered credential', cause);
  }
  requireLaterCount(authenticator.signCount, data.signCount);
  return { signCount: data.signCount };
}

function requireParty(crypto: Crypto, found: Uint8Array, { id }: RelyingParty): void {
  if (!equal(found, crypto.sha256(utf8(id))))
    throw refuse('PARTY', `the credential is of another party than ${id}`);
}

/**
 * Zero twice: the authenticator does not count. Otherwise a count that does not rise tells of a copy.
 * @throws OOTO_ATTEST_WEBAUTHN_COUNTER (peer).
 */
export function requireLaterCount(last: number, next: number): void {
  if ((last !== 0 || next !== 0) && next <= last)
    throw refuse('COUNTER', 'the counter of the authenticator has not risen: there may be a copy of it');
}

function refuse(what: string, message: string, cause?: unknown): OotoError {
  return new OotoError(`OOTO_ATTEST_WEBAUTHN_${what}`, 'peer', message, { cause });
}
