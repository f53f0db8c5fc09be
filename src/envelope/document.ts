/**
 * Signed versioned documents: policy, committee, trust bundle, mesh head and their like. What flows through
 * here: {kind, version, body} is signed by a quorum of named keys, each signature gathered on its own, and
 * written with the signatures in the order of their names; a verifier names the kind it expects and the keys it
 * trusts, and follows versions one step at a time.
 */
import { compare, concat, utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, decode, encode } from './cbor.ts';
import { anything, bytes as bytesOf, fields, list, object, type Reader, text, uint } from './fields.ts';
import { type LabelKind, label } from './labels.ts';
import { MAX_SIGNATURES, type NamedSignature, type Quorum, verifyQuorum } from './quorum.ts';

/** What is signed. Versions count from 1. */
export interface DocumentDraft {
  kind: LabelKind;
  version: number;
  body: CborValue;
}

export interface SignedDocument extends DocumentDraft {
  /** Strictly ascending by the UTF-8 bytes of their names. */
  signatures: NamedSignature[];
}

export interface DocumentPolicy<T> extends Quorum {
  kind: LabelKind;
  body: Reader<T>;
}

export interface VerifiedDocument<T> {
  version: number;
  body: T;
  /** SHA-256 of the signed bytes: the same whoever signed. */
  digest: Uint8Array;
  /** Who signed. */
  keyids: string[];
}

const MAX_KEYID_BYTES = 256;

/** The bytes that each signature covers: the kind's label, then the encoded {body, version}. */
export function documentMessage({ kind, version, body }: DocumentDraft): Uint8Array {
  return concat(label(kind), encode({ body, version }));
}

/** `document` with one more signature in its place; an earlier one under the same name is replaced. */
export function withSignature(
  document: DocumentDraft & { signatures?: readonly NamedSignature[] },
  signature: NamedSignature,
): SignedDocument {
  const { kind, version, body } = document;
  const others = (document.signatures ?? []).filter(({ keyid }) => keyid !== signature.keyid);
  return { kind, version, body, signatures: [...others, signature].sort(byName) };
}

/** The CBOR form: {body, kind, signatures: [{keyid, signature}], version}. */
export function encodeDocument({ kind, version, body, signatures }: SignedDocument): Uint8Array {
  return encode({
    kind,
    version,
    body,
    signatures: signatures.map(({ keyid, signature }) => ({ keyid, signature })),
  });
}

/**
 * The document in `encoded`, unverified.
 * @throws OOTO_ENVELOPE_SIZE, OOTO_ENVELOPE_CBOR, OOTO_ENVELOPE_FIELD, OOTO_ENVELOPE_ORDER (peer).
 */
export function decodeDocument(encoded: Uint8Array, { maxBytes }: { maxBytes: number }): SignedDocument {
  const signature = object({ keyid: text(MAX_KEYID_BYTES), signature: bytesOf(64) });
  const document = fields(
    decode(encoded, { maxBytes }),
    {
      kind: text(64),
      version: uint(),
      body: anything,
      signatures: list(signature, { min: 1, max: MAX_SIGNATURES }),
    },
    'document',
  );
  const { signatures } = document;
  if (signatures.some((entry, i) => i > 0 && byName(signatures[i - 1], entry) >= 0))
    throw refuse('OOTO_ENVELOPE_ORDER', 'signatures of a document ascend by name');
  return { ...document, kind: document.kind as LabelKind };
}

/**
 * Judges a document: it is of the kind expected, every listed signature verifies, enough keys have signed, and
 * the body has its shape.
 * @throws OOTO_ENVELOPE_KIND, _FIELD, _DUPLICATE, _UNKNOWN_KEY, _SIGNATURE, _THRESHOLD (peer); _QUORUM (caller).
 */
export function verifyDocument<T>(
  crypto: Crypto,
  document: SignedDocument,
  policy: DocumentPolicy<T>,
): VerifiedDocument<T> {
  if (document.kind !== policy.kind)
    throw refuse('OOTO_ENVELOPE_KIND', `a document of another kind where "${policy.kind}" is expected`);
  if (document.version < 1) throw refuse('OOTO_ENVELOPE_VERSION', 'versions count from 1');
  const message = documentMessage(document);
  const keyids = verifyQuorum(crypto, message, document.signatures, policy);
  const body = policy.body(document.body, policy.kind);
  return { version: document.version, body, digest: crypto.sha256(message), keyids };
}

/**
 * A document may only follow the one right before it: none is skipped, none comes twice, none goes back.
 * @throws OOTO_ENVELOPE_VERSION (peer).
 */
export function requireSuccessor(current: { version: number }, next: { version: number }): void {
  if (next.version !== current.version + 1)
    throw refuse(
      'OOTO_ENVELOPE_VERSION',
      `version ${next.version} does not follow version ${current.version}`,
    );
}

function byName(a: { keyid: string }, b: { keyid: string }): number {
  return compare(utf8(a.keyid), utf8(b.keyid));
}

function refuse(code: string, message: string): OotoError {
  return new OotoError(code, 'peer', message);
}
