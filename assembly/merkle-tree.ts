/**
 * A Merkle tree (RFC 6962 section 2.1) that grows by rows of leaf hashes. What flows through here: the row is
 * halved level by level, four pairs at a time; the odd hash at the end of a row waits as the pending left sibling
 * of its level. At the end the pending hashes are folded from the lowest level up. There is one tree at a time.
 */
import { clear } from './memory';
import { copyDigest, hashPair, hashPairs, preparePairs, wipePairs } from './sha256-pair';
import { hashMessage } from './sha256-stream';

export const NODE_PREFIX: u8 = 1;
const LEVELS: usize = 32;

const PENDING: usize = memory.data(1024, 16);
/** Leaves so far; bit i says whether a hash of level i is pending. */
let leaves: u32 = 0;

export function startTree(): void {
  leaves = 0;
}

/**
 * Appends the row of `count` leaf hashes that begins 32 bytes behind `slot`, and destroys it. The slot takes a
 * pending hash where the row needs one before it.
 */
export function appendRow(slot: usize, count: i32): void {
  assert(leaves <= u32.MAX_VALUE - <u32>count, "too many leaves");
  preparePairs(NODE_PREFIX);
  let bits = leaves;
  leaves += count;
  for (let pending = PENDING; count > 0; pending += 32, bits >>>= 1) {
    let row = slot + 32;
    if (bits & 1) {
      row = slot;
      count++;
      copyDigest(row, pending);
    }
    if (count & 1) copyDigest(pending, row + 32 * <usize>(count - 1));
    count >>>= 1;
    hashPairs(row, count, slot + 32);
  }
  wipePairs();
}

/** Writes the root over all pending hashes (of no leaves, the hash of nothing) and forgets the tree. */
export function finishTree(root: usize): void {
  if (leaves > 0) foldPending(root);
  else hashMessage(root, 0, root);
  clear(PENDING, 32 * LEVELS);
  leaves = 0;
}

function foldPending(root: usize): void {
  preparePairs(NODE_PREFIX);
  let level = <usize>ctz(leaves);
  copyDigest(root, PENDING + 32 * level);
  for (level++; level < LEVELS; level++) {
    if ((leaves >>> <u32>level) & 1) hashPair(PENDING + 32 * level, root, root);
  }
  wipePairs();
}
