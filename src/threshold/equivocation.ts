/**
 * Who told two members different things in round 1. What flows through here: the receipts that another member
 * lists in round 2 are held against one's own; where they differ, the signature under the other's receipt decides
 * whether the package's maker made two, or the lister invented one.
 */
import { compare, equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type PackageReceipt, packageStatement, type Run } from './generation-message.ts';
import { schnorrVerify } from './schnorr.ts';

/** Two packages of one member in one run, each under its signature. */
export interface Equivocation {
  readonly identifier: number;
  readonly receipts: readonly [PackageReceipt, PackageReceipt];
}

/** What the difference between two members' receipts shows. */
export type Difference =
  | { kind: 'none' }
  | { kind: 'equivocation'; name: string; evidence: Equivocation }
  | { kind: 'invention' };

/** Compares `theirs` with `mine`, both in the order of the dealers. */
export function compareReceipts(
  crypto: Crypto,
  ceremony: Run,
  mine: readonly PackageReceipt[],
  theirs: readonly PackageReceipt[],
): Difference {
  for (const [i, { name, identifier }] of ceremony.dealers.entries()) {
    if (equal(mine[i].digest, theirs[i].digest)) continue;
    const evidence: Equivocation = { identifier, receipts: [mine[i], theirs[i]] };
    return isSigned(crypto, ceremony, evidence)
      ? { kind: 'equivocation', name, evidence }
      : { kind: 'invention' };
  }
  return { kind: 'none' };
}

/**
 * Judges evidence on its own: both packages differ and both are signed by the member for this run.
 * @throws OOTO_THRESHOLD_EVIDENCE (peer) when it shows nothing.
 */
export function verifyEquivocation(crypto: Crypto, ceremony: Run, evidence: Equivocation): void {
  const [first, second] = evidence.receipts;
  if (compare(first.digest, second.digest) === 0 || !isSigned(crypto, ceremony, evidence))
    throw new OotoError('OOTO_THRESHOLD_EVIDENCE', 'peer', 'this shows no equivocation');
}

function isSigned(crypto: Crypto, ceremony: Run, { identifier, receipts }: Equivocation): boolean {
  const member = ceremony.dealers.find((candidate) => candidate.identifier === identifier);
  if (!member) return false;
  try {
    for (const { digest, signature } of receipts)
      schnorrVerify(crypto, member.publicKey, packageStatement(ceremony, identifier, digest), signature);
    return true;
  } catch {
    return false;
  }
}
