/**
 * Messages that wait to be sent, laid out as the plain text of records. What flows through here: each message is
 * copied behind the one before it, or cut into parts when no record holds it; a full record makes way for the next.
 * Nothing waits for company: a flush takes all there is.
 */
import type { LongItem } from '../crypto/crypto.ts';
import {
  BATCH_HEADER_BYTES,
  FRAGMENT_FLAG,
  type Fragment,
  ITEM_HEADER_BYTES,
  LAST_FLAG,
  MAX_ITEM_BYTES,
  placeOf,
  SIGNATURE_BYTES,
  writeU32be,
} from './batch.ts';
import { MAX_PLAINTEXT_BYTES } from './wire.ts';

/** The plain text of one record, but for its signature. */
export interface UnsignedBatch {
  readonly plaintext: Uint8Array;
  readonly count: number;
  readonly long: readonly LongItem[];
}

const LEAST_BYTES = 1024;
/** A buffer grows by this factor, and is given up once less than its square is in use. */
const GROWTH = 4;

export class RecordBuilder {
  readonly #longFrom: number;
  #full: UnsignedBatch[] = [];
  #fullBytes = 0;
  #buffer: Uint8Array = new Uint8Array();
  #end = BATCH_HEADER_BYTES;
  #count = 0;
  #long: LongItem[] = [];
  #cutMessages = 0;

  /** @param longFrom length from which the tree wants to know of an item */
  constructor(longFrom: number) {
    this.#longFrom = longFrom;
  }

  /** Bytes that wait, with their item headers. */
  get bytes(): number {
    return this.#fullBytes + this.#end - BATCH_HEADER_BYTES;
  }

  /** Copies the message. */
  push(message: Uint8Array): void {
    const { length } = message;
    if (length > MAX_ITEM_BYTES) {
      this.#cut(message);
      return;
    }
    const at = this.#room(length);
    writeU32be(this.#buffer, at - ITEM_HEADER_BYTES, length);
    this.#buffer.set(message, at);
    if (length >= this.#longFrom) this.#long.push({ index: this.#count, at, length });
    this.#count++;
    this.#end = at + length;
  }

  /** All that waits. The plain texts are good until {@link reuse}. */
  take(): UnsignedBatch[] {
    if (this.#count > 0) this.#close();
    const full = this.#full;
    this.#full = [];
    this.#fullBytes = 0;
    return full;
  }

  /** The records taken last are sealed: one buffer serves the next ones, unless it is far too large for such. */
  reuse(taken: readonly UnsignedBatch[]): void {
    const { plaintext } = taken[taken.length - 1];
    const buffer = new Uint8Array(plaintext.buffer);
    if (this.#count > 0) return;
    const isFitting = buffer.length <= LEAST_BYTES || plaintext.length * GROWTH * GROWTH >= buffer.length;
    this.#buffer = isFitting ? buffer : new Uint8Array();
  }

  /** Gives the buffer up while nothing waits. */
  shrink(): void {
    if (this.#count === 0) this.#buffer = new Uint8Array();
  }

  clear(): void {
    this.#full = [];
    this.#fullBytes = 0;
    this.#begin(new Uint8Array());
  }

  #cut(message: Uint8Array): void {
    const number = this.#cutMessages++;
    const parts = Math.ceil(message.length / MAX_ITEM_BYTES);
    for (let index = 0; index < parts; index++) {
      const bytes = message.subarray(index * MAX_ITEM_BYTES, (index + 1) * MAX_ITEM_BYTES);
      this.#pushPart(bytes, { message: number, index, last: index === parts - 1 });
    }
  }

  #pushPart(bytes: Uint8Array, fragment: Fragment): void {
    const { length } = bytes;
    const at = this.#room(length);
    writeU32be(
      this.#buffer,
      at - ITEM_HEADER_BYTES,
      length + FRAGMENT_FLAG + (fragment.last ? LAST_FLAG : 0),
    );
    this.#buffer.set(bytes, at);
    this.#long.push({ index: this.#count, at, length, place: placeOf(fragment) });
    this.#count++;
    this.#end = at + length;
  }

  /** Where the bytes of an item go, behind its header. */
  #room(length: number): number {
    if (this.#end + ITEM_HEADER_BYTES + length > MAX_PLAINTEXT_BYTES) this.#close();
    const at = this.#end + ITEM_HEADER_BYTES;
    if (at + length > this.#buffer.length) this.#grow(at + length);
    return at;
  }

  #grow(least: number): void {
    let bytes = Math.max(LEAST_BYTES, this.#buffer.length);
    while (bytes < least) bytes *= GROWTH;
    const grown = new Uint8Array(Math.min(bytes, MAX_PLAINTEXT_BYTES));
    grown.set(this.#buffer.subarray(0, this.#end));
    this.#buffer = grown;
  }

  #close(): void {
    writeU32be(this.#buffer, SIGNATURE_BYTES, this.#count);
    const plaintext = this.#buffer.subarray(0, this.#end);
    this.#full.push({ plaintext, count: this.#count, long: this.#long });
    this.#fullBytes += this.#end - BATCH_HEADER_BYTES;
    this.#begin(new Uint8Array());
  }

  #begin(buffer: Uint8Array): void {
    this.#buffer = buffer;
    this.#end = BATCH_HEADER_BYTES;
    this.#count = 0;
    this.#long = [];
  }
}
