/**
 * What members of the authority challenge an applicant with. What flows through here: each member gives a nonce, and where
 * the request names a TPM what only that TPM opens; a coordinator carries them all as one list, which the applicant reads.
 */
import type { CborValue } from '../envelope/cbor.ts';
import { bytes, bytesBetween, type Fields, list, object, optional, text } from '../envelope/fields.ts';

/** One member's challenge: its nonce, and where the request names a TPM what only that TPM opens. */
export interface MemberChallenge {
  member: string;
  nonce: Uint8Array;
  sealed?: Sealed;
}

export const sealedShape = {
  credential: bytesBetween(1, 1024),
  encryptedSeed: bytesBetween(1, 1024),
} as const;
type Sealed = Fields<typeof sealedShape>;

/** As the applicant reads them. */
export const challengeList = list(
  object({ member: text(63), nonce: bytes(32), sealed: optional(object(sealedShape)) }),
  { min: 1, max: 64 },
);

/** As a coordinator carries them. */
export function plainChallenges(challenges: readonly MemberChallenge[]): CborValue {
  return challenges.map(({ member, nonce, sealed }) => ({
    member,
    nonce,
    ...(sealed ? { sealed: { ...sealed } } : {}),
  }));
}
