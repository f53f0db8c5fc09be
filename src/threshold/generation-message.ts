/**
 * The two messages of key generation and of resharing. What flows through here: in round 1 every dealer sends every
 * receiver what it deals, signed with its key-generation key, so that also the sealed shares in it are its own word; in
 * round 2 every receiver sends every other the list of what it received in round 1, and its signature under the
 * transcript. In key generation all members are both. Each message begins with its round and the ceremony it belongs to.
 */
import { concat, equal, u16be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CocktailSetup, cocktailDealing, cocktailSetup, cocktailTranscript } from './cocktail.ts';
import { type Committee, type CommitteeMember, committeeDigest } from './committee.ts';
import {
  type Contribution,
  type Dealing,
  type DealtMessage,
  encodeDealtMessage,
  readDealtMessage,
} from './dealing.ts';
import { LABELS } from './labels.ts';
import { SCHNORR_SIGNATURE_BYTES } from './schnorr.ts';
import { ENCRYPTED_SHARE_BYTES } from './share-encryption.ts';

export type Round = 1 | 2;

/** What all messages of one run are bound to. */
export interface Run {
  /** Who sends in round 1. */
  readonly dealers: readonly CommitteeMember[];
  /** Of all that was agreed on before: in key generation the committee, else the plan. */
  readonly digest: Uint8Array;
  /** 32 bytes, new for every run. */
  readonly session: Uint8Array;
}

/** A run that ends with a share for every member of a committee. */
export interface Ceremony extends Run {
  /** Who will hold the shares. */
  readonly committee: Committee;
  readonly dealing: Dealing;
  /** What every receiver signs once its own share fits. */
  transcript(contributions: readonly Contribution[], packages: Uint8Array): Uint8Array;
  /** What dealers must have shared, in their order; in key generation anything. */
  readonly constants?: readonly Uint8Array[];
}

/** A run of key generation. */
export interface GenerationCeremony extends Ceremony {
  readonly setup: CocktailSetup;
}

/** Round 1. */
export interface GenerationPackage extends DealtMessage {
  /** Over {@link packageStatement}. */
  readonly signature: Uint8Array;
}

/** What a member received from another in round 1: digest of the package and that member's signature. */
export interface PackageReceipt {
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
}

/** Round 2: receipts in the order of the dealers, and the signature over the transcript. */
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
export function createCeremony(
  crypto: Crypto,
  committee: Committee,
  session: Uint8Array,
): GenerationCeremony {
  if (session.length !== SESSION_BYTES)
    throw new OotoError('OOTO_THRESHOLD_SESSION', 'caller', `a session of ${session.length} bytes`);
  if (committee.members.some(({ identifier }, i) => identifier !== i + 1))
    throw new OotoError('OOTO_THRESHOLD_COMMITTEE', 'caller', 'key generation numbers its members from 1');
  const digest = committeeDigest(crypto, committee);
  const keys = committee.members.map(({ publicKey }) => publicKey);
  const sessionId = concat(LABELS.generationSession, session, digest);
  const setup = cocktailSetup(crypto, sessionId, committee.threshold, keys);
  return {
    committee,
    dealers: committee.members,
    digest,
    session: session.slice(),
    dealing: cocktailDealing(setup),
    setup,
    transcript: (contributions, packages) => cocktailTranscript(setup, contributions, packages),
  };
}

/** The digest that stands for a package in receipts. */
export function packageDigest(crypto: Crypto, message: DealtMessage): Uint8Array {
  return crypto.sha256(concat(LABELS.generationPackage, encodeDealtMessage(message)));
}

/** What a member signs in round 1: that this is its one package in this run. */
export function packageStatement(ceremony: Run, identifier: number, digest: Uint8Array): Uint8Array {
  return concat(
    LABELS.generationPackageStatement,
    ceremony.session,
    ceremony.digest,
    u16be(identifier),
    digest,
  );
}

/** The extension of the transcript: with it the certificate binds the sealed shares too. */
export function packagesDigest(crypto: Crypto, digests: readonly Uint8Array[]): Uint8Array {
  return crypto.sha256(concat(LABELS.generationPackages, u16be(digests.length), ...digests));
}

export function encodePackage(ceremony: Ceremony, message: GenerationPackage): Uint8Array {
  return concat(header(ceremony, 1), encodeDealtMessage(message), message.signature);
}

/** @throws OOTO_THRESHOLD_ENCODING or OOTO_BASE_ errors (peer). */
export function decodePackage(ceremony: Ceremony, bytes: Uint8Array): GenerationPackage {
  const reader = afterHeader(ceremony, bytes);
  const message = readDealtMessage(reader, ceremony.dealing, ENCRYPTED_SHARE_BYTES);
  const signature = reader.bytes(SCHNORR_SIGNATURE_BYTES);
  reader.end();
  return { ...message, signature };
}

export function encodeCertification(ceremony: Ceremony, { receipts, signature }: Certification): Uint8Array {
  return concat(header(ceremony, 2), encodeReceipts(receipts), signature);
}

/** @throws OOTO_THRESHOLD_ENCODING (peer) unless there is a receipt for every dealer. */
export function decodeCertification(ceremony: Ceremony, bytes: Uint8Array): Certification {
  const reader = afterHeader(ceremony, bytes);
  const receipts = readReceipts(reader, ceremony);
  const signature = reader.bytes(SCHNORR_SIGNATURE_BYTES);
  reader.end();
  return { receipts, signature };
}

export function encodeReceipts(receipts: readonly PackageReceipt[]): Uint8Array {
  return concat(
    u16be(receipts.length),
    ...receipts.flatMap((receipt) => [receipt.digest, receipt.signature]),
  );
}

/** @throws OOTO_THRESHOLD_ENCODING (peer) unless there is a receipt for every dealer. */
export function readReceipts(reader: ByteReader, { dealers }: Run): PackageReceipt[] {
  const count = reader.u16();
  if (count !== dealers.length) throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', `${count} receipts`);
  return dealers.map(() => ({
    digest: reader.bytes(DIGEST_BYTES),
    signature: reader.bytes(SCHNORR_SIGNATURE_BYTES),
  }));
}

/**
 * The round of a message of this ceremony.
 * @throws OOTO_THRESHOLD_SESSION (peer) when it belongs to another run or committee, OOTO_THRESHOLD_ENCODING for
 * no round.
 */
export function readRound(ceremony: Run, bytes: Uint8Array): Round {
  const reader = new ByteReader(bytes);
  const round = reader.u8();
  const ofSession = equal(reader.bytes(SESSION_BYTES), ceremony.session);
  const ofPlan = equal(reader.bytes(DIGEST_BYTES), ceremony.digest);
  if (!ofSession || !ofPlan)
    throw new OotoError('OOTO_THRESHOLD_SESSION', 'peer', 'a message of another ceremony');
  if (round !== 1 && round !== 2) throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', `round ${round}`);
  return round;
}

/** What every message begins with. */
export function header({ session, digest }: Run, round: Round): Uint8Array {
  return concat(Uint8Array.of(round), session, digest);
}

/** A reader of what stands behind the header. @throws as {@link readRound}. */
export function afterHeader(ceremony: Run, bytes: Uint8Array): ByteReader {
  readRound(ceremony, bytes);
  const reader = new ByteReader(bytes);
  reader.bytes(1 + SESSION_BYTES + DIGEST_BYTES);
  return reader;
}
