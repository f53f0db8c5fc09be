/**
 * Datagrams, byte by byte. What flows through here: every datagram is `u32be receiver ‖ u8 type ‖ rest`; the receiver
 * is the index that its reader drew for the handshake or session, 0 where there is none yet. Those of the handshake
 * carry a preamble, a cookie or a piece of a Noise message; all others are records, whose rest is
 * `u32be epoch ‖ u64be counter ‖ ciphertext ‖ tag`. So a record is the frame of a stream with the receiver's index in
 * the place of the length.
 */
import { concat, readU32be, u32be } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { ByteReader } from '../../base/reader.ts';
import { COOKIE_BYTES, PREAMBLE_BYTES } from '../preamble.ts';
import { LENGTH_BYTES, RECORD_HEADER_BYTES, TAG_BYTES } from '../wire.ts';

/** Types of datagrams beside the records of streams (FRAME in wire.ts), whose numbers they do not share. */
export const DATAGRAM = {
  /** A preamble: asks for a cookie. */
  hello: 0x30,
  cookie: 0x31,
  /** Pieces of Noise messages 1 to 3. */
  first: 0x32,
  reply: 0x33,
  finish: 0x34,
  /** A record: one signed part of a message. */
  part: 0x20,
  /** A record, empty: the sender is there. */
  keepAlive: 0x21,
  /** A record, empty: asks for a sign of life at once. */
  probe: 0x22,
} as const;

const INDEX_BYTES = 4;
const TYPE_AT = INDEX_BYTES;
const HEAD_BYTES = INDEX_BYTES + 1;
const PIECE_HEADER_BYTES = 2;
export const HELLO_BYTES = HEAD_BYTES + INDEX_BYTES + PREAMBLE_BYTES;
export const COOKIE_DATAGRAM_BYTES = HEAD_BYTES + COOKIE_BYTES;
/** What a record adds to its plain text. */
export const RECORD_OVERHEAD_BYTES = INDEX_BYTES + RECORD_HEADER_BYTES + TAG_BYTES;
/** No datagram is shorter or longer than these. */
export const LEAST_DATAGRAM_BYTES = RECORD_OVERHEAD_BYTES;
export const MOST_DATAGRAM_BYTES = 1_452;
/** What a datagram of each kind holds of a Noise message, less than its own length by so much. */
export const PIECE_OVERHEAD_BYTES = {
  first: HELLO_BYTES + PIECE_HEADER_BYTES,
  reply: HEAD_BYTES + INDEX_BYTES + PIECE_HEADER_BYTES,
  finish: HEAD_BYTES + PIECE_HEADER_BYTES,
} as const;

/** One of the numbered pieces of a handshake message. */
export interface Piece {
  readonly index: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** What stands in a hello, and before the piece in a first message. */
export interface Introduction {
  /** By which the initiator wants to be called. */
  readonly sender: number;
  readonly preamble: Uint8Array;
}

export function receiverOf(datagram: Uint8Array): number {
  return readU32be(datagram);
}

export function typeOf(datagram: Uint8Array): number {
  return datagram[TYPE_AT];
}

export function encodeHello({ sender, preamble }: Introduction): Uint8Array {
  return concat(head(0, DATAGRAM.hello), u32be(sender), preamble);
}

export function encodeCookie(receiver: number, cookie: Uint8Array): Uint8Array {
  return concat(head(receiver, DATAGRAM.cookie), cookie);
}

export function encodeFirst({ sender, preamble }: Introduction, piece: Piece): Uint8Array {
  return concat(head(0, DATAGRAM.first), u32be(sender), preamble, pieceHeader(piece), piece.bytes);
}

export function encodeReply(receiver: number, sender: number, piece: Piece): Uint8Array {
  return concat(head(receiver, DATAGRAM.reply), u32be(sender), pieceHeader(piece), piece.bytes);
}

export function encodeFinish(receiver: number, piece: Piece): Uint8Array {
  return concat(head(receiver, DATAGRAM.finish), pieceHeader(piece), piece.bytes);
}

/** Reads a datagram of {@link HELLO_BYTES}, without copies: strangers send many. */
export function readHello(datagram: Uint8Array): Introduction {
  return {
    sender: readU32be(datagram, HEAD_BYTES),
    preamble: datagram.subarray(HEAD_BYTES + INDEX_BYTES, HELLO_BYTES),
  };
}

/** @throws OOTO_BASE_SHORT, OOTO_BASE_TRAILING (peer), as do the other readers. */
export function readCookie(datagram: Uint8Array): Uint8Array {
  const reader = afterHead(datagram);
  const cookie = reader.bytes(COOKIE_BYTES);
  reader.end();
  return cookie;
}

export function readFirst(datagram: Uint8Array): Introduction & { piece: Piece } {
  const reader = afterHead(datagram);
  const [sender, preamble] = [reader.u32(), reader.bytes(PREAMBLE_BYTES)];
  return { sender, preamble, piece: readPiece(reader, datagram, PIECE_OVERHEAD_BYTES.first) };
}

export function readReply(datagram: Uint8Array): { sender: number; piece: Piece } {
  const reader = afterHead(datagram);
  const sender = reader.u32();
  return { sender, piece: readPiece(reader, datagram, PIECE_OVERHEAD_BYTES.reply) };
}

export function readFinish(datagram: Uint8Array): Piece {
  return readPiece(afterHead(datagram), datagram, PIECE_OVERHEAD_BYTES.finish);
}

/** Makes a record's frame (wire.ts) a datagram, in its place. */
export function addressRecord(frame: Uint8Array, receiver: number): Uint8Array {
  writeIndex(frame, receiver);
  return frame;
}

/** Makes a datagram the frame of a record again, in its place. */
export function frameOfRecord(datagram: Uint8Array): Uint8Array {
  writeIndex(datagram, datagram.length - LENGTH_BYTES);
  return datagram;
}

/** Epoch and counter, not yet authenticated; a counter beyond 2^53 is not exact, and none of ours. */
export function readRecordPlace(datagram: Uint8Array): { epoch: number; counter: number } {
  return {
    epoch: readU32be(datagram, HEAD_BYTES),
    counter: readU32be(datagram, HEAD_BYTES + 4) * 2 ** 32 + readU32be(datagram, HEAD_BYTES + 8),
  };
}

export function badDatagram(what: string): OotoError {
  return new OotoError('OOTO_CHANNEL_DATAGRAM', 'peer', `the peer sent ${what}`, {
    hint: 'the other side is not speaking this protocol',
  });
}

function head(receiver: number, type: number): Uint8Array {
  return concat(u32be(receiver), Uint8Array.of(type));
}

function pieceHeader({ index, count }: Piece): Uint8Array {
  return Uint8Array.of(index, count);
}

function afterHead(datagram: Uint8Array): ByteReader {
  return new ByteReader(datagram.subarray(HEAD_BYTES));
}

function readPiece(reader: ByteReader, datagram: Uint8Array, overhead: number): Piece {
  const [index, count] = [reader.u8(), reader.u8()];
  return { index, count, bytes: reader.bytes(datagram.length - overhead) };
}

function writeIndex(bytes: Uint8Array, value: number): void {
  bytes[0] = value >>> 24;
  bytes[1] = value >>> 16;
  bytes[2] = value >>> 8;
  bytes[3] = value;
}
