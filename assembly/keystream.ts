/**
 * The keystream of counter mode (NIST SP 800-38D section 6.5). What flows through here: counter blocks, of one
 * message or of several under one key, are brought through the first rounds into a window, finished together so that
 * no lane of the cipher runs empty, and combined with the texts; at the end the part that was used is wiped.
 */
import { finishBlocks } from './aes';
import { startCounters } from './aes-counter';
import { firstBytes, wipeArea } from './memory';

/** Blocks that the window holds. */
export const WINDOW_BLOCKS: i32 = 256;

/** Blocks that the cipher may write behind those it is asked for. */
const SURPLUS_BLOCKS: i32 = 3;

const WINDOW: usize = memory.data((WINDOW_BLOCKS + SURPLUS_BLOCKS) * 16, 16);
let used: i32 = 0;

/** Address of block number `block` of the window. */
// @ts-ignore: decorator
@inline export function windowBlock(block: i32): usize {
  return WINDOW + 16 * block;
}

/** The first counter block of a 96-bit `iv`, its counter still 0. */
export function ivBlock(iv: usize): v128 {
  return i32x4.replace_lane(i64x2.replace_lane(i64x2.splat(load<u32>(iv, 8) as i64), 0, load<u64>(iv)), 3, 0);
}

/** Begins the key stream of `count` blocks, counting from `counter`, from window block `first` on. */
// @ts-ignore: decorator
@inline
export function beginStream(schedule: usize, first: i32, iv: v128, counter: u32, count: i32): void {
  assert(first >= 0 && count >= 0 && first + count <= WINDOW_BLOCKS, "outside the keystream window");
  startCounters(schedule, windowBlock(first), iv, counter, count);
}

/** Ends what was begun of the first `count` blocks of the window: they are key stream. */
export function finishStream(schedule: usize, count: i32): void {
  assert(count <= WINDOW_BLOCKS, "outside the keystream window");
  finishBlocks(schedule, WINDOW, count);
  used = max(used, count + SURPLUS_BLOCKS);
}

/** `to` = `from` combined with `stream`, `length` bytes; what is left of the last 16 bytes at `to` becomes zero. */
export function combine(stream: usize, from: usize, to: usize, length: i32): void {
  for (; length >= 16; length -= 16, from += 16, to += 16, stream += 16) {
    v128.store(to, v128.xor(v128.load(from), v128.load(stream)));
  }
  if (length > 0) v128.store(to, firstBytes(v128.xor(v128.load(from), v128.load(stream)), length));
}

/** Forgets the keystream. */
export function wipeWindow(): void {
  wipeArea(WINDOW, 16 * used);
  used = 0;
}
