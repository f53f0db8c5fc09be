/**
 * The certificate of a key generation: the signatures of all members under one transcript, which says what each
 * contributed, and that each holds a share that fits. What flows through here: members sign the transcript in round
 * 2; whoever has all signatures has the certificate; anybody checks it, and computes the public package from it.
 */
import { concat, equal, u16be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type Committee, MAX_MEMBERS, requireLabel } from './committee.ts';
import { type Contribution, encodeContribution, readContribution, verifyContribution } from './dealing.ts';
import { type Ceremony, createCeremony, SESSION_BYTES } from './generation-message.ts';
import { LABELS } from './labels.ts';
import { sumOfCommitments } from './polynomial.ts';
import { encodePublicPackage, type PublicPackage } from './public-package.ts';
import { blame } from './refusal.ts';
import { SCHNORR_SIGNATURE_BYTES, schnorrVerify } from './schnorr.ts';

export interface GenerationCertificate {
  readonly session: Uint8Array;
  /** One by each member, in the order of the committee; so are the signatures. */
  readonly contributions: readonly Contribution[];
  /** Digest of all packages of round 1, 32 bytes. */
  readonly packages: Uint8Array;
  /** Under the transcript. */
  readonly signatures: readonly Uint8Array[];
}

const DIGEST_BYTES = 32;

/** The key, or the new sharing of it, that these contributions add up to. */
export function generatedPackage(
  crypto: Crypto,
  committee: Committee,
  contributions: readonly Contribution[],
): PublicPackage {
  const commitments = contributions.map(({ commitment }) => commitment);
  return { committee, commitment: sumOfCommitments(crypto, commitments) };
}

/**
 * Checks that every member of the committee contributed to this public package and certified it.
 * @throws OOTO_THRESHOLD_CERTIFICATE (peer) with the members whose part is missing or wrong.
 */
export function verifyGenerationCertificate(
  crypto: Crypto,
  publicPackage: PublicPackage,
  certificate: GenerationCertificate,
): void {
  const { committee } = publicPackage;
  const { session, contributions, signatures } = certificate;
  if (contributions.length !== committee.members.length || signatures.length !== committee.members.length)
    throw new OotoError('OOTO_THRESHOLD_CERTIFICATE', 'peer', `${signatures.length} signatures`);
  const ceremony = createCeremony(crypto, committee, session);
  requireCertified(crypto, ceremony, publicPackage, certificate);
}

/**
 * Checks that every dealer dealt what it had to, that every receiver certified it, and that it adds up to
 * `publicPackage`; there are as many contributions as dealers, and as many signatures as receivers.
 * @throws OOTO_THRESHOLD_CERTIFICATE (peer) with the members whose part is missing or wrong.
 */
export function requireCertified(
  crypto: Crypto,
  ceremony: Ceremony,
  publicPackage: PublicPackage,
  { contributions, packages, signatures }: Omit<GenerationCertificate, 'session'>,
): void {
  const { committee, dealers } = ceremony;
  const transcript = ceremony.transcript(contributions, packages);
  const wrong = [
    ...dealers.filter((_, i) => isRefused(() => verifyDealt(crypto, ceremony, i, contributions[i]))),
    ...committee.members.filter(({ publicKey }, i) =>
      isRefused(() => schnorrVerify(crypto, publicKey, transcript, signatures[i])),
    ),
  ];
  if (wrong.length > 0)
    throw blame(
      'OOTO_THRESHOLD_CERTIFICATE',
      [...new Set(wrong.map(({ name }) => name))],
      'did not certify this key',
    );
  const generated = generatedPackage(crypto, committee, contributions);
  if (!equal(encodePublicPackage(generated), encodePublicPackage(publicPackage)))
    throw new OotoError('OOTO_THRESHOLD_CERTIFICATE', 'peer', 'another key was certified');
}

/**
 * Checks what the dealer at `index` shows to all.
 * @throws OOTO_THRESHOLD_ENCODING, OOTO_THRESHOLD_CONSTANT, OOTO_CRYPTO_KEY, OOTO_CRYPTO_SIGNATURE (peer).
 */
export function verifyDealt(
  crypto: Crypto,
  { dealing, constants }: Ceremony,
  index: number,
  contribution: Contribution,
): void {
  verifyContribution(crypto, dealing, contribution);
  if (constants && !equal(contribution.commitment[0], constants[index]))
    throw new OotoError('OOTO_THRESHOLD_CONSTANT', 'peer', 'shares out another secret than its share');
}

/** Canonical bytes. */
export function encodeGenerationCertificate(certificate: GenerationCertificate): Uint8Array {
  const { session, contributions, packages, signatures } = certificate;
  return concat(
    LABELS.generationCertificate,
    session,
    u16be(contributions.length),
    u16be(contributions[0].commitment.length),
    ...contributions.map(encodeContribution),
    packages,
    ...signatures,
  );
}

/** Reads a certificate strictly; {@link verifyGenerationCertificate} judges it. */
export function decodeGenerationCertificate(bytes: Uint8Array): GenerationCertificate {
  const reader = new ByteReader(bytes);
  requireLabel(reader, LABELS.generationCertificate);
  const session = reader.bytes(SESSION_BYTES);
  const [count, threshold] = [reader.u16(), reader.u16()];
  if (count > MAX_MEMBERS || threshold > count)
    throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', `a certificate of ${threshold} of ${count}`);
  const contributions = Array.from({ length: count }, () => readContribution(reader, threshold));
  const packages = reader.bytes(DIGEST_BYTES);
  const signatures = Array.from({ length: count }, () => reader.bytes(SCHNORR_SIGNATURE_BYTES));
  reader.end();
  return { session, contributions, packages, signatures };
}

function isRefused(check: () => void): boolean {
  try {
    check();
    return false;
  } catch {
    return true;
  }
}
