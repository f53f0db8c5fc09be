/**
 * The first two rounds of AES over the counter blocks of one message (NIST SP 800-38A section 6.5), which differ in
 * their last byte alone. What flows through here: the rounds of what they share are made once for up to 256 blocks.
 * After the first round a block differs from the others in one column, which follows from one byte; after the second
 * each byte follows from one byte of that column. So the last bytes of sixteen blocks go through the S-box together,
 * then the columns of four, and a block is put together from what it shares and what it does not: after D. J.
 * Bernstein, P. Schwabe, "New AES Software Speed Records" (INDOCRYPT 2008), section on counter mode.
 */
import {
  doubleTable0, doubleTable1, inverseTable, quotientTable, singleTable0, singleTable1, toBasis,
} from './aes-nibbles';
import { nextRow, previousRow, shiftRows, turn } from './aes-order';
import { clear } from './memory';
import { highNibbles, lookup, lowNibbles } from './nibbles';

/** The last bytes of up to 256 blocks after the S-box, and their doubles. */
const SINGLES: usize = memory.data(256, 16);
const DOUBLES: usize = memory.data(256, 16);

/**
 * What blocks share after two rounds, then their column after one. It lies in memory because what V8 is free to compute
 * later it computes again in every turn of a loop; what is loaded before the loop it keeps.
 */
const SHARED: usize = memory.data(32, 16);

/** Rounds that are done when {@link startCounters} returns. */
export const ROUNDS_STARTED: i32 = 2;

/**
 * Writes `count` states to `at`, of the blocks that count from `counter` on in `iv`, whose last four bytes are zero.
 * It may write three states more.
 */
export function startCounters(schedule: usize, at: usize, iv: v128, counter: u32, count: i32): void {
  while (count > 0) {
    const sharing = min(count, 256 - ((counter & 255) as i32));
    startSharing(schedule, at, i32x4.replace_lane(iv, 3, bswap(counter & 0xffffff00)), counter, sharing);
    at += 16 * sharing;
    counter += sharing;
    count -= sharing;
  }
}

/** Blocks that share all of `block` but the last byte. */
// @ts-ignore: decorator
@inline function startSharing(schedule: usize, at: usize, block: v128, counter: u32, count: i32): void {
  const key0 = v128.load(schedule);
  const shared0 = shiftRows(v128.xor(toBasis(turn(block)), key0));
  // The last byte stands at place 12 once its row has turned; then its column at 0, 7, 10 and 13.
  const but12 = i8x16(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, -1, -1, -1);
  const shared1 = mixed(v128.and(single(shared0), but12), v128.and(double(shared0), but12), v128.load(schedule, 16));
  const turned1 = shiftRows(shared1);
  const butColumn = i8x16(0, -1, -1, -1, -1, -1, -1, 0, -1, -1, 0, -1, -1, 0, -1, -1);
  const shared2 = mixed(v128.and(single(turned1), butColumn), v128.and(double(turned1), butColumn), v128.load(schedule, 32));
  substituteLastBytes(i8x16.swizzle(key0, i8x16.splat(15)), counter, count);
  v128.store(SHARED, shared2);
  v128.store(SHARED, i8x16.swizzle(shared1, i8x16(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12)), 16);
  startFours(at, count);
  clear(SHARED, 32);
  clear(SINGLES, count);
  clear(DOUBLES, count);
}

/** The last bytes of `count` blocks after the S-box, to {@link SINGLES} and {@link DOUBLES}. */
// @ts-ignore: decorator
@inline function substituteLastBytes(key: v128, counter: u32, count: i32): void {
  let bytes = i8x16.add(i8x16.splat(counter as i8), i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  for (let block: i32 = 0; block < count; block += 16) {
    const x = v128.xor(toBasis(bytes), key);
    v128.store(SINGLES + block, single(x));
    v128.store(DOUBLES + block, double(x));
    bytes = i8x16.add(bytes, i8x16.splat(16));
  }
}

// @ts-ignore: decorator
@inline function startFours(at: usize, count: i32): void {
  const shared = v128.load(SHARED), column = v128.load(SHARED, 16);
  for (let block: i32 = 0; block < count; block += 4, at += 64) startFour(at, block, column, shared);
}

/**
 * Four blocks from number `block` on. After MixColumns the column that they do not share is, by row, x, x, 3x and 2x, x
 * being the last byte after the S-box; the columns of four blocks stand side by side.
 */
// @ts-ignore: decorator
@inline function startFour(at: usize, block: i32, column: v128, shared: v128): void {
  const once = v128.and(v128.load32_splat(SINGLES + block), i32x4(-1, -1, -1, 0));
  const twice = v128.and(v128.load32_splat(DOUBLES + block), i32x4(0, 0, -1, -1));
  const x = v128.xor(column, v128.xor(once, twice));
  const s = single(x), d = double(x);
  startOne(at, s, d, shared, 0);
  startOne(at + 16, s, d, shared, 1);
  startOne(at + 32, s, d, shared, 2);
  startOne(at + 48, s, d, shared, 3);
}

/**
 * MixColumns of a state in which each column has one byte that is not zero: that of row 0, 3, 2 and 1. Row r of block
 * `n` stands at place 4r + n of `s`, and of `d`, its double.
 */
// @ts-ignore: decorator
@inline function startOne(at: usize, s: v128, d: v128, shared: v128, n: i8): void {
  const ones = i8x16(-1, 12, 8, 4, 0, 12, 8, -1, 0, 12, -1, 4, 0, -1, 8, 4);
  const twos = i8x16(0, -1, -1, 4, -1, -1, 8, 4, -1, 12, 8, -1, 0, 12, -1, -1);
  v128.store(at, v128.xor(shared, v128.xor(i8x16.swizzle(s, ofBlock(ones, n)), i8x16.swizzle(d, ofBlock(twos, n)))));
}

/** Places of block `n`; -1, which is none, stays none. */
// @ts-ignore: decorator
@inline function ofBlock(places: v128, n: i8): v128 {
  return v128.or(places, i8x16.splat(n));
}

/** MixColumns and AddRoundKey, as in aes.ts. */
// @ts-ignore: decorator
@inline function mixed(single: v128, double: v128, key: v128): v128 {
  const p = v128.xor(double, nextRow(single));
  return v128.xor(v128.xor(v128.xor(p, key), previousRow(single)), nextRow(p));
}

// @ts-ignore: decorator
@inline function single(x: v128): v128 {
  return v128.xor(lookup(singleTable0(), inverted0(x)), lookup(singleTable1(), inverted1(x)));
}

// @ts-ignore: decorator
@inline function double(x: v128): v128 {
  return v128.xor(lookup(doubleTable0(), inverted0(x)), lookup(doubleTable1(), inverted1(x)));
}

/** The two results of the inversion (aes-nibbles.ts). */
// @ts-ignore: decorator
@inline function inverted0(x: v128): v128 {
  const i = highNibbles(x), k = lowNibbles(x);
  const iak = v128.xor(lookup(inverseTable(), i), lookup(quotientTable(), k));
  return v128.xor(lookup(inverseTable(), iak), v128.xor(i, k));
}

// @ts-ignore: decorator
@inline function inverted1(x: v128): v128 {
  const i = highNibbles(x), k = lowNibbles(x);
  const jak = v128.xor(lookup(inverseTable(), v128.xor(i, k)), lookup(quotientTable(), k));
  return v128.xor(lookup(inverseTable(), jak), i);
}
