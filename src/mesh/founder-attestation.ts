/**
 * Founders attest each other before there is a mesh. What flows through here: the genesis draft stands where a
 * mesh and certificates will stand later; each founder is named by the draft, with the keys of
 * its TPM if it has one, and the draft's policy says what may run. That those keys are in a TPM is shown first when
 * certificates are issued: until then a founder shows what a measured node shows, and counts as `software`.
 */
import type { AttestationOptions } from '../attest/attestation.ts';
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
    peer: founderPeer(crypto, { digest, founders }, peer),
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

/** Whom one founder asks. */
export function founderPeer(
  crypto: Crypto,
  { digest, founders }: Pick<FounderAttestation, 'digest' | 'founders'>,
  { identity, delegation }: Peer,
): AttestationOptions['peer'] {
  const tpm = founders.find(({ name }) => name === identity.id)?.tpm;
  return {
    meshId: digest,
    nodeId: identity.id,
    role: 'authority',
    tier: tpm ? 'measured' : 'software',
    isUnproven: true,
    key: { algorithm: 'ed25519', bytes: delegation.messageKey },
    subject: founderSubject(crypto, digest, identity.id),
  };
}

function founderSubject(crypto: Crypto, digest: Uint8Array, name: string): Uint8Array {
  return crypto.sha256(concat(digest, lengthPrefixed(utf8(name))));
}
