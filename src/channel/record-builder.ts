/**
 * Messages that wait to be sent, laid out as the plain text of a record. What flows through here: each message is
 * copied behind the one before it, or cut into parts when no record holds it; a full record goes to the sealer at once,
 * while its bytes are in the processor's cache, and its buffer serves the next one. Nothing waits for company.
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

/** The plain text of one record, but for its signature: good while it is sealed. */
export interface UnsignedBatch {
  readonly plaintext: Uint8Array;
  readonly count: number;
  readonly long: readonly LongItem[];
}

/** Seals a record, whose plain text is the builder's again afterwards. */
export type Sealer = (batch: UnsignedBatch) => void;

const LEAST_BYTES = 1024;
/** A buffer grows by this factor, and is given up once less than its square is in use. */
const GROWTH = 4;

export class RecordBuilder {
  readonly #longFrom: number;
  readonly #seal: Sealer;
  #buffer: Uint8Array = new Uint8Array();
  #end = BATCH_HEADER_BYTES;
  #count = 0;
  #long: LongItem[] = [];
  #cutMessages = 0;

  /** @param longFrom length from which the tree wants to know of an item */
  constructor(longFrom: number, seal: Sealer) {
    this.#longFrom = longFrom;
    this.#seal = seal;
  }

  /** Bytes that wait, with their item headers. */
  get bytes(): number {
    return this.#end - BATCH_HEADER_BYTES;
  }

  /** Copies the message. A record that has no room for another one like it is full. */
  push(message: Uint8Array): void {
    const { length } = message;
    if (length > MAX_ITEM_BYTES) this.#cut(message);
    else {
      const at = this.#room(length);
      if (length >= this.#longFrom) this.#long.push({ index: this.#count, at, length });
      this.#put(message, at, length);
    }
    if (!this.#holds(length)) this.flush();
  }

  /** Seals what waits. */
  flush(): void {
    if (this.#count === 0) return;
    const buffer = this.#buffer;
    writeU32be(buffer, SIGNATURE_BYTES, this.#count);
    const batch = { plaintext: buffer.subarray(0, this.#end), count: this.#count, long: this.#long };
    const isFitting = buffer.length <= LEAST_BYTES || this.#end * GROWTH * GROWTH >= buffer.length;
    this.#begin(isFitting ? buffer : new Uint8Array());
    this.#seal(batch);
  }

  /** Gives the buffer up while nothing waits. */
  shrink(): void {
    if (this.#count === 0) this.clear();
  }

  clear(): void {
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
    this.#long.push({ index: this.#count, at, length, place: placeOf(fragment) });
    this.#put(bytes, at, length + FRAGMENT_FLAG + (fragment.last ? LAST_FLAG : 0));
  }

  #put(bytes: Uint8Array, at: number, header: number): void {
    writeU32be(this.#buffer, at - ITEM_HEADER_BYTES, header);
    this.#buffer.set(bytes, at);
    this.#count++;
    this.#end = at + bytes.length;
  }

  #holds(length: number): boolean {
    return this.#end + ITEM_HEADER_BYTES + length <= MAX_PLAINTEXT_BYTES;
  }

  /** Where the bytes of an item go, behind its header. */
  #room(length: number): number {
    if (!this.#holds(length)) this.flush();
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

  #begin(buffer: Uint8Array): void {
    this.#buffer = buffer;
    this.#end = BATCH_HEADER_BYTES;
    this.#count = 0;
    this.#long = [];
  }
}
