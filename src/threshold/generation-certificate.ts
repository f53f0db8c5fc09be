/**
 * The certificate of a key generation: the signatures of all members over one statement, which says that each saw
 * the same transcript, holds a share that fits, and agrees to this group key. What flows through here: members
 * sign the statement in round 3; whoever has all signatures has the certificate; anybody checks it.
 */
import { concat, lengthPrefixed, u16be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { MAX_MEMBERS, requireLabel } from './committee.ts';
import { type Ceremony, createCeremony, SESSION_BYTES } from './generation-message.ts';
import { LABELS } from './labels.ts';
import { encodePublicPackage, type PublicPackage } from './public-package.ts';
import { blame } from './refusal.ts';

export interface GenerationCertificate {
  readonly session: Uint8Array;
  /** Digest of all packages of round 1. */
  readonly transcript: Uint8Array;
  /** One by each member, in the order of the committee. */
  readonly signatures: readonly Uint8Array[];
}

const DIGEST_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** SHA-256 over the digests of all packages, in the order of the committee. */
export function transcriptDigest(
  crypto: Crypto,
  ceremony: Ceremony,
  packages: readonly Uint8Array[],
): Uint8Array {
  return crypto.sha256(
    concat(
      LABELS.generationTranscript,
      ceremony.session,
      ceremony.committeeDigest,
      u16be(packages.length),
      ...packages,
    ),
  );
}

/** What every member signs once its own share fits. */
export function generationStatement(
  ceremony: Ceremony,
  transcript: Uint8Array,
  publicPackage: PublicPackage,
): Uint8Array {
  return concat(
    LABELS.generationStatement,
    ceremony.session,
    ceremony.committeeDigest,
    transcript,
    lengthPrefixed(encodePublicPackage(publicPackage)),
  );
}

/**
 * Checks that every member of the committee certified this public package.
 * @throws OOTO_THRESHOLD_CERTIFICATE (peer) with the members whose signature is missing or wrong.
 */
export function verifyGenerationCertificate(
  crypto: Crypto,
  publicPackage: PublicPackage,
  { session, transcript, signatures }: GenerationCertificate,
): void {
  const { committee } = publicPackage;
  const message = generationStatement(createCeremony(crypto, committee, session), transcript, publicPackage);
  if (signatures.length !== committee.members.length)
    throw new OotoError('OOTO_THRESHOLD_CERTIFICATE', 'peer', `${signatures.length} signatures`);
  const wrong = crypto.ed25519.verifyBatch(
    committee.members.map(({ publicKey }, i) => ({ publicKey, message, signature: signatures[i] })),
  );
  if (wrong.length > 0)
    throw blame(
      'OOTO_THRESHOLD_CERTIFICATE',
      wrong.map((i) => committee.members[i].name),
      'did not certify this key',
    );
}

/** Canonical bytes. */
export function encodeGenerationCertificate(certificate: GenerationCertificate): Uint8Array {
  return concat(
    LABELS.generationCertificate,
    certificate.session,
    certificate.transcript,
    u16be(certificate.signatures.length),
    ...certificate.signatures,
  );
}

/** Reads a certificate strictly; {@link verifyGenerationCertificate} judges it. */
export function decodeGenerationCertificate(bytes: Uint8Array): GenerationCertificate {
  const reader = new ByteReader(bytes);
  requireLabel(reader, LABELS.generationCertificate);
  const session = reader.bytes(SESSION_BYTES);
  const transcript = reader.bytes(DIGEST_BYTES);
  const count = reader.u16();
  if (count > MAX_MEMBERS)
    throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', `a certificate of ${count} signatures`);
  const signatures = Array.from({ length: count }, () => reader.bytes(SIGNATURE_BYTES));
  reader.end();
  return { session, transcript, signatures };
}
