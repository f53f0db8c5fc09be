/**
 * The plain text of a batch record: `signature ‖ u32be count ‖ count × (u32be item header ‖ bytes)`. What flows
 * through here: the bytes of a received record are read once, from front to end, into what the tree over them needs;
 * the root and everything that says where the record stands become the message that the sender's message key signs.
 * Whole messages are items; a message too long for one record is several items that say which part they are.
 */
import { concat, u32be, u64be } from '../base/bytes.ts';
import type { LongItem } from '../crypto/crypto.ts';
import { label } from '../envelope/labels.ts';
import { badFrame, MAX_PLAINTEXT_BYTES } from './wire.ts';

/** Part of a message that spans records. */
export interface Fragment {
  /** Counts the fragmented messages of one direction, from 0, over the whole session. */
  readonly message: number;
  /** Place of this part in its message, from 0. */
  readonly index: number;
  readonly last: boolean;
}

export interface Item {
  readonly bytes: Uint8Array;
  readonly fragment?: Fragment | undefined;
}

/** What fixes a batch's place; everything but the items. All hashes are 32 bytes. */
export interface BatchPlace {
  readonly meshId: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly epochHash: Uint8Array;
  readonly epoch: number;
  /** The sender's role byte. */
  readonly direction: number;
  /** The hash of a party: SHA-256 over id, subject of the delegation and message key. */
  readonly senderHash: Uint8Array;
  readonly receiverHash: Uint8Array;
}

/** What a record says of its items. */
export interface BatchContent {
  readonly count: number;
  /** Items that the tree hashes alone. */
  readonly long: readonly LongItem[];
  /** The parts of messages among the items, by index; undefined where all are whole. */
  readonly fragments: ReadonlyMap<number, Fragment> | undefined;
}

/** Told of each item in turn; throws for what has no place there. */
export interface ItemOrder {
  whole(length: number): void;
  part(length: number, last: boolean): Fragment;
}

export const SIGNATURE_BYTES = 64;
export const SALT_BYTES = 16;
export const ITEM_HEADER_BYTES = 4;
/** Where the items of a record begin. */
export const BATCH_HEADER_BYTES = SIGNATURE_BYTES + 4;
export const FRAGMENT_FLAG = 0x8000_0000;
export const LAST_FLAG = 0x4000_0000;
const LENGTH_MASK = 0x3fff_ffff;

/** Longest item that a record can hold. */
export const MAX_ITEM_BYTES = MAX_PLAINTEXT_BYTES - BATCH_HEADER_BYTES - ITEM_HEADER_BYTES;

/** The messages that the signatures of batches in one place cover. */
export class BatchMessages {
  readonly place: BatchPlace;
  readonly #template: Uint8Array;
  readonly #counterAt: number;

  constructor(place: BatchPlace) {
    const { meshId, sessionId, epochHash, epoch, direction, senderHash, receiverHash } = place;
    const before = concat(
      label('batch'),
      meshId,
      sessionId,
      epochHash,
      u32be(epoch),
      Uint8Array.of(direction),
    );
    this.place = place;
    this.#counterAt = before.length;
    this.#template = concat(before, new Uint8Array(16), senderHash, receiverHash, new Uint8Array(36));
  }

  /**
   * The message of the batch with this counter, leaf count and root.
   * @param number of batches that the sender sent before it in this session
   */
  of(counter: number, number: number, leafCount: number, root: Uint8Array): Uint8Array {
    const message = this.#template.slice();
    writeU64be(message, this.#counterAt, counter);
    writeU64be(message, this.#counterAt + 8, number);
    writeU32be(message, message.length - 36, leafCount);
    message.set(root, message.length - 32);
    return message;
  }
}

/** What stands between salt and bytes of a part: u64be message ‖ u32be index ‖ u8 last. */
export function placeOf({ message, index, last }: Fragment): Uint8Array {
  return concat(u64be(message), u32be(index), Uint8Array.of(last ? 1 : 0));
}

function writeU64be(to: Uint8Array, at: number, value: number): void {
  writeU32be(to, at, Math.floor(value / 2 ** 32));
  writeU32be(to, at + 4, value);
}

/** The low 32 bits of `value`, big-endian. */
export function writeU32be(to: Uint8Array, at: number, value: number): void {
  to[at] = value >>> 24;
  to[at + 1] = value >>> 16;
  to[at + 2] = value >>> 8;
  to[at + 3] = value;
}

/**
 * Reads a whole batch, and gives its parts their place.
 * @throws OOTO_CHANNEL_FRAME (peer) unless the items fill it exactly and there is at least one; what `order` throws.
 */
export function readBatch(plaintext: Uint8Array, order: ItemOrder, longFrom: number): BatchContent {
  if (plaintext.length < BATCH_HEADER_BYTES) throw badFrame('a batch without header');
  const end = plaintext.length;
  const count = readHeader(plaintext, SIGNATURE_BYTES);
  if (count === 0 || count > (end - BATCH_HEADER_BYTES) / ITEM_HEADER_BYTES)
    throw badFrame(`a batch of ${count} items in ${end} bytes`);
  const long: LongItem[] = [];
  let fragments: Map<number, Fragment> | undefined;
  let at = BATCH_HEADER_BYTES;
  for (let index = 0; index < count; index++) {
    if (at + ITEM_HEADER_BYTES > end) throw badFrame('a batch cut short');
    const header = readHeader(plaintext, at);
    const length = header & LENGTH_MASK;
    at += ITEM_HEADER_BYTES;
    if (at + length > end) throw badFrame('an item longer than its batch');
    if (header === length) {
      order.whole(length);
      if (length >= longFrom) long.push({ index, at, length });
    } else {
      const fragment = order.part(length, isLast(header));
      fragments ??= new Map();
      fragments.set(index, fragment);
      long.push({ index, at, length, place: placeOf(fragment) });
    }
    at += length;
  }
  if (at !== end) throw badFrame('a batch with bytes after its items');
  return { count, long, fragments };
}

/** Calls `take` with the bytes of each item, as views, and its index. The batch was read before. */
export function eachItem(plaintext: Uint8Array, take: (bytes: Uint8Array, index: number) => void): void {
  const { buffer, byteOffset } = plaintext;
  const count = readHeader(plaintext, SIGNATURE_BYTES);
  let at = BATCH_HEADER_BYTES;
  for (let index = 0; index < count; index++) {
    const length = readHeader(plaintext, at) & LENGTH_MASK;
    at += ITEM_HEADER_BYTES;
    take(new Uint8Array(buffer, byteOffset + at, length), index);
    at += length;
  }
}

function readHeader(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

function isLast(header: number): boolean {
  if (header < FRAGMENT_FLAG) throw badFrame('an item with an unknown header');
  return (header & LAST_FLAG) !== 0;
}
