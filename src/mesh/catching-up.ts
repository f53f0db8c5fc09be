/**
 * How a node that knows too little of the authority to judge its members comes to know more. What flows through here:
 * after a change of the group key, or of the committee, a certificate may be such that newcomers and those who were away
 * cannot judge it; they ask whoever answers at the address of a member for the documents, which prove themselves, over
 * a channel that serves for nothing else. Who gave them need not be believed.
 */
import { readCredential } from '../authority/credential.ts';
import type { EnrolmentRequest } from '../authority/request.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import { readCertificate } from '../cert/certificate.ts';
import type { CredentialVerifier } from '../channel/credential.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { MeshTrust } from './identity.ts';
import type { MeshNode } from './node.ts';
import { OwnCredentials } from './own-credential.ts';
import { Peers } from './peers.ts';

const CHANNEL_MS = 30_000;
/** What judging a member fails with where documents are missing here; a liar fails with them too, and gains nothing. */
const UNJUDGEABLE = [
  'OOTO_CERT_ISSUER',
  'OOTO_CERT_EXPIRED',
  'OOTO_AUTHORITY_PROOFS',
  'OOTO_AUTHORITY_LOG',
  'OOTO_AUTHORITY_HEAD_STALE',
];

/** Whether a member may have been refused for want of documents. */
export function mayLackDocuments(error: unknown): boolean {
  return isOotoError(error) && UNJUDGEABLE.includes(error.code);
}

/**
 * Follows the authority as far as whoever answers at `address` shows it. Resolves to whether documents are new.
 * @param request by the identity key of this node, which it need not be given; the right to ask is that of `following`
 * @throws OOTO_MESH_*, OOTO_CHANNEL_*, OOTO_AUTHORITY_*, OOTO_ENVELOPE_* and what else speaks against them (peer).
 */
export async function catchUp(
  node: MeshNode,
  trust: MeshTrust,
  request: EnrolmentRequest,
  address: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { crypto, clock, logger, transport, signer, epochMs } = node.options;
  const { meshId } = trust.genesis;
  const own = await OwnCredentials.create(
    { crypto, clock, signer },
    {
      ...{ kind: 'enrol' as const, id: request.id, meshId, subject: request.digest },
      ...{ credential: request.encoded, notAfter: clock.now() + CHANNEL_MS },
    },
  );
  const handlers = { authenticated: () => undefined, ready() {}, refused() {}, answer: nothing };
  const peers = new Peers({ crypto, clock, logger, transport, epochMs, handlers });
  peers.join({ meshId, own: () => own.forChannel(), verifier: unjudged(crypto), accept: [] });
  try {
    const session = await peers.dial(meshId, address, undefined, { signal });
    return await node.following.catchUp(session);
  } finally {
    await peers.close();
  }
}

/** The peer holds the key of the certificate that it shows, whoever made that one. */
function unjudged(crypto: Crypto): CredentialVerifier {
  return ({ id, kind, credential }) => {
    const { tbs, claims } = readCertificate(readCredential(credential).certificate);
    const subject = crypto.sha256(tbs);
    return { id, kind, identityKey: claims.publicKey, subject, notAfter: claims.notAfter };
  };
}

async function nothing(): Promise<never> {
  throw new OotoError('OOTO_MESH_NOT_READY', 'local', 'this channel is for documents alone');
}
