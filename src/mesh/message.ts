/**
 * What two nodes say to each other inside a channel. What flows through here: a request {id, operation, body},
 * a response {id, body} or {id, refusal}, or a step of mutual attestation, each one deterministic CBOR behind one
 * byte that tells which. A refusal carries a stable code and a sentence; the channel has told the caller already
 * whom it is talking to.
 */
import { MAX_EVIDENCE_BYTES } from '../attest/evidence.ts';
import { concat } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { type CborValue, decode, encode } from '../envelope/cbor.ts';
import { anything, bytesBetween, type Fields, fields, text, uint } from '../envelope/fields.ts';

/** The channel's own limit on a message. */
export const MOST_MESSAGE_BYTES = 16 * 1024 * 1024;
const CODE = /^OOTO_[A-Z0-9_]{1,80}$/;
/** Half a character, as cutting leaves it: no UTF-8 has it. */
/** What no text of the encoding may hold: surrogates without their other half, and a byte order mark in front. */
const UNENCODABLE = /\p{Cs}|^\uFEFF/gu;

const shapes = {
  request: { id: uint(), operation: text(64), body: anything },
  response: { id: uint(), body: anything },
  refusal: { id: uint(), code: text(96, CODE), message: text(1024) },
  attestation: { body: bytesBetween(1, MAX_EVIDENCE_BYTES + 1024) },
} as const;

const NO_ANSWER = 'the node could not answer';

type Kind = keyof typeof shapes;
const KINDS: readonly Kind[] = ['attestation', 'request', 'response', 'refusal'];

export type Message = { [K in Kind]: { kind: K } & Fields<(typeof shapes)[K]> }[Kind];

export function encodeMessage(message: Message): Uint8Array {
  const { kind, ...content } = message;
  return concat(Uint8Array.of(KINDS.indexOf(kind)), encode(content as CborValue));
}

/** @throws OOTO_MESH_MESSAGE, OOTO_ENVELOPE_* (peer). */
export function decodeMessage(bytes: Uint8Array): Message {
  const kind = bytes.length > 0 ? KINDS[bytes[0]] : undefined;
  if (!kind) throw new OotoError('OOTO_MESH_MESSAGE', 'peer', 'a message of no known kind');
  const content = decode(bytes.subarray(1), { maxBytes: MOST_MESSAGE_BYTES });
  return { kind, ...fields(content, shapes[kind], kind) } as Message;
}

/** The refusal that stands for `error`; what is not ours to tell becomes one code. */
export function refusalOf(id: number, error: unknown): Message {
  if (error instanceof OotoError) {
    const message = (isForPeers(error) ? error.message : NO_ANSWER)
      .slice(0, 256)
      .replace(UNENCODABLE, '\ufffd');
    return { kind: 'refusal', id, code: error.code, message };
  }
  return { kind: 'refusal', id, code: 'OOTO_MESH_INTERNAL', message: NO_ANSWER };
}

/** Misuse inside this program, and what the system said (with its paths), are for the log of this node alone. */
function isForPeers({ fault, cause }: OotoError): boolean {
  return fault === 'peer' || (fault !== 'caller' && (cause === undefined || cause instanceof OotoError));
}
