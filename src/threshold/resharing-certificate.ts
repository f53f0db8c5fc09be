/**
 * The certificate of a resharing: the signatures of ALL new members under one transcript, which says what each dealer
 * contributed, and that each new member holds a share that fits. What flows through here: whoever has all signatures
 * has the certificate; anybody who has the package before checks it, and computes the new package from it. Without it
 * nobody switches: a part of the new committee alone cannot take the key along and leave others without.
 */
import { concat, equal, u16be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { MAX_MEMBERS, requireLabel } from './committee.ts';
import { encodeContribution, readContribution } from './dealing.ts';
import { type GenerationCertificate, requireCertified } from './generation-certificate.ts';
import { SESSION_BYTES } from './generation-message.ts';
import { LABELS } from './labels.ts';
import { groupKey, type PublicPackage } from './public-package.ts';
import { resharingCeremony } from './resharing-plan.ts';
import { SCHNORR_SIGNATURE_BYTES } from './schnorr.ts';

export interface ResharingCertificate extends GenerationCertificate {
  /** Identifiers of who dealt, in rising order; so are the contributions. Signatures are in the order of the new committee. */
  readonly dealers: readonly number[];
}

const DIGEST_BYTES = 32;

/**
 * Checks that `next` is a sharing of the key of `previous` that t of its members dealt to all members of `next`, in the
 * epoch that follows, and that every one of these certified it.
 * @throws OOTO_THRESHOLD_CERTIFICATE (peer) with the members whose part is missing or wrong; OOTO_THRESHOLD_COMMITTEE,
 * OOTO_THRESHOLD_DEALERS, OOTO_THRESHOLD_SESSION for what no ceremony may be.
 */
export function verifyResharingCertificate(
  crypto: Crypto,
  previous: PublicPackage,
  next: PublicPackage,
  certificate: ResharingCertificate,
): void {
  const { session, dealers, contributions, signatures } = certificate;
  const ceremony = resharingCeremony(crypto, { previous, next: next.committee, dealers, session });
  if (contributions.length !== dealers.length || signatures.length !== next.committee.members.length)
    throw new OotoError('OOTO_THRESHOLD_CERTIFICATE', 'peer', `${signatures.length} signatures`);
  requireCertified(crypto, ceremony, next, certificate);
  if (!equal(groupKey(previous), groupKey(next)))
    throw new OotoError('OOTO_THRESHOLD_CERTIFICATE', 'peer', 'a resharing keeps the key');
}

/** Canonical bytes. */
export function encodeResharingCertificate(certificate: ResharingCertificate): Uint8Array {
  const { session, dealers, contributions, packages, signatures } = certificate;
  return concat(
    LABELS.resharingCertificate,
    session,
    u16be(dealers.length),
    ...dealers.map(u16be),
    u16be(contributions[0].commitment.length),
    ...contributions.map(encodeContribution),
    packages,
    u16be(signatures.length),
    ...signatures,
  );
}

/** Reads a certificate strictly; {@link verifyResharingCertificate} judges it. @throws OOTO_THRESHOLD_ENCODING (peer). */
export function decodeResharingCertificate(bytes: Uint8Array): ResharingCertificate {
  const reader = new ByteReader(bytes);
  requireLabel(reader, LABELS.resharingCertificate);
  const session = reader.bytes(SESSION_BYTES);
  const dealers = Array.from({ length: readCount(reader) }, () => reader.u16());
  const threshold = readCount(reader);
  const contributions = dealers.map(() => readContribution(reader, threshold));
  const packages = reader.bytes(DIGEST_BYTES);
  const signatures = Array.from({ length: readCount(reader) }, () => reader.bytes(SCHNORR_SIGNATURE_BYTES));
  reader.end();
  return { session, dealers, contributions, packages, signatures };
}

function readCount(reader: ByteReader): number {
  const count = reader.u16();
  if (count > MAX_MEMBERS)
    throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', `${count} of a certificate`);
  return count;
}
