/**
 * DSSE v1 envelopes (secure-systems-lab/dsse, protocol.md and envelope.md). What flows through here: a payload
 * with its type is signed through the pre-authentication encoding and written as one canonical JSON object; a
 * verifier takes such an object, the keys and types it trusts, and gets the payload back only when every listed
 * signature holds over the decoded bytes.
 */
import { concat, utf8, utf8Decode } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { base64, unbase64 } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { fields, list, object, text } from './fields.ts';
import type { SigningKey } from './keys.ts';
import { MAX_SIGNATURES, type Quorum, verifyQuorum } from './quorum.ts';

/** The JSON form; `payload` and `sig` are canonical base64 with padding. */
export interface Envelope {
  payload: string;
  payloadType: string;
  signatures: { keyid: string; sig: string }[];
}

export interface EnvelopeSigner {
  keyid: string;
  key: SigningKey;
}

export interface EnvelopePolicy extends Quorum {
  /** The types that this verifier can read; any other is refused before a signature is looked at. */
  payloadTypes: readonly string[];
}

export interface VerifiedEnvelope {
  payloadType: string;
  payload: Uint8Array;
  /** Who signed. */
  keyids: string[];
}

const MAX_NAME_BYTES = 256;
const SIGNATURE_TEXT = 88;

/** Pre-authentication encoding: `DSSEv1 SP LEN(type) SP type SP LEN(body) SP body` (protocol.md). */
export function pae(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = utf8(payloadType);
  return concat(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${payload.length} `), payload);
}

/** An envelope around `payload`, signed by each of `signers` in turn. */
export function signEnvelope(
  payloadType: string,
  payload: Uint8Array,
  signers: readonly EnvelopeSigner[],
): Envelope {
  const message = pae(payloadType, payload);
  const signatures = signers.map(({ keyid, key }) => ({ keyid, sig: base64(key.sign(message)) }));
  return { payload: base64(payload), payloadType, signatures };
}

/** The one text form: members in this order, no white space. */
export function formatEnvelope({ payload, payloadType, signatures }: Envelope): Uint8Array {
  const ordered = signatures.map(({ keyid, sig }) => ({ keyid, sig }));
  return utf8(JSON.stringify({ payload, payloadType, signatures: ordered }));
}

/**
 * The envelope in `bytes`, unverified.
 * @throws OOTO_ENVELOPE_SIZE, OOTO_ENVELOPE_DSSE, OOTO_ENVELOPE_FIELD (peer).
 */
export function parseEnvelope(bytes: Uint8Array, { maxBytes }: { maxBytes: number }): Envelope {
  if (bytes.length > maxBytes)
    throw new OotoError('OOTO_ENVELOPE_SIZE', 'peer', `an envelope of ${bytes.length} bytes is too large`);
  const { json, value } = parseJson(bytes);
  const envelope = fields(
    value,
    {
      payload: text(maxBytes),
      payloadType: text(MAX_NAME_BYTES),
      signatures: list(object({ keyid: text(MAX_NAME_BYTES), sig: text(SIGNATURE_TEXT) }), {
        min: 1,
        max: MAX_SIGNATURES,
      }),
    },
    'envelope',
  );
  if (utf8Decode(formatEnvelope(envelope)) !== json) throw malformed('it is not in the canonical text form');
  return envelope;
}

/**
 * Judges an envelope: its type is one we read, its base64 is canonical, every listed signature verifies over
 * the decoded bytes, and enough distinct keys have signed.
 * @throws OOTO_ENVELOPE_PAYLOAD_TYPE, _DSSE, _DUPLICATE, _UNKNOWN_KEY, _SIGNATURE, _THRESHOLD (peer); _QUORUM (caller).
 */
export function verifyEnvelope(crypto: Crypto, envelope: Envelope, policy: EnvelopePolicy): VerifiedEnvelope {
  const { payloadType } = envelope;
  if (!policy.payloadTypes.includes(payloadType))
    throw new OotoError(
      'OOTO_ENVELOPE_PAYLOAD_TYPE',
      'peer',
      `payload type ${JSON.stringify(payloadType.slice(0, MAX_NAME_BYTES))} is not accepted here`,
    );
  const payload = canonicalBase64(envelope.payload);
  const signatures = envelope.signatures.map(({ keyid, sig }) => ({
    keyid,
    signature: canonicalBase64(sig),
  }));
  const keyids = verifyQuorum(crypto, pae(payloadType, payload), signatures, policy);
  return { payloadType, payload, keyids };
}

function parseJson(bytes: Uint8Array): { json: string; value: unknown } {
  try {
    const json = utf8Decode(bytes);
    return { json, value: JSON.parse(json) };
  } catch (cause) {
    throw malformed('it is not JSON', cause);
  }
}

function canonicalBase64(encoded: string): Uint8Array {
  try {
    return unbase64(encoded);
  } catch (cause) {
    throw malformed('it holds base64 that is not canonical', cause);
  }
}

function malformed(what: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_ENVELOPE_DSSE', 'peer', `not an envelope: ${what}`, { cause });
}
