/**
 * Merkle tree hash (RFC 6962 section 2.1) as the host sees it: start, any number of pieces, finish. What flows
 * through here: a list of leaves, each already behind its prefix byte 0, or leaf hashes made elsewhere; at the
 * end one root in the output area. A tree holds at most 2^32 - 1 leaves.
 */
import { AREA_BYTES, inputArea, outputArea } from './memory';
import { appendRow, finishTree, NODE_PREFIX, startTree } from './merkle-tree';
import { hashList } from './sha256-lanes';
import { hashPair, preparePairs, wipePairs } from './sha256-pair';

export function merkleStart(): void {
  startTree();
}

/** Appends the list of `count` prefixed leaves in the input. */
export function merkleAppend(count: i32): void {
  assert(count >= 0 && count < AREA_BYTES / 32, "count outside the output area");
  hashList(inputArea(), inputArea() + AREA_BYTES, count, outputArea() + 32);
  appendRow(outputArea(), count);
}

/** Appends `count` leaf hashes that stand in the input. */
export function merkleAppendHashes(count: i32): void {
  assert(count >= 0 && count < AREA_BYTES / 32, "count outside the output area");
  memory.copy(outputArea() + 32, inputArea(), 32 * count);
  appendRow(outputArea(), count);
}

/** Writes the root and forgets the tree. */
export function merkleFinish(): void {
  finishTree(outputArea());
}

/** Writes the hash of the two digests that stand in the input. */
export function merkleNode(): void {
  preparePairs(NODE_PREFIX);
  hashPair(inputArea(), inputArea() + 32, outputArea());
  wipePairs();
}
