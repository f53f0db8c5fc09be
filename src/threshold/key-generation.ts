/**
 * Key generation without a dealer (COCKTAIL-DKG), one member's side: {@link CertifiedDealing} in which every member
 * deals a secret of its own to all, and the key is the sum of what nobody knows whole.
 *
 * The caller sends each message to the one member it names, over a channel that says who sends, and stores `pending`
 * durably before it sends the messages of round 2: whoever crashes then finishes with the certificate of another
 * member (`verifyGenerationCertificate`), or gets the share anew from what was sealed for it (`recoverShare`).
 */
import type { Crypto } from '../crypto/crypto.ts';
import { CertifiedDealing } from './certified-dealing.ts';
import { admitCommittee, type Committee, memberNamed } from './committee.ts';
import { createCeremony } from './generation-message.ts';
import type { KeyGenerationKey } from './key-generation-key.ts';
import { SecretPolynomial } from './polynomial.ts';

export interface KeyGenerationOptions {
  crypto: Crypto;
  /** Its members are numbered from 1. */
  committee: Committee;
  /** 32 bytes that all members agree on, never used before. */
  session: Uint8Array;
  /** This member's name in the committee. */
  name: string;
  /** This member's key; lent. */
  key: KeyGenerationKey;
  /** Milliseconds, on the clock that `tick` is given, after which the run ends; never, when absent. */
  deadline?: number;
}

export class KeyGeneration extends CertifiedDealing {
  /** @throws OOTO_THRESHOLD_COMMITTEE, OOTO_THRESHOLD_MEMBER or OOTO_THRESHOLD_SESSION for options that do not fit. */
  constructor({ crypto, committee, session, name, key, deadline }: KeyGenerationOptions) {
    admitCommittee(crypto, committee);
    memberNamed(committee, name);
    super({
      crypto,
      ceremony: createCeremony(crypto, committee, session),
      name,
      key,
      polynomial: () => SecretPolynomial.random(crypto, committee.threshold),
      deadline,
    });
  }
}
