/**
 * GHASH (NIST SP 800-38D section 6.4). What flows through here: blocks wait until there are eight; together with
 * the running value they are multiplied by eight powers of H and reduced once, X1·H⁸ + … + X8·H. At the end
 * what waits is multiplied by as many powers.
 */
import { addToFirst, bringBlock, multiplyMany, reverse, TABLE_BYTES, wipeBlocks } from './ghash-product';
import { POWERS } from './ghash-tables';
import { firstBytes } from './memory';

let waiting: i32 = 0;

/** The running value; it is added to the first block that waits. */
const VALUE: usize = memory.data(16, 16);

/** Begins a new hash. */
// @ts-ignore: decorator
@inline
export function beginHash(): void {
  v128.store(VALUE, i8x16.splat(0));
  waiting = 0;
}

/** Adds `length` bytes from `at`; the last block is filled with zeros, whatever follows it in memory. */
export function absorb(tables: usize, at: usize, length: i32): void {
  for (; length >= 16; length -= 16, at += 16) wait(tables, v128.load(at));
  if (length > 0) wait(tables, firstBytes(v128.load(at), length));
}

/** Adds the block of the two lengths, given in bytes. */
export function absorbLengths(tables: usize, aadBytes: u64, textBytes: u64): void {
  const lengths = i64x2.replace_lane(i64x2.splat(textBytes << 3), 1, aadBytes << 3);
  wait(tables, reverse(lengths));
}

/** The hash of all that was added; wipes what is held here. */
export function finishHash(tables: usize): v128 {
  if (waiting > 0) multiply(tables);
  const value = v128.load(VALUE);
  v128.store(VALUE, i8x16.splat(0));
  wipeBlocks();
  return value;
}

// @ts-ignore: decorator
@inline function wait(tables: usize, block: v128): void {
  bringBlock(waiting, block);
  if (++waiting == POWERS) multiply(tables);
}

function multiply(tables: usize): void {
  addToFirst(v128.load(VALUE));
  v128.store(VALUE, multiplyMany(tables + (POWERS - waiting) * TABLE_BYTES, waiting));
  waiting = 0;
}
