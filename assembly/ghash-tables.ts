/**
 * What GHASH looks up: the multiples of eight powers of the hash key. What flows through here: the powers H to H⁸
 * are made one from the other; for each, vector o of sixteen holds in lane n byte o of n · power, where n is a
 * nibble with its high bit x⁰. Multiplication by x moves a string right, as the first bit of a string (the high
 * bit of byte 0) is the coefficient of x⁰ (NIST SP 800-38D section 6.3).
 */
import { bringBlock, multiplyMany, TABLE_BYTES, wipeBlocks } from './ghash-product';

/** Powers of H that stand ready: as many blocks are multiplied before one reduction. */
export const POWERS: i32 = 8;

/** Bytes of the tables of one key, the highest power first. */
export const TABLES_BYTES: i32 = POWERS * TABLE_BYTES;

/** Makes the tables for the 16-byte hash key `h`. */
// @ts-ignore: decorator
@inline export function makeTables(h: v128, tables: usize): void {
  const ofH = tables + (POWERS - 1) * TABLE_BYTES;
  makeTable(h, ofH);
  let power = h;
  for (let table = ofH - TABLE_BYTES; table >= tables; table -= TABLE_BYTES) {
    bringBlock(0, power);
    power = multiplyMany(ofH, 1);
    makeTable(power, table);
  }
  wipeBlocks();
}

/**
 * The two high bits of a lane's number name one of 0, power · x, power and their sum; the two low bits one of 0,
 * power · x³, power · x² and their sum.
 */
function makeTable(power: v128, table: usize): void {
  const zero = i8x16.splat(0);
  const byX = timesX(power), byX2 = timesX(timesX(power)), byX3 = timesX(timesX(timesX(power)));
  const upper01 = firstBytes(zero, byX), upper23 = firstBytes(power, v128.xor(power, byX));
  const upper01b = lastBytes(zero, byX), upper23b = lastBytes(power, v128.xor(power, byX));
  const lower01 = firstBytes(zero, byX3), lower23 = firstBytes(byX2, v128.xor(byX2, byX3));
  const lower01b = lastBytes(zero, byX3), lower23b = lastBytes(byX2, v128.xor(byX2, byX3));
  makeFour(firstPairs(upper01, upper23), firstPairs(lower01, lower23), table);
  makeFour(lastPairs(upper01, upper23), lastPairs(lower01, lower23), table + 64);
  makeFour(firstPairs(upper01b, upper23b), firstPairs(lower01b, lower23b), table + 128);
  makeFour(lastPairs(upper01b, upper23b), lastPairs(lower01b, lower23b), table + 192);
}

/** Four vectors, from the four bytes that each has of `upper` and of `lower`. */
// @ts-ignore: decorator
@inline function makeFour(upper: v128, lower: v128, at: usize): void {
  makeVector(upper, lower, 0, at);
  makeVector(upper, lower, 4, at + 16);
  makeVector(upper, lower, 8, at + 32);
  makeVector(upper, lower, 12, at + 48);
}

// @ts-ignore: decorator
@inline function makeVector(upper: v128, lower: v128, from: i8, at: usize): void {
  const high = i8x16.add(i8x16(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3), i8x16.splat(from));
  const low = i8x16.add(i8x16(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3), i8x16.splat(from));
  v128.store(at, v128.xor(i8x16.swizzle(upper, high), i8x16.swizzle(lower, low)));
}

/** The first eight bytes of both, in turns. */
// @ts-ignore: decorator
@inline function firstBytes(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** The last eight bytes of both, in turns. */
// @ts-ignore: decorator
@inline function lastBytes(a: v128, b: v128): v128 {
  return v128.shuffle<u8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/** The first four pairs of bytes of both, in turns. */
// @ts-ignore: decorator
@inline function firstPairs(a: v128, b: v128): v128 {
  return v128.shuffle<u16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

/** The last four pairs of bytes of both, in turns. */
// @ts-ignore: decorator
@inline function lastPairs(a: v128, b: v128): v128 {
  return v128.shuffle<u16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** block · x: one bit on; where the last bit falls out, x¹²⁸ = x⁷ + x² + x + 1 is added. */
// @ts-ignore: decorator
@inline function timesX(block: v128): v128 {
  const carried = v128.shuffle<u8>(i8x16.splat(0), block, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
  const moved = v128.or(i8x16.shr_u(block, 1), i8x16.shl(carried, 7));
  const fallen = i8x16.neg(v128.and(i8x16.swizzle(block, i8x16.splat(15)), i8x16.splat(1)));
  return v128.xor(moved, v128.and(fallen, i8x16(-0x1f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)));
}
