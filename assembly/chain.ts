/**
 * Hash chain. What flows through here: the running head and a list of records, each already behind its prefix
 * byte 0; the leaf hashes are made four at a time and each is then replaced by its head
 * SHA-256(0x02 ‖ head ‖ leaf hash). A batch takes one step for all its records:
 * SHA-256(0x03 ‖ head ‖ u32be count ‖ Merkle root). The head stands in the first 32 bytes of the input.
 */
import { AREA_BYTES, clear, inputArea, outputArea } from './memory';
import { finishTree } from './merkle-tree';
import { hashList } from './sha256-lanes';
import { copyDigest, hashPair, preparePairs, wipePairs } from './sha256-pair';
import { hashMessage } from './sha256-stream';

const HEAD_BYTES: usize = 32;
const STEP_PREFIX: u8 = 2;
const BATCH_PREFIX: u8 = 3;
/** The message of a batch step: prefix, head, count, root. */
const BATCH: usize = memory.data(80, 16);
const BATCH_ROOM: usize = 80;
const BATCH_BYTES: i32 = 69;

/** Appends the list of `count` prefixed records behind the head; head i begins at byte 32i of the output. */
export function chainAppend(count: i32): void {
  assert(count >= 0 && count <= AREA_BYTES / 32, "count outside the output area");
  hashList(inputArea() + HEAD_BYTES, inputArea() + AREA_BYTES, count, outputArea());
  linkAll(count);
}

/** Appends `count` leaf hashes that stand behind the head. */
export function chainAppendHashes(count: i32): void {
  assert(count >= 0 && count <= AREA_BYTES / 32 - 1, "count outside the input area");
  memory.copy(outputArea(), inputArea() + HEAD_BYTES, 32 * count);
  linkAll(count);
}

/** Writes the head after a batch of `count` records, whose Merkle tree has been built (see merkle). */
export function chainAppendBatch(count: u32): void {
  store<u8>(BATCH, BATCH_PREFIX);
  copyDigest(BATCH + 1, inputArea());
  store<u32>(BATCH + 33, bswap<u32>(count));
  finishTree(BATCH + 37);
  hashMessage(BATCH, BATCH_BYTES, outputArea());
  clear(BATCH, BATCH_ROOM);
}

/** Replaces each leaf hash of the output by the head after it. */
function linkAll(count: i32): void {
  preparePairs(STEP_PREFIX);
  let head = inputArea();
  for (let leaf = outputArea(); count > 0; count--, leaf += 32) {
    hashPair(head, leaf, leaf);
    head = leaf;
  }
  wipePairs();
}
