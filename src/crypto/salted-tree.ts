/**
 * The tree over the messages of one signed batch, with a choice of engine. What flows through here: items that lie
 * end to end become salted leaves, the short ones four at a time in the core, each long one by the hardware, which
 * reads prefix and message as one because the prefix is lent the bytes before the message and they are given back;
 * the leaves become nodes of up to 32 children each, level by level, until one digest is left.
 */
import { OotoError } from '../base/errors.ts';
import type { Core } from '../core/index.ts';
import { SALT_BYTES, SALTED_ITEM_BYTES } from '../core/salted-leaves.ts';
import type { Hardware } from '../ports.ts';
import { CROSSOVERS } from './crossover.ts';
import type { LongItem, SaltedItems, SaltedTree } from './crypto.ts';

/** Children of a node at most (docs/protocol.md). */
export const TREE_WIDTH = 32;
/** Before the salt of a whole message, of a part of one, and before the children of a node. */
export const WHOLE_PREFIX = 0x00;
export const PART_PREFIX = 0x04;
export const NODE_PREFIX = 0x05;

const DIGEST_BYTES = 32;
const LEAST_ROW_BYTES = 4096;

/** What is hashed before an item's bytes at most: prefix, salt and place. */
const LENT_BYTES = 64;

export function createSaltedTree({ core, hardware }: { core: Core; hardware: Hardware }): SaltedTree {
  const { sha256Into } = hardware;
  const hashInto =
    sha256Into ??
    ((message: Uint8Array, to: Uint8Array, at: number) => to.set(core.sha256.hash(message), at));
  const lent = new Uint32Array(LENT_BYTES / 4);
  let row: Uint8Array = new Uint8Array(LEAST_ROW_BYTES);

  /** One leaf to the row. What stands before the bytes gives way to what is hashed before them, and comes back. */
  const hashLong = (bytes: DataView, salts: DataView, { index, at, length, place }: LongItem) => {
    const to = DIGEST_BYTES * (index + 1);
    const saltTo = at - (place ? place.length : 0) - SALT_BYTES;
    const from = saltTo - 1;
    const words = Math.ceil((at - from) / 4);
    for (let i = 0; i < words; i++) lent[i] = bytes.getUint32(at - 4 * (i + 1));
    bytes.setUint8(from, place ? PART_PREFIX : WHOLE_PREFIX);
    for (let i = 0; i < SALT_BYTES; i += 4)
      bytes.setUint32(saltTo + i, salts.getUint32(SALT_BYTES * index + i));
    if (place) for (let i = 0; i < place.length; i++) bytes.setUint8(saltTo + SALT_BYTES + i, place[i]);
    hashInto(new Uint8Array(bytes.buffer, bytes.byteOffset + from, at + length - from), row, to);
    for (let i = 0; i < words; i++) bytes.setUint32(at - 4 * (i + 1), lent[i]);
  };

  /** The leaves, from the second place of the row on: the first lends its last byte. */
  const layLeaves = (items: SaltedItems): void => {
    const { bytes, start, count, salts, long } = items;
    requireSound(items);
    if (row.length < DIGEST_BYTES * (count + 1)) row = new Uint8Array(DIGEST_BYTES * (count + 1));
    if (long.length < count)
      core.saltedLeaves.hash(bytes.subarray(start), count, salts, longFrom - 1, row, DIGEST_BYTES);
    if (long.length === 0) return;
    const [byteView, saltView] = [bytes, salts].map(viewOf);
    for (const item of long) hashLong(byteView, saltView, item);
  };

  /** Replaces the digests of a level by those of the next; returns how many they are. */
  const rise = (count: number): number => {
    const nodes = Math.ceil(count / TREE_WIDTH);
    for (let node = 0; node < nodes; node++) {
      const from = DIGEST_BYTES * (node * TREE_WIDTH + 1);
      const to = DIGEST_BYTES * (Math.min(count, (node + 1) * TREE_WIDTH) + 1);
      row[from - 1] = NODE_PREFIX;
      const digestAt = DIGEST_BYTES * (node + 1);
      const children = row.subarray(from - 1, to);
      hashInto(children, row, digestAt);
    }
    return nodes;
  };

  const longFrom = sha256Into ? CROSSOVERS.saltedLeaf : SALTED_ITEM_BYTES + 1;
  return {
    longFrom,
    leaves(items) {
      layLeaves(items);
      return row.slice(DIGEST_BYTES, DIGEST_BYTES * (items.count + 1));
    },
    root(items) {
      layLeaves(items);
      for (let count = items.count; count > 1; ) count = rise(count);
      const root = row.slice(DIGEST_BYTES, 2 * DIGEST_BYTES);
      if (row.length > LEAST_ROW_BYTES && items.count * 8 < row.length / DIGEST_BYTES)
        row = new Uint8Array(LEAST_ROW_BYTES);
      return root;
    },
  };
}

/** @throws OOTO_CRYPTO_SALTED (caller). */
function requireSound({ bytes, start, count, salts, long }: SaltedItems): void {
  const isSound =
    count > 0 &&
    start >= LENT_BYTES &&
    salts.length === SALT_BYTES * count &&
    long.every(({ index, at, length }) => index < count && at > start && at + length <= bytes.length);
  if (!isSound)
    throw new OotoError('OOTO_CRYPTO_SALTED', 'caller', 'items, salts and long items do not belong together');
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}
