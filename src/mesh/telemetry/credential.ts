/**
 * Whose telemetry it is. What flows through here: a node shows its certificate with proofs and its delegation beside
 * its chain; whoever follows the chain judges both at the time of each statement, as with any third party.
 */
import { encodeCredential, readCredential } from '../../authority/credential.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { decode, encode } from '../../envelope/cbor.ts';
import { bytesBetween, fields } from '../../envelope/fields.ts';
import type { CredentialJudge } from '../../telemetry/index.ts';
import type { MeshTrust } from '../identity.ts';
import type { OwnCredentials } from '../own-credential.ts';
import { judgeParty, partyShape } from '../party.ts';

const MOST_BYTES = 64 * 1024;

/** What this node shows: without the mesh head, which changes more often than the certificate. */
export function telemetryCredential(own: OwnCredentials): Uint8Array {
  const { certificate, proofs } = readCredential(own.presentation.credential);
  return encode({
    credential: encodeCredential({ certificate, proofs, head: null }),
    delegation: own.delegation,
  });
}

/** Judges what {@link telemetryCredential} makes, for the mesh that `trust` gives when it is asked. */
export function telemetryJudge(crypto: Crypto, trust: () => MeshTrust): CredentialJudge {
  return (encoded, { node, time }) => {
    const shown = fields(
      decode(encoded, { maxBytes: MOST_BYTES }),
      { credential: partyShape.credential, delegation: bytesBetween(1, 1024) },
      'telemetry credential',
    );
    const { messageKey, delegation } = judgeParty(crypto, trust(), { id: node, ...shown }, time);
    return { publicKey: messageKey, notBefore: delegation.notBefore, notAfter: delegation.notAfter };
  };
}
