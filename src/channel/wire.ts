/**
 * Frames on a byte stream. What flows through here: every frame is `u32be length ‖ u8 type ‖ rest`. Frames of
 * the handshake carry a Noise message or a cookie; all others are records, whose rest is
 * `u32be epoch ‖ u64be counter ‖ ciphertext ‖ tag`, with type, epoch and counter as additional data.
 */
import { concat, readU32be, u32be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { MAX_MESSAGE_BYTES } from '../noise/handshake-state.ts';
import { PREAMBLE_BYTES } from './preamble.ts';

/** Every frame type there is. From `batch` on they are records. */
export const FRAME = {
  /** Preamble and Noise message 1. */
  hello: 0x01,
  /** Noise message 2. */
  reply: 0x02,
  /** Noise message 3. */
  finish: 0x03,
  /** A cookie to be sent again with a new hello. */
  cookie: 0x04,
  /** A dialler goes on with a session that lost its connection. */
  resume: 0x05,
  /** The answer to it. */
  resumed: 0x06,
  /** The dialler has the answer: records follow. */
  resumption: 0x07,
  /** Signed messages. */
  batch: 0x10,
  /** The responder's first record: its signature over the session id. */
  confirmation: 0x11,
  /** Asks the initiator for a new epoch. */
  epochRequest: 0x12,
  /** Noise message 1 of a new epoch. */
  epochOffer: 0x13,
  /** Noise message 2 of a new epoch. */
  epochAnswer: 0x14,
  /** The initiator's first record of a new epoch: its signature over the epoch's hash and what it sent before. */
  epochConfirmation: 0x15,
  /** The responder's first record of a new epoch, signed like the initiator's. */
  epochSwitched: 0x16,
  /** Nothing follows in this direction; signed. */
  close: 0x17,
  /** A new credential of the sender. */
  credential: 0x18,
  /** The new credential is accepted. */
  credentialAccepted: 0x19,
  /** A sign of life: how many records of the peer have come. */
  alive: 0x1a,
  /** The sender keeps what it sends until the peer has it, so that the session can outlive its connection. */
  lasting: 0x1b,
} as const;

export const LENGTH_BYTES = 4;
/** Type, epoch and counter. */
export const RECORD_HEADER_BYTES = 13;
export const TAG_BYTES = 16;
/** Plain text of one record at most: four messages of 64 KiB, or a quarter of a MiB, with what goes around them. */
export const MAX_PLAINTEXT_BYTES = 260 * 1024;
/** What the length of a record's frame may say. */
export const MAX_RECORD_BYTES = RECORD_HEADER_BYTES + MAX_PLAINTEXT_BYTES + TAG_BYTES;
/** What the length of a handshake frame may say. */
export const MAX_HANDSHAKE_BYTES = 1 + PREAMBLE_BYTES + MAX_MESSAGE_BYTES;

export interface Frame {
  type: number;
  /** Length prefix included. */
  whole: Uint8Array;
  /** What follows the type. */
  rest: Uint8Array;
}

export interface RecordHeader {
  epoch: number;
  /** Beyond 2^53 not exact: no record of ours is. */
  counter: number;
}

export function encodeFrame(type: number, ...rest: readonly Uint8Array[]): Uint8Array {
  const length = rest.reduce((sum, part) => sum + part.length, 1);
  return concat(u32be(length), Uint8Array.of(type), ...rest);
}

/**
 * The header of a record, not yet authenticated.
 * @throws OOTO_CHANNEL_FRAME (peer) for a frame too short to be a record.
 */
export function readRecordHeader(frame: Frame): RecordHeader {
  if (frame.whole.length < LENGTH_BYTES + RECORD_HEADER_BYTES + TAG_BYTES)
    throw badFrame('a record shorter than its header and tag');
  return {
    epoch: readU32be(frame.rest),
    counter: readU32be(frame.rest, 4) * 2 ** 32 + readU32be(frame.rest, 8),
  };
}

const NOTHING: Uint8Array = new Uint8Array();
/** Buffers larger than this are given up when nothing needs them. */
const SPARE_BYTES = 4096;

/**
 * Cuts a byte stream into frames. A chunk that holds whole frames is not copied; a frame that came in pieces is put
 * together in a buffer that serves the next one too. So a frame is good until the next call.
 */
export class FrameReader {
  #chunk: Uint8Array = NOTHING;
  #buffer: Uint8Array = NOTHING;
  #filled = 0;
  /** Bytes of the frame being put together, as far as they are known; 0 while there is none. */
  #expected = 0;

  /** Bytes are kept as they are: the caller must not change them before the frames in them are used. */
  push(chunk: Uint8Array): void {
    this.#chunk = this.#chunk.length === 0 ? chunk : concat(this.#chunk, chunk);
  }

  /**
   * The next whole frame, if it has arrived.
   * @throws OOTO_CHANNEL_FRAME (peer) for a length of 0 or above `maxBytes`, before anything is allocated.
   */
  next(maxBytes: number): Frame | undefined {
    if (this.#expected === 0 && this.#wholeInChunk(maxBytes)) return this.#cut();
    return this.#chunk.length > 0 ? this.#gather(maxBytes) : undefined;
  }

  /** Gives up the buffer if it is large and no frame is being put together. */
  rest(): void {
    if (this.#expected === 0 && this.#buffer.length > SPARE_BYTES) this.#buffer = NOTHING;
  }

  #wholeInChunk(maxBytes: number): boolean {
    if (this.#chunk.length < LENGTH_BYTES) return false;
    return this.#chunk.length >= LENGTH_BYTES + frameLength(this.#chunk, maxBytes);
  }

  #cut(): Frame {
    const end = LENGTH_BYTES + readU32be(this.#chunk);
    const whole = this.#chunk.subarray(0, end);
    this.#consume(end);
    return frameOf(whole);
  }

  /** Moves bytes into a buffer of the frame's size, so that small chunks cost no more than large ones. */
  #gather(maxBytes: number): Frame | undefined {
    if (this.#expected === 0) this.#expect(LENGTH_BYTES);
    this.#fill();
    if (this.#filled < this.#expected) return undefined;
    if (this.#filled === LENGTH_BYTES) {
      this.#expect(LENGTH_BYTES + frameLength(this.#buffer, maxBytes));
      this.#fill();
      if (this.#filled < this.#expected) return undefined;
    }
    const whole = this.#buffer.subarray(0, this.#expected);
    this.#expected = 0;
    this.#filled = 0;
    return frameOf(whole);
  }

  #expect(bytes: number): void {
    this.#expected = bytes;
    if (this.#buffer.length >= bytes) return;
    const grown = new Uint8Array(bytes);
    grown.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = grown;
  }

  #fill(): void {
    const taken = Math.min(this.#expected - this.#filled, this.#chunk.length);
    this.#buffer.set(this.#chunk.subarray(0, taken), this.#filled);
    this.#filled += taken;
    this.#consume(taken);
  }

  /** Nothing of a chunk is held once it is used up: it may be part of something far larger. */
  #consume(bytes: number): void {
    this.#chunk = bytes === this.#chunk.length ? NOTHING : this.#chunk.subarray(bytes);
  }
}

function frameLength(bytes: Uint8Array, maxBytes: number): number {
  const length = readU32be(bytes);
  if (length === 0 || length > maxBytes) throw badFrame(`a frame of ${length} bytes`);
  return length;
}

function frameOf(whole: Uint8Array): Frame {
  return { type: whole[LENGTH_BYTES], whole, rest: whole.subarray(LENGTH_BYTES + 1) };
}

export function badFrame(what: string): OotoError {
  return new OotoError('OOTO_CHANNEL_FRAME', 'peer', `the peer sent ${what}`, {
    hint: 'the other side is not speaking this protocol, or the connection is tampered with',
  });
}
