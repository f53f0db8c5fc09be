/**
 * Signed statements: one body, one signature. What flows through here: a body is signed behind the label of its
 * kind and written as `{body, signature}`; a reader takes the bytes apart strictly, may look into the
 * unverified body for who claims to have signed, and gets the body as true only against that party's key.
 */
import { concat } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, decode, encode } from './cbor.ts';
import { anything, bytes as bytesOf, fields, type Reader } from './fields.ts';
import { type SigningKey, type VerificationKey, verifySignature } from './keys.ts';
import { type LabelKind, label } from './labels.ts';

/** A statement whose signature nobody has checked yet. */
export interface UnverifiedStatement<T> {
  /** What is claimed; for finding the key, for nothing else. */
  readonly unverified: T;
  /** The bytes signed: label and encoded body. */
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** The bytes that a statement's signature covers. */
export function statementMessage(kind: LabelKind, body: CborValue): Uint8Array {
  return concat(label(kind), encode(body));
}

/** Signs and encodes a statement. */
export function signStatement(kind: LabelKind, body: CborValue, key: SigningKey): Uint8Array {
  return encodeStatement(body, key.sign(statementMessage(kind, body)));
}

/** Encodes a statement whose signature (64 bytes) came from a job. */
export function encodeStatement(body: CborValue, signature: Uint8Array): Uint8Array {
  return encode({ body, signature });
}

/**
 * Reads a statement of this kind.
 * @throws OOTO_ENVELOPE_SIZE, OOTO_ENVELOPE_CBOR, OOTO_ENVELOPE_FIELD (peer).
 */
export function readStatement<T>(
  kind: LabelKind,
  encoded: Uint8Array,
  { body, maxBytes }: { body: Reader<T>; maxBytes: number },
): UnverifiedStatement<T> {
  const read = fields(decode(encoded, { maxBytes }), { body: anything, signature: bytesOf(64) }, kind);
  return {
    unverified: body(read.body, kind),
    message: statementMessage(kind, read.body),
    signature: read.signature,
  };
}

/**
 * The body, once `key` is shown to have signed it.
 * @throws OOTO_ENVELOPE_SIGNATURE (peer).
 */
export function verifyStatement<T>(
  crypto: Crypto,
  statement: UnverifiedStatement<T>,
  key: VerificationKey,
): T {
  verifySignature(crypto, key, statement.message, statement.signature);
  return statement.unverified;
}
