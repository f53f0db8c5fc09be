/**
 * The three messages of key generation. What flows through here: in round 1 every member sends every other its
 * package (commitment, proof of knowledge) signed with its key-generation key; in round 2 one secret share to
 * each; in round 3 the list of what it received in round 1, and its signature over the whole. Each message
 * begins with its round and the ceremony it belongs to.
 */
import { concat, equal, u16be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type Committee, committeeDigest } from './committee.ts';
import { LABELS } from './labels.ts';

export type Round = 1 | 2 | 3;

/** What all messages of one run have in common. */
export interface Ceremony {
  readonly committee: Committee;
  readonly committeeDigest: Uint8Array;
  /** 32 bytes, new for every run. */
  readonly session: Uint8Array;
}

/** Round 1. */
export interface GenerationPackage {
  readonly commitment: readonly Uint8Array[];
  readonly proof: Uint8Array;
  /** Over {@link packageStatement}. */
  readonly signature: Uint8Array;
}

/** What a member received from another in round 1: digest of the package and that member's signature. */
export interface PackageReceipt {
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
}

/** Round 3: receipts in the order of the committee, and the signature over the statement of the certificate. */
export interface Certification {
  readonly receipts: readonly PackageReceipt[];
  readonly signature: Uint8Array;
}

export const SESSION_BYTES = 32;
const DIGEST_BYTES = 32;
const ELEMENT_BYTES = 32;
const SIGNATURE_BYTES = 64;
const SHARE_BYTES = 32;

/** @throws OOTO_THRESHOLD_SESSION (caller) unless the session is 32 bytes. */
export function createCeremony(crypto: Crypto, committee: Committee, session: Uint8Array): Ceremony {
  if (session.length !== SESSION_BYTES)
    throw new OotoError('OOTO_THRESHOLD_SESSION', 'caller', `a session of ${session.length} bytes`);
  return { committee, committeeDigest: committeeDigest(crypto, committee), session: session.slice() };
}

/** The digest that stands for a package in the transcript. */
export function packageDigest(
  crypto: Crypto,
  { commitment, proof }: Pick<GenerationPackage, 'commitment' | 'proof'>,
): Uint8Array {
  return crypto.sha256(concat(LABELS.generationPackage, u16be(commitment.length), ...commitment, proof));
}

/** What a member signs in round 1: that this is its one package in this run. */
export function packageStatement(ceremony: Ceremony, identifier: number, digest: Uint8Array): Uint8Array {
  return concat(
    LABELS.generationPackageStatement,
    ceremony.session,
    ceremony.committeeDigest,
    u16be(identifier),
    digest,
  );
}

export function encodePackage(ceremony: Ceremony, message: GenerationPackage): Uint8Array {
  const { commitment, proof, signature } = message;
  return concat(header(ceremony, 1), u16be(commitment.length), ...commitment, proof, signature);
}

/** @throws OOTO_THRESHOLD_ENCODING (peer) when the commitment is not of exactly `threshold` elements. */
export function decodePackage(ceremony: Ceremony, bytes: Uint8Array): GenerationPackage {
  const reader = afterHeader(ceremony, bytes);
  const count = reader.u16();
  if (count !== ceremony.committee.threshold)
    throw new OotoError(
      'OOTO_THRESHOLD_ENCODING',
      'peer',
      `a commitment of ${count} elements where the threshold is ${ceremony.committee.threshold}`,
    );
  const commitment = Array.from({ length: count }, () => reader.bytes(ELEMENT_BYTES));
  const proof = reader.bytes(SIGNATURE_BYTES);
  const signature = reader.bytes(SIGNATURE_BYTES);
  reader.end();
  return { commitment, proof, signature };
}

/** Secret: for `receiver` alone. */
export function encodeShare(ceremony: Ceremony, receiver: number, share: Uint8Array): Uint8Array {
  return concat(header(ceremony, 2), u16be(receiver), share);
}

/** The share; the caller wipes it. @throws OOTO_THRESHOLD_ENCODING (peer) when it is meant for another. */
export function decodeShare(ceremony: Ceremony, receiver: number, bytes: Uint8Array): Uint8Array {
  const reader = afterHeader(ceremony, bytes);
  if (reader.u16() !== receiver)
    throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', 'the share is meant for another member');
  const share = reader.bytes(SHARE_BYTES);
  reader.end();
  return share;
}

export function encodeCertification(ceremony: Ceremony, { receipts, signature }: Certification): Uint8Array {
  return concat(
    header(ceremony, 3),
    u16be(receipts.length),
    ...receipts.flatMap((receipt) => [receipt.digest, receipt.signature]),
    signature,
  );
}

/** @throws OOTO_THRESHOLD_ENCODING (peer) unless there is a receipt for every member. */
export function decodeCertification(ceremony: Ceremony, bytes: Uint8Array): Certification {
  const reader = afterHeader(ceremony, bytes);
  const count = reader.u16();
  if (count !== ceremony.committee.members.length)
    throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', `${count} receipts`);
  const receipts = Array.from({ length: count }, () => ({
    digest: reader.bytes(DIGEST_BYTES),
    signature: reader.bytes(SIGNATURE_BYTES),
  }));
  const signature = reader.bytes(SIGNATURE_BYTES);
  reader.end();
  return { receipts, signature };
}

/**
 * The round of a message of this ceremony.
 * @throws OOTO_THRESHOLD_SESSION (peer) when it belongs to another run or committee, OOTO_THRESHOLD_ENCODING for
 * no round.
 */
export function readRound(ceremony: Ceremony, bytes: Uint8Array): Round {
  const reader = new ByteReader(bytes);
  const round = reader.u8();
  const ofSession = equal(reader.bytes(SESSION_BYTES), ceremony.session);
  const ofCommittee = equal(reader.bytes(DIGEST_BYTES), ceremony.committeeDigest);
  if (!ofSession || !ofCommittee)
    throw new OotoError('OOTO_THRESHOLD_SESSION', 'peer', 'a message of another key generation');
  if (round !== 1 && round !== 2 && round !== 3)
    throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', `round ${round}`);
  return round;
}

function header({ session, committeeDigest }: Ceremony, round: Round): Uint8Array {
  return concat(Uint8Array.of(round), session, committeeDigest);
}

function afterHeader(ceremony: Ceremony, bytes: Uint8Array): ByteReader {
  readRound(ceremony, bytes);
  const reader = new ByteReader(bytes);
  reader.bytes(1 + SESSION_BYTES + DIGEST_BYTES);
  return reader;
}
