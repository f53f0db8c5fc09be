/**
 * The four messages of signing. What flows through here, in order: the coordinator asks for a commitment; the
 * member answers with a fresh one; the coordinator sends the list of all signers' commitments; the member answers
 * with its share. Every message begins with the same binding: key and committee epoch (as the digest of the public
 * package), session, attempt, and the digest of what is signed.
 */
import { concat, equal, u16be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { MAX_MEMBERS, requireLabel } from './committee.ts';
import type { NonceCommitment } from './frost.ts';
import { LABELS } from './labels.ts';

export type SigningKind = 'commitment-request' | 'commitment' | 'share-request' | 'share';

/** What one attempt to sign is about; both sides must mean the same. */
export interface SigningBinding {
  /** Of the public package, which holds committee, epoch and group key. */
  readonly publicDigest: Uint8Array;
  /** 32 bytes, chosen by the coordinator, never used before. */
  readonly session: Uint8Array;
  readonly messageDigest: Uint8Array;
  /** 1, 2, …: each has nonces of its own. */
  readonly attempt: number;
}

export const SIGNING_SESSION_BYTES = 32;
/** No message of this room is longer. */
export const MAX_SIGNING_MESSAGE_BYTES = 8192;
const DIGEST_BYTES = 32;
const ELEMENT_BYTES = 32;
const SHARE_BYTES = 32;
const KINDS: readonly SigningKind[] = ['commitment-request', 'commitment', 'share-request', 'share'];

/** The digest under which both sides speak of a message to be signed. */
export function signingMessageDigest(crypto: Crypto, message: Uint8Array): Uint8Array {
  return crypto.sha256(concat(LABELS.signingMessage, message));
}

export function encodeCommitmentRequest(binding: SigningBinding): Uint8Array {
  return header('commitment-request', binding);
}

export function encodeCommitment(binding: SigningBinding, commitment: NonceCommitment): Uint8Array {
  return concat(header('commitment', binding), commitmentBytes(commitment));
}

export function encodeShareRequest(binding: SigningBinding, list: readonly NonceCommitment[]): Uint8Array {
  return concat(header('share-request', binding), u16be(list.length), ...list.map(commitmentBytes));
}

export function encodeSignatureShare(binding: SigningBinding, share: Uint8Array): Uint8Array {
  return concat(header('share', binding), share);
}

/** What a message says beyond its binding. */
export type SigningBody =
  | { kind: 'commitment-request' }
  | { kind: 'commitment'; commitment: NonceCommitment }
  | { kind: 'share-request'; commitments: NonceCommitment[] }
  | { kind: 'share'; share: Uint8Array };

/**
 * Reads any message of signing strictly; whether elements and scalars are good is for the machines to judge.
 * @throws OOTO_THRESHOLD_ENCODING (peer) or OOTO_BASE_ errors.
 */
export function decodeSigningMessage(bytes: Uint8Array): { binding: SigningBinding; body: SigningBody } {
  if (bytes.length > MAX_SIGNING_MESSAGE_BYTES)
    throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', `a message of ${bytes.length} bytes`);
  const reader = new ByteReader(bytes);
  const kind = KINDS[reader.u8()];
  if (!kind) throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', 'a message of no known kind');
  requireLabel(reader, LABELS.signingMessage);
  const binding = {
    publicDigest: reader.bytes(DIGEST_BYTES),
    session: reader.bytes(SIGNING_SESSION_BYTES),
    messageDigest: reader.bytes(DIGEST_BYTES),
    attempt: reader.u16(),
  };
  const body = readBody(kind, reader);
  reader.end();
  return { binding, body };
}

/** The session that a message of signing belongs to, for whoever hands messages to the machines. */
export function signingSession(bytes: Uint8Array): Uint8Array {
  return decodeSigningMessage(bytes).binding.session;
}

/** Whether two bindings are the same in every part. */
export function sameBinding(a: SigningBinding, b: SigningBinding): boolean {
  return (
    a.attempt === b.attempt &&
    equal(a.publicDigest, b.publicDigest) &&
    equal(a.session, b.session) &&
    equal(a.messageDigest, b.messageDigest)
  );
}

/** Whether two commitments are the same in every part. */
export function sameCommitment(a: NonceCommitment, b: NonceCommitment): boolean {
  return a.identifier === b.identifier && equal(a.hiding, b.hiding) && equal(a.binding, b.binding);
}

function readBody(kind: SigningKind, reader: ByteReader): SigningBody {
  if (kind === 'commitment-request') return { kind };
  if (kind === 'commitment') return { kind, commitment: readCommitment(reader) };
  if (kind === 'share') return { kind, share: reader.bytes(SHARE_BYTES) };
  const count = reader.u16();
  if (count > MAX_MEMBERS) throw new OotoError('OOTO_THRESHOLD_ENCODING', 'peer', `${count} commitments`);
  return { kind, commitments: Array.from({ length: count }, () => readCommitment(reader)) };
}

function readCommitment(reader: ByteReader): NonceCommitment {
  return {
    identifier: reader.u16(),
    hiding: reader.bytes(ELEMENT_BYTES),
    binding: reader.bytes(ELEMENT_BYTES),
  };
}

function header(kind: SigningKind, binding: SigningBinding): Uint8Array {
  return concat(
    Uint8Array.of(KINDS.indexOf(kind)),
    LABELS.signingMessage,
    binding.publicDigest,
    binding.session,
    binding.messageDigest,
    u16be(binding.attempt),
  );
}

function commitmentBytes({ identifier, hiding, binding }: NonceCommitment): Uint8Array {
  return concat(u16be(identifier), hiding, binding);
}
