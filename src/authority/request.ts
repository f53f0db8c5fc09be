/**
 * The enrolment request: what a node asks a certificate for. What flows through here: the node names itself, its
 * identity key and the life it wants, and signs that with the identity key (proof of possession); its digest is
 * what challenges, evidence, invites and the enrolment channel's delegation are bound to.
 */
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { bytes, bytesBetween, type Fields, object, oneOf, optional, text, uint } from '../envelope/fields.ts';
import type { VerificationKey } from '../envelope/keys.ts';
import { encodeStatement, readStatement, statementMessage, verifyStatement } from '../envelope/statement.ts';
import type { Signer } from '../ports.ts';
import { readTpmKeys } from './device.ts';

/** With the certificates that a TPM may have. */
export const MOST_REQUEST_BYTES = 24 * 1024;

const requestShape = {
  mesh: bytes(32),
  id: text(2048),
  key: object({ algorithm: oneOf('ed25519', 'p256'), bytes: bytesBetween(32, 65) }),
  /** The life asked for, in milliseconds. */
  life: uint(),
  tier: oneOf('measured', 'hardware', 'authenticator', 'software'),
  /** Fresh for each request, so that no two have one digest. */
  nonce: bytes(16),
  /** The TPM that holds the identity key; a request for tier `measured` names one, any other none. */
  tpm: optional(readTpmKeys),
} as const;

export type EnrolmentRequestBody = Fields<typeof requestShape>;

export interface EnrolmentRequest extends EnrolmentRequestBody {
  encoded: Uint8Array;
  digest: Uint8Array;
}

/** Makes a request; the identity key signs, which may take its time. */
export async function createRequest(
  crypto: Crypto,
  body: EnrolmentRequestBody,
  signer: Signer,
): Promise<EnrolmentRequest> {
  const { tpm, ...others } = body;
  const plain = { ...others, key: { ...body.key }, ...(tpm ? { tpm: { ...tpm } } : {}) };
  const signature = await signer.sign(statementMessage('enrolment-request', plain));
  return readRequest(crypto, encodeStatement(plain, signature));
}

/**
 * The request, once its own key is shown to have signed it.
 * @throws OOTO_ENVELOPE_*, OOTO_CRYPTO_KEY, OOTO_AUTHORITY_REQUEST (peer).
 */
export function readRequest(crypto: Crypto, encoded: Uint8Array): EnrolmentRequest {
  const statement = readStatement('enrolment-request', encoded, {
    body: object(requestShape),
    maxBytes: MOST_REQUEST_BYTES,
  });
  const key: VerificationKey = statement.unverified.key;
  if (key.algorithm === 'ed25519') crypto.ed25519.admitKey(key.bytes);
  const body = verifyStatement(crypto, statement, key);
  if ((body.tier === 'measured') !== (body.tpm !== undefined))
    throw new OotoError('OOTO_AUTHORITY_REQUEST', 'peer', 'tier measured and a TPM are asked for together');
  return { ...body, encoded, digest: crypto.sha256(statement.message) };
}

/** @throws OOTO_AUTHORITY_REQUEST (peer) when the request is meant for another mesh. */
export function requireMesh(request: EnrolmentRequest, meshId: Uint8Array): void {
  if (hex(request.mesh) !== hex(meshId))
    throw new OotoError('OOTO_AUTHORITY_REQUEST', 'peer', 'the request is for another mesh');
}
