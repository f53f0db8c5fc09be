/**
 * The keystream of counter mode (NIST SP 800-38D section 6.5). What flows through here: counter blocks, of one
 * message or of several under one key, are laid out in a window, encrypted together so that no lane of the
 * cipher runs empty, and combined with the texts; at the end the part that was used is wiped.
 */
import { encryptBlocks } from './aes';
import { firstBytes, wipeArea } from './memory';

/** Blocks that the window holds. */
export const WINDOW_BLOCKS: i32 = 256;

const WINDOW: usize = memory.data(WINDOW_BLOCKS * 16, 16);
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

/** Lays out `count` counter blocks from window block `first` on, counting from `counter`. */
// @ts-ignore: decorator
@inline
export function layCounters(first: i32, iv: v128, counter: u32, count: i32): void {
  assert(first >= 0 && count >= 0 && first + count <= WINDOW_BLOCKS, "outside the keystream window");
  for (let at = windowBlock(first), end = windowBlock(first + count); at < end; at += 16) {
    v128.store(at, i32x4.replace_lane(iv, 3, bswap(counter++)));
  }
}

/** Encrypts the first `count` blocks of the window. */
export function encryptWindow(schedule: usize, count: i32): void {
  assert(count <= WINDOW_BLOCKS, "outside the keystream window");
  encryptBlocks(schedule, WINDOW, count);
  used = max(used, (count + 7) & ~7);
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
