/**
 * Frames of streams: each is one message of the channel. What flows through here: a type, the number of a stream and
 * what belongs to the type are written before the bytes, into a buffer that serves again; what the peer sends is taken
 * apart strictly, its bytes as views. Layouts are those of docs/protocol.md.
 */
import { readU32be, utf8, utf8Decode } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { MAX_DEADLINE_MS, MAX_NAME_BYTES } from './bounds.ts';

export const TYPE = { message: 0, open: 1, request: 2, data: 3, credit: 4, stop: 5, reset: 6 } as const;
/** The sender's direction ends with this frame. */
export const END = 0x80;
/** A part ends with the bytes of this frame: streams are bytes, but borders may be marked in them. */
export const BORDER = 0x40;
const MARKS = END | BORDER;

/** Why a stream was given up. */
export const RESET = {
  cancelled: 0,
  deadline: 1,
  /** Nobody answers to that name. */
  method: 2,
  /** The answering side does not want more at the moment. */
  busy: 3,
  /** The handler failed; its code and message may follow. */
  failed: 4,
} as const;
export type ResetCode = (typeof RESET)[keyof typeof RESET];

const MAX_CODE_BYTES = 96;
const MAX_MESSAGE_BYTES = 1024;
/** The form of a handler's code on the wire. */
export const REFUSAL_CODE = /^OOTO_[A-Z0-9_]{1,80}$/;

/** A reset, with what a handler said about its failure. */
export interface Reset {
  readonly code: ResetCode;
  /** A stable code `OOTO_…` of the peer's, or empty. */
  readonly refusal: string;
  readonly message: string;
}

/** Bytes of a stream with what was marked at their end. */
export interface Piece {
  readonly bytes: Uint8Array;
  readonly border: boolean;
}

interface StreamBytes {
  readonly stream: number;
  readonly bytes: Uint8Array;
  readonly border: boolean;
  readonly end: boolean;
}

export type Frame =
  | ({ readonly type: 'open'; readonly name: string; readonly deadlineMs: number | undefined } & StreamBytes)
  | ({ readonly type: 'data' } & StreamBytes)
  | { readonly type: 'credit'; readonly stream: number; readonly bytes: number }
  | { readonly type: 'stop'; readonly stream: number }
  | { readonly type: 'reset'; readonly stream: number; readonly reset: Reset };

/** What stands before the bytes of a data frame. */
export const DATA_HEADER_BYTES = 5;
/** What stands at most before the bytes of an open frame or a request. */
export const MAX_HEADER_BYTES = 10 + MAX_NAME_BYTES;

/** @throws OOTO_STREAM_FRAME (peer) for whatever is not exactly one frame. */
export function readFrame(frame: Uint8Array): Frame {
  if (frame.length === 0) throw malformed('is empty');
  const type = frame[0] & ~MARKS;
  const marks = frame[0] & MARKS;
  if (marks !== 0 && type !== TYPE.open && type !== TYPE.request && type !== TYPE.data)
    throw malformed('is marked where nothing can be');
  if (frame.length < DATA_HEADER_BYTES) throw malformed('names no stream');
  const stream = readU32be(frame, 1);
  if (stream === 0) throw malformed('names stream 0');
  if (type === TYPE.data)
    return { type: 'data', stream, ...marked(marks, frame.subarray(DATA_HEADER_BYTES)) };
  if (type === TYPE.open || type === TYPE.request) return readOpen(frame, stream, marks, type);
  if (type === TYPE.credit) return { type: 'credit', stream, bytes: readCredit(frame) };
  if (type === TYPE.stop && frame.length === DATA_HEADER_BYTES) return { type: 'stop', stream };
  if (type === TYPE.reset) return { type: 'reset', stream, reset: readReset(frame) };
  throw malformed('is of no known type');
}

function marked(marks: number, bytes: Uint8Array): Pick<StreamBytes, 'bytes' | 'border' | 'end'> {
  return { bytes, border: (marks & BORDER) !== 0, end: (marks & END) !== 0 };
}

function readOpen(frame: Uint8Array, stream: number, marks: number, type: number): Frame {
  const isRequest = type === TYPE.request;
  const at = isRequest ? DATA_HEADER_BYTES + 4 : DATA_HEADER_BYTES;
  if (frame.length <= at || frame.length < at + 1 + frame[at]) throw malformed('is cut short');
  const from = at + 1;
  const name = readText(frame.subarray(from, from + frame[at]));
  const deadlineMs = isRequest ? readU32be(frame, DATA_HEADER_BYTES) : undefined;
  if (deadlineMs !== undefined && (deadlineMs === 0 || deadlineMs > MAX_DEADLINE_MS))
    throw malformed(`has a deadline of ${deadlineMs} ms`);
  if (isRequest && name === '') throw malformed('names no method');
  return { type: 'open', stream, name, deadlineMs, ...marked(marks, frame.subarray(from + frame[at])) };
}

function readCredit(frame: Uint8Array): number {
  const bytes = frame.length === DATA_HEADER_BYTES + 4 ? readU32be(frame, DATA_HEADER_BYTES) : 0;
  if (bytes === 0) throw malformed('grants nothing');
  return bytes;
}

function readReset(frame: Uint8Array): Reset {
  const [code, length] = [frame[DATA_HEADER_BYTES], frame[DATA_HEADER_BYTES + 1]];
  const from = DATA_HEADER_BYTES + 2;
  const isSound = frame.length >= from + length && frame.length <= from + length + MAX_MESSAGE_BYTES;
  if (!isSound || code > RESET.failed || length > MAX_CODE_BYTES) throw malformed('is no reset');
  const refusal = readText(frame.subarray(from, from + length));
  if (refusal !== '' && !REFUSAL_CODE.test(refusal)) throw malformed('has a code of another form');
  return { code: code as ResetCode, refusal, message: readText(frame.subarray(from + length)) };
}

function readText(bytes: Uint8Array): string {
  try {
    return utf8Decode(bytes);
  } catch (cause) {
    throw malformed('holds what is no text', cause);
  }
}

function malformed(what: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_STREAM_FRAME', 'peer', `a frame of a stream ${what}`, { cause });
}

/** The message of its own, outside all streams, that a frame is; undefined for frames of streams. A view. */
export function readMessage(frame: Uint8Array): Uint8Array | undefined {
  return frame[0] === TYPE.message ? frame.subarray(1) : undefined;
}

/** A message of its own, outside all streams. */
export function messageFrame(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(1 + message.length);
  frame.set(message, 1);
  return frame;
}

export function creditFrame(stream: number, bytes: number): Uint8Array {
  const frame = headed(TYPE.credit, stream, DATA_HEADER_BYTES + 4);
  putU32be(frame, DATA_HEADER_BYTES, bytes);
  return frame;
}

export function stopFrame(stream: number): Uint8Array {
  return headed(TYPE.stop, stream, DATA_HEADER_BYTES);
}

export function resetFrame(stream: number, { code, refusal, message }: Reset): Uint8Array {
  const [name, text] = [utf8(refusal), cutText(message)];
  const from = DATA_HEADER_BYTES + 2;
  const frame = headed(TYPE.reset, stream, from + name.length + text.length);
  frame[DATA_HEADER_BYTES] = code;
  frame[DATA_HEADER_BYTES + 1] = name.length;
  frame.set(name, from);
  frame.set(text, from + name.length);
  return frame;
}

/** A character of UTF-8 has at most three bytes for each unit of JavaScript's; halves of pairs become U+FFFD. */
function cutText(text: string): Uint8Array {
  return utf8(text.slice(0, Math.floor(MAX_MESSAGE_BYTES / 3)));
}

function headed(type: number, stream: number, length: number): Uint8Array {
  const frame = new Uint8Array(length);
  frame[0] = type;
  putU32be(frame, 1, stream);
  return frame;
}

/** Writes the header of a data frame to the front of `into`; returns where the bytes go. */
export function putDataHeader(into: Uint8Array, stream: number, marks: number): number {
  into[0] = TYPE.data | marks;
  putU32be(into, 1, stream);
  return DATA_HEADER_BYTES;
}

/** Writes the header of the frame that opens a stream, or makes a request where there is a deadline. */
export function putOpenHeader(
  into: Uint8Array,
  stream: number,
  marks: number,
  { name, deadlineMs }: { name: Uint8Array; deadlineMs: number | undefined },
): number {
  into[0] = (deadlineMs === undefined ? TYPE.open : TYPE.request) | marks;
  putU32be(into, 1, stream);
  let at = DATA_HEADER_BYTES;
  if (deadlineMs !== undefined) {
    putU32be(into, at, deadlineMs);
    at += 4;
  }
  into[at] = name.length;
  into.set(name, at + 1);
  return at + 1 + name.length;
}

function putU32be(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}
