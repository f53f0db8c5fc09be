/**
 * Sorted runs of counted words in scratch space, and their merge. What flows through here: keys that ascend,
 * each with its count, are written as one run; any number of runs is read back as one ascending stream in which
 * every key comes once with the sum of its counts. Memory holds one block of each of at most 256 runs at a time.
 */
import { compare } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Spool } from '../ports.ts';
import { KEY_BYTES_MOST } from './word-key.ts';

export interface Run {
  offset: number;
  length: number;
}

/** Takes keys in ascending order; the key array may be reused afterwards. */
export type CountConsumer = (key: Uint8Array, count: number) => void;

const FAN_IN = 256;
const BLOCK_BYTES = 64 * 1024;
const WRITE_BYTES = 1024 * 1024;
/** LEB128 of lengths to 2^14 and counts to 2^56. */
const RECORD_BYTES_MOST = 2 + KEY_BYTES_MOST + 8;

/** Collects one run and writes it when a megabyte is together; nothing else may append meanwhile. */
export class RunWriter {
  readonly #spool: Spool;
  readonly #buffer = new Uint8Array(WRITE_BYTES + RECORD_BYTES_MOST);
  #filled = 0;
  #offset: number | undefined;
  #length = 0;

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** Whether {@link flush} is due. */
  get full(): boolean {
    return this.#filled >= WRITE_BYTES;
  }

  put(key: Uint8Array, count: number): void {
    this.#variable(key.length);
    this.#buffer.set(key, this.#filled);
    this.#filled += key.length;
    this.#variable(count);
  }

  async flush(): Promise<void> {
    const offset = await this.#spool.append(this.#buffer.subarray(0, this.#filled));
    this.#offset ??= offset;
    if (offset !== this.#offset + this.#length)
      throw new OotoError('OOTO_WORKLOAD_RUN', 'caller', 'something else was written into a run');
    this.#length += this.#filled;
    this.#filled = 0;
  }

  async finish(): Promise<Run> {
    await this.flush();
    return { offset: this.#offset as number, length: this.#length };
  }

  #variable(value: number): void {
    let rest = value;
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.#buffer[this.#filled++] = (rest % 128) | 0x80;
    this.#buffer[this.#filled++] = rest;
  }
}

/** Reads all runs as one ascending stream of distinct keys. */
export async function mergeRuns(spool: Spool, runs: readonly Run[], consume: CountConsumer): Promise<void> {
  let left = runs;
  while (left.length > FAN_IN) {
    const writer = new RunWriter(spool);
    await mergeSome(spool, left.slice(0, FAN_IN), (key, count) => writer.put(key, count), writer);
    left = [...left.slice(FAN_IN), await writer.finish()];
  }
  await mergeSome(spool, left, consume);
}

async function mergeSome(
  spool: Spool,
  runs: readonly Run[],
  consume: CountConsumer,
  writer?: RunWriter,
): Promise<void> {
  const cursors = runs.filter(({ length }) => length > 0).map((run) => new RunCursor(spool, run));
  for (const cursor of cursors) if (!cursor.advance()) await cursor.refill();
  const heap = new CursorHeap(cursors);
  const key = new Uint8Array(KEY_BYTES_MOST);
  let keyLength = -1;
  let count = 0;
  for (let cursor = heap.least(); cursor; cursor = heap.least()) {
    if (keyLength === cursor.keyLength && cursor.hasKey(key)) count += cursor.count;
    else {
      if (keyLength >= 0) consume(key.subarray(0, keyLength), count);
      keyLength = cursor.copyKey(key);
      count = cursor.count;
    }
    if (!cursor.advance()) await cursor.refill();
    heap.settle();
    if (writer?.full) await writer.flush();
  }
  if (keyLength >= 0) consume(key.subarray(0, keyLength), count);
}

/** Walks through one run, a block at a time. */
class RunCursor {
  readonly #spool: Spool;
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #next: number;
  readonly #end: number;
  #at = 0;
  #filled = 0;
  #keyAt = 0;
  keyLength = 0;
  count = 0;
  /** The first four bytes of the key, zeros after its end: decides most comparisons. */
  head = 0;
  ended = false;

  constructor(spool: Spool, { offset, length }: Run) {
    this.#spool = spool;
    this.#next = offset;
    this.#end = offset + length;
  }

  /** Moves to the next record; false when {@link refill} must come first, which then moves. */
  advance(): boolean {
    if (this.#filled - this.#at < RECORD_BYTES_MOST && this.#next < this.#end) return false;
    if (this.#at === this.#filled) {
      this.ended = true;
      return true;
    }
    this.keyLength = this.#variable();
    this.#keyAt = this.#at;
    this.#at += this.keyLength;
    this.count = this.#variable();
    this.head = this.#headOf();
    return true;
  }

  async refill(): Promise<void> {
    this.#block.copyWithin(0, this.#at, this.#filled);
    this.#filled -= this.#at;
    this.#at = 0;
    const room = Math.min(this.#block.length - this.#filled, this.#end - this.#next);
    const read = await this.#spool.read(this.#next, this.#block.subarray(this.#filled, this.#filled + room));
    if (read !== room)
      throw new OotoError('OOTO_WORKLOAD_RUN', 'environment', 'scratch space ends inside a run');
    this.#filled += read;
    this.#next += read;
    this.advance();
  }

  hasKey(key: Uint8Array): boolean {
    for (let i = 0; i < this.keyLength; i++) if (key[i] !== this.#block[this.#keyAt + i]) return false;
    return true;
  }

  copyKey(into: Uint8Array): number {
    for (let i = 0; i < this.keyLength; i++) into[i] = this.#block[this.#keyAt + i];
    return this.keyLength;
  }

  /** Whether this cursor's key comes before or with that of `other`. An ended cursor comes last. */
  precedes(other: RunCursor): boolean {
    if (this.ended || other.ended) return other.ended;
    if (this.head !== other.head) return this.head < other.head;
    return compare(this.#key(), other.#key()) <= 0;
  }

  #key(): Uint8Array {
    return this.#block.subarray(this.#keyAt, this.#keyAt + this.keyLength);
  }

  #headOf(): number {
    let head = 0;
    for (let i = 0; i < 4; i++) head = head * 256 + (i < this.keyLength ? this.#block[this.#keyAt + i] : 0);
    return head;
  }

  #variable(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#block[this.#at++];
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }
}

/** The cursor with the least key stands first. */
class CursorHeap {
  readonly #cursors: RunCursor[];

  constructor(cursors: RunCursor[]) {
    this.#cursors = cursors;
    for (let i = (cursors.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  least(): RunCursor | undefined {
    const [first] = this.#cursors;
    return first === undefined || first.ended ? undefined : first;
  }

  /** To be called after the first cursor has moved. */
  settle(): void {
    this.#sink(0);
  }

  #sink(from: number): void {
    const cursors = this.#cursors;
    const moving = cursors[from];
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= cursors.length) break;
      if (child + 1 < cursors.length && cursors[child + 1].precedes(cursors[child])) child++;
      if (moving.precedes(cursors[child])) break;
      cursors[at] = cursors[child];
      at = child;
    }
    cursors[at] = moving;
  }
}
