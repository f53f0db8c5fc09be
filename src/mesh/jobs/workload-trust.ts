/**
 * Whom workloads are believed of, in this mesh. What flows through here: the policy names originators and their
 * keys; a scheduler or worker is a live, attested member of that role, known by the message key of its session; a
 * definition is logged when the logs of t members hold it.
 */

import { logProofs, requireLogged } from '../../authority/credential.ts';
import { equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { decode } from '../../envelope/cbor.ts';
import type { VerificationKey } from '../../envelope/keys.ts';
import type { VerifiedDefinition } from '../../workload/definition.ts';
import { knownPeer, type MeshTrust } from '../identity.ts';
import type { MeshNode } from '../node.ts';
import type { Session } from '../session.ts';

const MOST_PROOF_BYTES = 256 * 1024;

/** The message key of a live member of this role. @throws OOTO_MESH_NOT_LIVE (peer). */
export function liveKey(node: MeshNode, id: string, role: string): VerificationKey {
  return { algorithm: 'ed25519', bytes: liveSession(node, id, role).peer.delegation.messageKey };
}

/** The session with a live member of this role. @throws OOTO_MESH_NOT_LIVE, OOTO_MESH_ROLE (peer). */
export function liveSession(node: MeshNode, id: string, role: string): Session {
  const session = node.peers.with(node.trust.genesis.meshId, id);
  if (!session) throw new OotoError('OOTO_MESH_NOT_LIVE', 'peer', `there is no live session with ${id}`);
  if (knownPeer(session.peer).role !== role)
    throw new OotoError('OOTO_MESH_ROLE', 'peer', `${id} is no ${role}`);
  return session;
}

/** @throws OOTO_AUTHORITY_PROOFS, OOTO_LOG_* (peer) unless the logs of t members hold the definition. */
export function requireDefinitionLogged(
  crypto: Crypto,
  { authority }: Pick<MeshTrust, 'authority'>,
  { digest, originator }: Pick<VerifiedDefinition, 'digest' | 'originator'>,
  proofs: Uint8Array,
): void {
  const read = logProofs(decode(proofs, { maxBytes: MOST_PROOF_BYTES }), 'definition proofs');
  requireLogged(
    crypto,
    authority,
    read,
    (leaf) => leaf.kind === 'definition' && equal(leaf.digest, digest) && leaf.originator === originator,
  );
}
