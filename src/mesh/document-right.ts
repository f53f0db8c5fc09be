/**
 * By what right somebody without a certificate that can be judged asks for the authority's documents. What flows through
 * here: an invite of the operators, or a certificate that this mesh gave to the same key once, is judged against the
 * request that opened the channel. Documents prove themselves, but a mesh tells them to nobody who was never let in.
 */
import { readCredential, validateCredential } from '../authority/credential.ts';
import { verifyClaim } from '../authority/invite.ts';
import type { Claim } from '../authority/member.ts';
import type { EnrolmentRequest } from '../authority/request.ts';
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { readCertificate } from '../cert/certificate.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { MeshTrust } from './identity.ts';

/**
 * @param now milliseconds since 1970
 * @throws OOTO_MESH_ENROLMENT (peer) without a right that fits; OOTO_AUTHORITY_*, OOTO_CERT_*, OOTO_ENVELOPE_* (peer) for
 * one that does not hold.
 */
export function requireDocumentRight(
  crypto: Crypto,
  trust: MeshTrust,
  request: EnrolmentRequest,
  right: Claim | undefined,
  now: number,
): void {
  const { authority, genesis } = trust;
  const { id, key, digest: requestDigest } = request;
  authority.requireNotRevoked({ id, key: key.bytes });
  if (right?.kind === 'invite') verifyClaim(crypto, genesis, { ...right, id, requestDigest, now });
  else if (right?.kind === 'renewal' || right?.kind === 'return')
    requireFormerMember(crypto, trust, request, right.credential);
  else throw new OotoError('OOTO_MESH_ENROLMENT', 'peer', 'documents are for members and for who is invited');
}

/** As it was when it was issued: since then its time, the group key and the committee may have ended. */
function requireFormerMember(
  crypto: Crypto,
  trust: MeshTrust,
  { id, key }: EnrolmentRequest,
  credential: Uint8Array,
): void {
  const { notBefore: time } = readCertificate(readCredential(credential).certificate).claims;
  const former = validateCredential(crypto, trust, credential, { time, expectedId: id, isPast: true });
  if (!equal(former.publicKey.bytes, key.bytes))
    throw new OotoError('OOTO_MESH_ENROLMENT', 'peer', 'the certificate is of another key');
}
