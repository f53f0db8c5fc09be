/**
 * Founders attest each other before there is a mesh. What flows through here: the genesis draft stands where a
 * mesh and certificates will stand later; each founder is named by the draft, and its policy says what may run.
 */
import type { SoftwareClaims } from '../attest/evidence.ts';
import { concat, lengthPrefixed, utf8 } from '../base/bytes.ts';
import type { Peer } from '../channel/credential.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { SessionAttestation } from './attestation.ts';
import type { OwnCredentials } from './own-credential.ts';
import type { Policy } from './policy.ts';
import type { Session } from './session.ts';

export interface FounderAttestation {
  /** Digest of the genesis draft. */
  digest: Uint8Array;
  policy: Policy;
  own: OwnCredentials;
}

/** What is asked of the node itself. */
interface Claimant {
  readonly options: { readonly crypto: Crypto };
  /** The software that runs here, as evidence states it. */
  claims(meshId: Uint8Array, node: string): SoftwareClaims;
}

/** Attestation on a channel between two founders. */
export function founderAttestation(
  node: Claimant,
  { digest, policy, own }: FounderAttestation,
  session: Session,
  peer: Peer,
): SessionAttestation {
  const { crypto } = node.options;
  const { id } = own.presentation;
  return new SessionAttestation({
    crypto,
    channel: session.channel,
    ownSubject: founderSubject(crypto, digest, id),
    peer: {
      meshId: digest,
      nodeId: peer.identity.id,
      tier: 'software',
      key: { algorithm: 'ed25519', bytes: peer.delegation.messageKey },
      subject: founderSubject(crypto, digest, peer.identity.id),
    },
    policy: {
      manifests: policy.manifests,
      minimumTier: 'software',
      maximumAgeMs: 2 * policy.attestationIntervalMs,
    },
    intervalMs: policy.attestationIntervalMs,
    claims: () => node.claims(digest, id),
    messageKey: own.messageKey,
  });
}

function founderSubject(crypto: Crypto, digest: Uint8Array, name: string): Uint8Array {
  return crypto.sha256(concat(digest, lengthPrefixed(utf8(name))));
}
