/**
 * A node as a third party comes to know it: id, credential and delegation, without a channel. What flows through
 * here: the credential is judged at a given time, the delegation against it; out come role and message key.
 */
import { type ValidCredential, validateCredential } from '../authority/credential.ts';
import type { Delegation } from '../channel/delegation.ts';
import { readDelegation, verifyDelegation } from '../channel/delegation.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { bytesBetween, type Fields, text } from '../envelope/fields.ts';
import type { MeshTrust } from './identity.ts';

export const partyShape = {
  id: text(2048),
  credential: bytesBetween(1, 60 * 1024),
  delegation: bytesBetween(1, 1024),
} as const;

export type Party = Fields<typeof partyShape>;

export interface JudgedParty {
  role: string;
  messageKey: Uint8Array;
  credential: ValidCredential;
  delegation: Delegation;
}

/**
 * Who this was at `time` (milliseconds since 1970).
 * @param isPast it is judged as it was then, whatever was revoked since
 * @throws as judging a credential and a delegation throws (peer).
 */
export function judgeParty(
  crypto: Crypto,
  trust: Pick<MeshTrust, 'authority'>,
  party: Party,
  time: number,
  isPast = false,
): JudgedParty {
  const credential = validateCredential(crypto, trust, party.credential, {
    ...{ time, expectedId: party.id, isPast },
  });
  const statement = readDelegation(party.delegation);
  const delegation = verifyDelegation(crypto, statement, {
    meshId: trust.authority.meshId,
    noiseStatic: statement.unverified.noiseStatic,
    identityKey: credential.publicKey,
    subject: credential.tbsSha256,
    identityNotAfter: credential.notAfter,
    wall: time,
  });
  return { role: credential.role, messageKey: delegation.messageKey, credential, delegation };
}
