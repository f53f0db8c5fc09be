/**
 * The two messages of key generation. What flows through here: in round 1 every member sends every other its message
 * of COCKTAIL-DKG, signed with its key-generation key, so that also the sealed shares in it are its own word; in round
 * 2 the list of what it received in round 1, and its signature under the transcript. Each message begins with its
 * round and the ceremony it belongs to.
 */
import { concat, equal, u16be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import {
  type CocktailMessage,
  type CocktailSetup,
  cocktailSetup,
  encodeCocktailMessage,
  readCocktailMessage,
} from './cocktail.ts';
import { type Committee, committeeDigest } from './committee.ts';
import { LABELS } from './labels.ts';
import { SCHNORR_SIGNATURE_BYTES } from './schnorr.ts';
import { ENCRYPTED_SHARE_BYTES } from './share-encryption.ts';

export type Round = 1 | 2;

/** What all messages of one run have in common. */
export interface Ceremony {
  readonly committee: Committee;
  readonly committeeDigest: Uint8Array;
  /** 32 bytes, new for every run. */
  readonly session: Uint8Array;
  readonly setup: CocktailSetup;
}

/** Round 1. */
export interface GenerationPackage extends CocktailMessage {
  /** Over {@link packageStatement}. */
  readonly signature: Uint8Array;
}

/** What a member received from another in round 1: digest of the package and that member's signature. */
export interface PackageReceipt {
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
}

/** Round 2: receipts in the order of the committee, and the signature over the transcript. */
export interface Certification {
  readonly receipts: readonly PackageReceipt[];
  readonly signature: Uint8Array;
}

export const SESSION_BYTES = 32;
const DIGEST_BYTES = 32;

/**
 * @throws OOTO_THRESHOLD_SESSION (caller) unless the session is 32 bytes; OOTO_THRESHOLD_COMMITTEE (caller) unless
 * members are numbered 1, 2, … as COCKTAIL-DKG has its participants.
 */
export function createCeremony(crypto: Crypto, committee: Committee, session: Uint8Array): Ceremony {
  if (session.length !== SESSION_BYTES)
    throw new OotoError('OOTO_THRESHOLD_SESSION', 'caller', `a session of ${session.length} bytes`);
  if (committee.members.some(({ identifier }, i) => identifier !== i + 1))
    throw new OotoError('OOTO_THRESHOLD_COMMITTEE', 'caller', 'key generation numbers its members from 1');
  const digest = committeeDigest(crypto, committee);
  const keys = committee.members.map(({ publicKey }) => publicKey);
  const sessionId = concat(LABELS.generationSession, session, digest);
  const setup = cocktailSetup(crypto, sessionId, committee.threshold, keys);
  return { committee, committeeDigest: digest, session: session.slice(), setup };
}

/** The digest that stands for a package in receipts. */
export function packageDigest(crypto: Crypto, message: CocktailMessage): Uint8Array {
  return crypto.sha256(concat(LABELS.generationPackage, encodeCocktailMessage(message)));
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

/** The extension of the transcript: with it the certificate binds the sealed shares too. */
export function packagesDigest(crypto: Crypto, digests: readonly Uint8Array[]): Uint8Array {
  return crypto.sha256(concat(LABELS.generationPackages, u16be(digests.length), ...digests));
}

export function encodePackage(ceremony: Ceremony, message: GenerationPackage): Uint8Array {
  return concat(header(ceremony, 1), encodeCocktailMessage(message), message.signature);
}

/** @throws OOTO_THRESHOLD_ENCODING or OOTO_BASE_ errors (peer). */
export function decodePackage(ceremony: Ceremony, bytes: Uint8Array): GenerationPackage {
  const reader = afterHeader(ceremony, bytes);
  const message = readCocktailMessage(reader, ceremony.setup, ENCRYPTED_SHARE_BYTES);
  const signature = reader.bytes(SCHNORR_SIGNATURE_BYTES);
  reader.end();
  return { ...message, signature };
}

export function encodeCertification(ceremony: Ceremony, { receipts, signature }: Certification): Uint8Array {
  return concat(
    header(ceremony, 2),
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
    signature: reader.bytes(SCHNORR_SIGNATURE_BYTES),
  }));
  const signature = reader.bytes(SCHNORR_SIGNATURE_BYTES);
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
  if (round !== 1 && round !== 2) throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', `round ${round}`);
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
