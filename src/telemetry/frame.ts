/**
 * What a telemetry chain consists of. What flows through here: a *link* states that records were appended and
 * which head that makes; a *checkpoint* states how far the chain goes and when the next checkpoint comes. Each is
 * signed by the node's message key and travels as a frame, with the records of a link beside it and, where the
 * key is new, the credential that gives it. Frames of a node are numbered without gaps, through restarts. Read
 * strictly: a frame has one spelling.
 */
import { concat, utf8 } from '../base/bytes.ts';
import { isOotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../envelope/cbor.ts';
import {
  bytes,
  bytesBetween,
  type Fields,
  list,
  object,
  optional,
  type Reader,
  text,
  uint,
  variant,
} from '../envelope/fields.ts';
import type { SigningKey } from '../envelope/keys.ts';
import { label } from '../envelope/labels.ts';
import { refusal } from './errors.ts';

export const MAX_RECORD_BYTES = 1 << 20;
export const MAX_LINK_RECORDS = 4096;
/** Bytes of all records of one link. */
export const MAX_LINK_BYTES = 4 << 20;
export const MAX_TELEMETRY_CREDENTIAL_BYTES = 256 << 10;
export const MAX_FRAME_BYTES = MAX_LINK_BYTES + MAX_TELEMETRY_CREDENTIAL_BYTES + (64 << 10);
export const BOOT_ID_BYTES = 16;
const MAX_NODE_BYTES = 2048;
const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;

const common = {
  /** SPIFFE id. */
  node: text(MAX_NODE_BYTES),
  /** Random, one per run of the node. */
  boot: bytes(BOOT_ID_BYTES),
  /** Number of the frame in the node's chain, from 0. */
  sequence: uint(),
  /** Milliseconds since 1970; never before that of the frame before. */
  time: uint(),
  /** SHA-256 of the credential that gives the signing key. */
  credential: bytes(HASH_BYTES),
  /** Of the hash chain, after the records that `records` counts. */
  head: bytes(HASH_BYTES),
} as const;

const linkBody = {
  ...common,
  /** Records in the chain before this link. */
  before: uint(),
  /** Records of this link: one is chained alone, several as a batch. */
  count: uint(MAX_LINK_RECORDS),
} as const;

const checkpointBody = {
  ...common,
  /** Records in the chain. */
  records: uint(),
  /** RFC 6962 root over all records of the chain. */
  root: bytes(HASH_BYTES),
  /** Milliseconds since 1970 before which the next checkpoint comes. */
  next: uint(),
} as const;

const credential = optional(bytesBetween(1, MAX_TELEMETRY_CREDENTIAL_BYTES));
const signature = bytes(SIGNATURE_BYTES);

const readFrame = variant('kind', {
  link: {
    body: object(linkBody),
    signature,
    credential,
    records: list(bytesBetween(1, MAX_RECORD_BYTES), { min: 1, max: MAX_LINK_RECORDS }),
  },
  checkpoint: { body: object(checkpointBody), signature, credential },
});

/** Reads a statement that stands alone, without records. */
export const readStatement: Reader<Statement> = variant('kind', {
  link: { body: object(linkBody), signature, credential },
  checkpoint: { body: object(checkpointBody), signature, credential },
});

export type Link = Fields<typeof linkBody>;
export type Checkpoint = Fields<typeof checkpointBody>;

interface Signed<Kind extends string, Body> {
  kind: Kind;
  body: Body;
  signature: Uint8Array;
  /** Present where the frame before, if any, was signed under another credential. */
  credential?: Uint8Array;
}
export interface LinkFrame extends Signed<'link', Link> {
  records: Uint8Array[];
}
export type CheckpointFrame = Signed<'checkpoint', Checkpoint>;
export type Frame = LinkFrame | CheckpointFrame;

/** A frame without what its signature does not cover directly: enough to show what a node has signed. */
export type Statement = Signed<'link', Link> | Signed<'checkpoint', Checkpoint>;

/** The bytes that the signature covers. */
export function statementBytes({ kind, body }: Pick<Statement, 'kind' | 'body'>): Uint8Array {
  return concat(label(kind === 'link' ? 'telemetry-record' : 'telemetry-checkpoint'), encode({ ...body }));
}

/** Signs a link and puts its records beside it. */
export function signLink(key: SigningKey, body: Link, records: Uint8Array[]): LinkFrame {
  return { kind: 'link', body, signature: key.sign(statementBytes({ kind: 'link', body })), records };
}

export function signCheckpoint(key: SigningKey, body: Checkpoint): CheckpointFrame {
  return { kind: 'checkpoint', body, signature: key.sign(statementBytes({ kind: 'checkpoint', body })) };
}

export function encodeFrame(frame: Frame): Uint8Array {
  return encode({ ...frame, body: { ...frame.body } } as unknown as CborValue);
}

/**
 * The frame in `encoded`; nothing of it is verified. `node` is who is said to have sent it.
 * @throws OOTO_TELEMETRY_FRAME (peer).
 */
export function decodeFrame(encoded: Uint8Array, node: string): Frame {
  try {
    const frame: Frame = readFrame(decode(encoded, { maxBytes: MAX_FRAME_BYTES }), 'frame');
    return frame;
  } catch (cause) {
    const why = isOotoError(cause) ? cause.message : 'not readable';
    throw refusal('OOTO_TELEMETRY_FRAME', node, `no frame: ${why}`, cause);
  }
}

/** The head of a chain without records: no two nodes begin alike. */
export function firstHead(crypto: Crypto, node: string): Uint8Array {
  return crypto.sha256(concat(label('telemetry-chain'), utf8(node)));
}
