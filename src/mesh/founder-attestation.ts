/**
 * Founders attest each other before there is a mesh. What flows through here: the genesis draft stands where a
 * mesh and certificates will stand later; each founder is named by the draft, with the keys of
 * its TPM if it has one, and the draft's policy says what may run.
 */
import type { Founder } from '../authority/genesis.ts';
import { concat, lengthPrefixed, utf8 } from '../base/bytes.ts';
import type { Peer } from '../channel/credential.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { SessionAttestation } from './attestation.ts';
import type { Attester } from './attester.ts';
import type { OwnCredentials } from './own-credential.ts';
import { appraisalPolicy, type Policy } from './policy.ts';
import type { Session } from './session.ts';
import type { TpmClocks } from './tpm-clocks.ts';

export interface FounderAttestation {
  /** Digest of the genesis draft. */
  digest: Uint8Array;
  policy: Policy;
  founders: readonly Founder[];
  own: OwnCredentials;
}

/** Attestation on a channel between two founders; the draft says which of them have TPMs, and which keys. */
export function founderAttestation(
  { crypto, attester, clocks }: { crypto: Crypto; attester: Attester; clocks: TpmClocks },
  { digest, policy, own, founders }: FounderAttestation,
  session: Session,
  peer: Peer,
): SessionAttestation {
  const { id } = own.presentation;
  const tpm = founders.find(({ name }) => name === peer.identity.id)?.tpm;
  return new SessionAttestation({
    crypto,
    channel: session.channel,
    ownSubject: founderSubject(crypto, digest, id),
    peer: {
      meshId: digest,
      nodeId: peer.identity.id,
      role: 'authority',
      tier: tpm ? 'measured' : 'software',
      key: { algorithm: 'ed25519', bytes: peer.delegation.messageKey },
      subject: founderSubject(crypto, digest, peer.identity.id),
    },
    tpm: tpm && {
      keys: {
        identityKey: peer.identity.identityKey.bytes,
        attestationKey: crypto.sha256(tpm.attestationKey),
      },
      clocks,
    },
    policy: appraisalPolicy(policy, 2 * policy.attestationIntervalMs),
    intervalMs: policy.attestationIntervalMs,
    attester,
  });
}

function founderSubject(crypto: Crypto, digest: Uint8Array, name: string): Uint8Array {
  return crypto.sha256(concat(digest, lengthPrefixed(utf8(name))));
}
