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
const NOTHING = new Uint8Array();

export function createSaltedTree({ core, hardware }: { core: Core; hardware: Hardware }): SaltedTree {
  const { sha256Into } = hardware;
  const lent = new Uint8Array(LENT_BYTES);
  let row: Uint8Array = new Uint8Array(LEAST_ROW_BYTES);

  /** One leaf to the row. What stands before the bytes gives way to what is hashed before them, and comes back. */
  const hashLong = ({ bytes, salts }: SaltedItems, { index, at, length, place }: LongItem) => {
    const to = DIGEST_BYTES * (index + 1);
    const saltAt = SALT_BYTES * index;
    if (!sha256Into) {
      const prefix = Uint8Array.of(place ? PART_PREFIX : WHOLE_PREFIX);
      const salt = salts.subarray(saltAt, saltAt + SALT_BYTES);
      row.set(core.sha256.hash(prefix, salt, place ?? NOTHING, bytes.subarray(at, at + length)), to);
      return;
    }
    const placeBytes = place ? place.length : 0;
    const from = at - 1 - SALT_BYTES - placeBytes;
    for (let i = 0; from + i < at; i++) lent[i] = bytes[from + i];
    bytes[from] = place ? PART_PREFIX : WHOLE_PREFIX;
    for (let i = 0; i < SALT_BYTES; i++) bytes[from + 1 + i] = salts[saltAt + i];
    for (let i = 0; i < placeBytes; i++) bytes[at - placeBytes + i] = place![i];
    sha256Into(new Uint8Array(bytes.buffer, bytes.byteOffset + from, at + length - from), row, to);
    for (let i = 0; from + i < at; i++) bytes[from + i] = lent[i];
  };

  /** The leaves, from the second place of the row on: the first lends its last byte. */
  const layLeaves = (items: SaltedItems): void => {
    const { bytes, start, count, salts, long } = items;
    requireSound(items);
    if (row.length < DIGEST_BYTES * (count + 1)) row = new Uint8Array(DIGEST_BYTES * (count + 1));
    if (long.length < count)
      core.saltedLeaves.hash(bytes.subarray(start), count, salts, longFrom - 1, row, DIGEST_BYTES);
    for (const item of long) hashLong(items, item);
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
      if (sha256Into) sha256Into(children, row, digestAt);
      else row.set(core.sha256.hash(children), digestAt);
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
