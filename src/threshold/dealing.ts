/**
 * One member's part in making the key: its secret polynomial. What flows through here: the polynomial is drawn,
 * committed to with a proof of knowledge, evaluated once for every other member, and summed with what the others
 * dealt; then it is erased. noble holds the coefficients as big integers, of which copies may outlive the erasure.
 */
import { wipe } from '../base/disposal.ts';
import type { Crypto } from '../crypto/crypto.ts';
import {
  type DKG_Round1,
  type DKG_Secret,
  type FrostPublic,
  type FrostSecret,
  frost,
} from '../crypto/frost.ts';
import type { Committee } from './committee.ts';
import { frostIdentifier } from './public-package.ts';

/** Another member's public part. */
export interface DealtPackage {
  readonly identifier: number;
  readonly commitment: readonly Uint8Array[];
  readonly proof: Uint8Array;
}

export class Dealing implements Disposable {
  readonly commitment: readonly Uint8Array[];
  readonly proof: Uint8Array;
  readonly #secret: DKG_Secret;

  constructor(crypto: Crypto, committee: Committee, identifier: number) {
    const signers = { min: committee.threshold, max: committee.members.length };
    const random = (length?: number) => crypto.random.bytes(length ?? 32);
    const dealt = frost.DKG.round1(frostIdentifier(identifier), signers, undefined, random as never);
    this.commitment = dealt.public.commitment;
    this.proof = dealt.public.proofOfKnowledge;
    this.#secret = dealt.secret;
  }

  /** One secret share for each of the others, in their order; noble checks commitments and proofs once more. */
  deal(others: readonly DealtPackage[]): Uint8Array[] {
    const dealt = frost.DKG.round2(this.#secret, others.map(round1));
    return others.map(({ identifier }) => {
      const { signingShare } = dealt[frostIdentifier(identifier)];
      const share = signingShare.slice();
      wipe(signingShare);
      return share;
    });
  }

  /** The group's commitment and this member's share of the key, from what the others dealt, in their order. */
  combine(
    others: readonly DealtPackage[],
    shares: readonly Uint8Array[],
  ): { commitment: Uint8Array[]; scalar: Uint8Array } {
    const round2 = others.map(({ identifier }, i) => ({
      identifier: frostIdentifier(identifier),
      signingShare: shares[i],
    }));
    const key = frost.DKG.round3(this.#secret, others.map(round1), round2 as never);
    return { commitment: key.public.commitments, scalar: key.secret.signingShare };
  }

  [Symbol.dispose](): void {
    frost.DKG.clean(this.#secret);
  }
}

/**
 * Checks a share, dealt or summed, against the commitment to its polynomial (RFC 9591 appendix C.2, vss_verify).
 * @throws noble's error when it does not fit.
 */
export function checkDealtShare(
  { threshold, members }: Committee,
  receiver: number,
  commitment: readonly Uint8Array[],
  share: Uint8Array,
): void {
  frost.validateSecret(
    { identifier: frostIdentifier(receiver), signingShare: share } as FrostSecret,
    {
      signers: { min: threshold, max: members.length },
      commitments: [...commitment],
      verifyingShares: {},
    } as FrostPublic,
  );
}

function round1({ identifier, commitment, proof }: DealtPackage): DKG_Round1 {
  return {
    identifier: frostIdentifier(identifier),
    commitment: [...commitment],
    proofOfKnowledge: proof,
  } as DKG_Round1;
}
