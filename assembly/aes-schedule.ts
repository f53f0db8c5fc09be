/**
 * The AES-256 key schedule (FIPS 197 section 5.2) in constant time. What flows through here: a key becomes fifteen
 * round keys; each is put in the order and the basis that the rounds of aes.ts work in.
 */
import { inverseTable, quotientTable, substituteLast, toBasis } from './aes-nibbles';
import { turn } from './aes-order';

/** Bytes of an expanded key: fifteen round keys. */
export const SCHEDULE_BYTES: i32 = 15 * 16;

/** What the lookups leave to add to each substituted byte: it is added to the round keys instead. */
const SBOX_CONSTANT: i8 = 0x63;

/** Expands the 32 bytes at `key` to {@link SCHEDULE_BYTES} at `schedule`. */
export function expandKey(key: usize, schedule: usize): void {
  memory.copy(schedule, key, 32);
  let rcon: u32 = 1;
  for (let at = schedule + 32; at < schedule + SCHEDULE_BYTES; at += 32, rcon <<= 1) {
    expandFour(at, substituteWord(rotr(load<u32>(at - 4), 8)) ^ rcon);
    if (at < schedule + SCHEDULE_BYTES - 16) expandFour(at + 16, substituteWord(load<u32>(at + 12)));
  }
  const last = schedule + SCHEDULE_BYTES - 16;
  const constant = i8x16.splat(SBOX_CONSTANT);
  v128.store(schedule, toBasis(turn(v128.load(schedule))));
  for (let at = schedule + 16; at < last; at += 16) {
    v128.store(at, toBasis(v128.xor(turn(v128.load(at)), constant)));
  }
  v128.store(last, v128.xor(turn(v128.load(last)), constant));
}

/** The next four words: each adds the one before it, the first `first`, to the word eight before. */
// @ts-ignore: decorator
@inline function expandFour(at: usize, first: u32): void {
  let words = v128.load(at - 32);
  const zero = i8x16.splat(0);
  words = v128.xor(words, v128.shuffle<u32>(zero, words, 0, 4, 5, 6));
  words = v128.xor(words, v128.shuffle<u32>(zero, words, 0, 0, 4, 5));
  v128.store(at, v128.xor(words, i32x4.splat(first)));
}

// @ts-ignore: decorator
@inline function substituteWord(word: u32): u32 {
  const substituted = substituteLast(toBasis(i32x4.splat(word)), inverseTable(), quotientTable());
  return i32x4.extract_lane(v128.xor(substituted, i8x16.splat(SBOX_CONSTANT)), 0);
}
