/**
 * The public half of a group key: the committee and the commitment to the shared polynomial. What flows through
 * here: key generation makes one, it is stored and published, and everybody who signs or checks shares reads it.
 * Verifying shares are not stored but evaluated from the commitment, so they cannot disagree with it.
 */
import { concat, u16be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import {
  admitCommittee,
  type Committee,
  encodeCommittee,
  MAX_MEMBERS,
  readCommittee,
  requireLabel,
} from './committee.ts';
import { LABELS } from './labels.ts';
import { evaluateCommitment } from './polynomial.ts';

export interface PublicPackage {
  readonly committee: Committee;
  /** One element per coefficient, `threshold` of them; the first is the group key. */
  readonly commitment: readonly Uint8Array[];
}

const ELEMENT_BYTES = 32;

/** The Ed25519 public key that the committee signs for. */
export function groupKey(publicPackage: PublicPackage): Uint8Array {
  return publicPackage.commitment[0];
}

/** Canonical bytes. */
export function encodePublicPackage({ committee, commitment }: PublicPackage): Uint8Array {
  return concat(LABELS.publicPackage, encodeCommittee(committee), u16be(commitment.length), ...commitment);
}

/**
 * Reads a public package strictly.
 * @throws OOTO_THRESHOLD_COMMITTEE, OOTO_THRESHOLD_ENCODING, OOTO_CRYPTO_KEY or an OOTO_BASE_ error.
 */
export function decodePublicPackage(crypto: Crypto, bytes: Uint8Array): PublicPackage {
  const reader = new ByteReader(bytes);
  requireLabel(reader, LABELS.publicPackage);
  const committee = readCommittee(reader);
  const count = reader.u16();
  if (count > MAX_MEMBERS) throw notOfThreshold(count, committee);
  const commitment = Array.from({ length: count }, () => reader.bytes(ELEMENT_BYTES));
  reader.end();
  return admitPublicPackage(crypto, { committee, commitment });
}

/** Checks the committee, and that the commitment is of exactly `threshold` elements. */
export function admitPublicPackage(crypto: Crypto, publicPackage: PublicPackage): PublicPackage {
  const { committee, commitment } = publicPackage;
  admitCommittee(crypto, committee);
  if (commitment.length !== committee.threshold) throw notOfThreshold(commitment.length, committee);
  for (const element of commitment) crypto.edwards25519.admitElement(element);
  crypto.ed25519.admitKey(groupKey(publicPackage));
  return publicPackage;
}

/** SHA-256 of the canonical bytes: names committee, epoch and group key at once. */
export function publicPackageDigest(crypto: Crypto, publicPackage: PublicPackage): Uint8Array {
  return crypto.sha256(encodePublicPackage(publicPackage));
}

/** The element that the share of each member commits to, by identifier. */
export function verifyingShares(
  crypto: Crypto,
  { committee, commitment }: PublicPackage,
): Map<number, Uint8Array> {
  return new Map(
    committee.members.map(({ identifier }) => [
      identifier,
      evaluateCommitment(crypto, commitment, identifier),
    ]),
  );
}

function notOfThreshold(count: number, { threshold }: Committee): OotoError {
  return new OotoError(
    'OOTO_THRESHOLD_ENCODING',
    'peer',
    `a commitment of ${count} elements where the threshold is ${threshold}`,
  );
}
