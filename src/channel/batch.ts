/**
 * The plain text of a batch record: `signature ‖ u32be count ‖ count × (u32be item header ‖ bytes)`. What flows
 * through here: items become salted leaves, leaves become one root, the root and everything that says where the
 * record stands become the message that the sender's message key signs. Whole messages are items; a message too
 * long for one record is several items that say which part they are.
 */
import { concat, readU32be, u32be, u64be } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
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

/** An item as it stands in a record, before its place in the fragmented messages is known. */
export interface ReadItem {
  readonly bytes: Uint8Array;
  readonly part: 'whole' | 'fragment' | 'last-fragment';
}

/** What fixes a batch's place; everything but the items. All hashes are 32 bytes. */
export interface BatchPlace {
  readonly meshId: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly epochHash: Uint8Array;
  readonly epoch: number;
  /** The sender's role byte. */
  readonly direction: number;
  /** SHA-256 of the message keys. */
  readonly senderKeyHash: Uint8Array;
  readonly receiverKeyHash: Uint8Array;
}

export const SIGNATURE_BYTES = 64;
export const SALT_BYTES = 16;
const ITEM_HEADER_BYTES = 4;
const BATCH_HEADER_BYTES = SIGNATURE_BYTES + 4;
const FRAGMENT_FLAG = 0x8000_0000;
const LAST_FLAG = 0x4000_0000;
const LENGTH_MASK = 0x3fff_ffff;
const LEAF_PREFIX = 0x00;
const FRAGMENT_PREFIX = 0x04;
/** Message number, index and last flag. */
const FRAGMENT_PLACE_BYTES = 13;

/** Longest item that a record can hold. */
export const MAX_ITEM_BYTES = MAX_PLAINTEXT_BYTES - BATCH_HEADER_BYTES - ITEM_HEADER_BYTES;
/** Bytes that the items of one record may take, headers included. */
export const MAX_ITEMS_BYTES = MAX_PLAINTEXT_BYTES - BATCH_HEADER_BYTES;

/** What an item takes of a record. */
export function itemBytes(item: Item): number {
  return ITEM_HEADER_BYTES + item.bytes.length;
}

/** The message that a batch's signature covers. */
export function batchMessage(
  place: BatchPlace,
  counter: number,
  leafCount: number,
  root: Uint8Array,
): Uint8Array {
  return concat(
    label('batch'),
    place.meshId,
    place.sessionId,
    place.epochHash,
    u32be(place.epoch),
    Uint8Array.of(place.direction),
    u64be(counter),
    place.senderKeyHash,
    place.receiverKeyHash,
    u32be(leafCount),
    root,
  );
}

/** The leaves of a batch; `salts` holds 16 bytes for each. All inputs are laid out in one array. */
export function leafHashes(crypto: Crypto, items: readonly Item[], salts: Uint8Array): Uint8Array[] {
  const sizes = items.map(leafInputBytes);
  const inputs = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  let at = 0;
  const views = items.map((item, i) => {
    const view = inputs.subarray(at, at + sizes[i]);
    writeLeafInput(view, item, salts.subarray(SALT_BYTES * i, SALT_BYTES * (i + 1)));
    at += sizes[i];
    return view;
  });
  return crypto.sha256Many(views);
}

/** The leaf of one item. */
export function leafHash(crypto: Crypto, item: Item, salt: Uint8Array): Uint8Array {
  return leafHashes(crypto, [item], salt)[0];
}

function leafInputBytes({ bytes, fragment }: Item): number {
  return 1 + SALT_BYTES + (fragment ? FRAGMENT_PLACE_BYTES : 0) + bytes.length;
}

/**
 * `0x00 ‖ salt ‖ message`; for a part `0x04 ‖ salt ‖ u64be message ‖ u32be index ‖ u8 last ‖ bytes`. Parts have
 * another prefix, so that none can be shown as a message of its own.
 */
function writeLeafInput(to: Uint8Array, { bytes, fragment }: Item, salt: Uint8Array): void {
  to[0] = fragment ? FRAGMENT_PREFIX : LEAF_PREFIX;
  to.set(salt, 1);
  if (fragment) {
    const { message, index, last } = fragment;
    to.set(concat(u64be(message), u32be(index), Uint8Array.of(last ? 1 : 0)), 1 + SALT_BYTES);
  }
  to.set(bytes, to.length - bytes.length);
}

export function encodeBatch(items: readonly Item[], signature: Uint8Array): Uint8Array {
  const size = items.reduce((sum, item) => sum + itemBytes(item), BATCH_HEADER_BYTES);
  const plaintext = new Uint8Array(size);
  const view = new DataView(plaintext.buffer);
  plaintext.set(signature);
  view.setUint32(SIGNATURE_BYTES, items.length);
  let at = BATCH_HEADER_BYTES;
  for (const item of items) {
    view.setUint32(at, itemHeader(item));
    plaintext.set(item.bytes, at + ITEM_HEADER_BYTES);
    at += itemBytes(item);
  }
  return plaintext;
}

/**
 * Signature and items of a batch, as views into `plaintext`.
 * @throws OOTO_CHANNEL_FRAME (peer) unless the items fill it exactly and there is at least one.
 */
export function decodeBatch(plaintext: Uint8Array): { signature: Uint8Array; items: ReadItem[] } {
  if (plaintext.length < BATCH_HEADER_BYTES) throw badFrame('a batch without header');
  const count = readU32be(plaintext, SIGNATURE_BYTES);
  if (count === 0 || count > (plaintext.length - BATCH_HEADER_BYTES) / ITEM_HEADER_BYTES)
    throw badFrame(`a batch of ${count} items in ${plaintext.length} bytes`);
  const items: ReadItem[] = [];
  let at = BATCH_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const item = readItem(plaintext, at);
    items.push(item);
    at += ITEM_HEADER_BYTES + item.bytes.length;
  }
  if (at !== plaintext.length) throw badFrame('a batch with bytes after its items');
  return { signature: plaintext.subarray(0, SIGNATURE_BYTES), items };
}

function itemHeader({ bytes, fragment }: Item): number {
  if (!fragment) return bytes.length;
  return bytes.length + FRAGMENT_FLAG + (fragment.last ? LAST_FLAG : 0);
}

function readItem(plaintext: Uint8Array, at: number): ReadItem {
  if (at + ITEM_HEADER_BYTES > plaintext.length) throw badFrame('a batch cut short');
  const header = readU32be(plaintext, at);
  const begin = at + ITEM_HEADER_BYTES;
  const length = header & LENGTH_MASK;
  if (begin + length > plaintext.length) throw badFrame('an item longer than its batch');
  return { bytes: plaintext.subarray(begin, begin + length), part: partOf(header) };
}

function partOf(header: number): ReadItem['part'] {
  const fragment = header >= FRAGMENT_FLAG;
  const last = (header & LAST_FLAG) !== 0;
  if (last && !fragment) throw badFrame('an item with an unknown header');
  if (!fragment) return 'whole';
  return last ? 'last-fragment' : 'fragment';
}
