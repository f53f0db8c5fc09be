/**
 * A node as a third party comes to know it: id, credential and delegation, without a channel. What flows through
 * here: the credential is judged at a given time, the delegation against it; out come role and message key.
 */
import { type ValidCredential, validateCredential } from '../authority/credential.ts';
import type { Delegation } from '../channel/delegation.ts';
import { readDelegation, verifyDelegation } from '../channel/delegation.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { MeshTrust } from './identity.ts';

export interface Party {
  id: string;
  credential: Uint8Array;
  delegation: Uint8Array;
}

export interface JudgedParty {
  role: string;
  messageKey: Uint8Array;
  credential: ValidCredential;
  delegation: Delegation;
}

/** Who this was at `time` (milliseconds since 1970). @throws as judging a credential and a delegation throws (peer). */
export function judgeParty(
  crypto: Crypto,
  trust: Pick<MeshTrust, 'genesis' | 'root'>,
  party: Party,
  time: number,
): JudgedParty {
  const credential = validateCredential(crypto, trust, party.credential, { time, expectedId: party.id });
  const statement = readDelegation(party.delegation);
  const delegation = verifyDelegation(crypto, statement, {
    meshId: trust.genesis.meshId,
    noiseStatic: statement.unverified.noiseStatic,
    identityKey: credential.publicKey,
    subject: credential.tbsSha256,
    identityNotAfter: credential.notAfter,
    wall: time,
  });
  return { role: credential.role, messageKey: delegation.messageKey, credential, delegation };
}
