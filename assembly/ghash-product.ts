/**
 * Products in the field of GHASH (NIST SP 800-38D section 6.3) by lookups in registers. What flows through here:
 * the nibbles of up to eight blocks, each looked up in the tables of its power of H (ghash-tables.ts), are added
 * up as one string of 32 bytes, which is reduced once. A lookup is a swizzle that takes all sixteen bytes of a
 * block at once; tables are read in a fixed order.
 */
import { clear } from './memory';
import { highNibbles, lookup, lowNibbles } from './nibbles';

/** Bytes of the table of one power. */
export const TABLE_BYTES: i32 = 256;

/** The sum so far: two vectors of what high nibbles give, two of what low nibbles give, four bits further on. */
const SUM: usize = memory.data(4 * 16, 16);

/**
 * Up to eight blocks as nibbles: the high ones of all, then the low ones. They lie in memory because what V8 is free to
 * compute later it computes again in every turn of a loop; what is loaded before the loop it keeps.
 */
const HIGH: usize = memory.data(8 * 16, 16);
const LOW: usize = memory.data(8 * 16, 16);

/** Brings block number `place` of those that the next {@link multiplyMany} multiplies. */
// @ts-ignore: decorator
@inline export function bringBlock(place: i32, block: v128): void {
  v128.store(HIGH + 16 * place, highNibbles(block));
  v128.store(LOW + 16 * place, lowNibbles(block));
}

/** Adds to the first block that was brought. */
// @ts-ignore: decorator
@inline export function addToFirst(block: v128): void {
  v128.store(HIGH, v128.xor(v128.load(HIGH), highNibbles(block)));
  v128.store(LOW, v128.xor(v128.load(LOW), lowNibbles(block)));
}

/**
 * The sum of the `count` blocks brought, the first by the table at `tables`, each by the one after that of the one
 * before. The first, to which a value may still be on its way, comes last.
 */
export function multiplyMany(tables: usize, count: i32): v128 {
  clearSum();
  for (; count >= 2; ) {
    count -= 2;
    addTwo(tables + count * TABLE_BYTES, HIGH + 16 * count, LOW + 16 * count);
  }
  if (count > 0) addOne(tables, HIGH, LOW);
  return reduceSum();
}

/** Forgets the blocks that were brought. */
export function wipeBlocks(): void {
  clear(HIGH, 128);
  clear(LOW, 128);
}

// @ts-ignore: decorator
@inline function clearSum(): void {
  const zero = i8x16.splat(0);
  v128.store(SUM, zero, 0);
  v128.store(SUM, zero, 16);
  v128.store(SUM, zero, 32);
  v128.store(SUM, zero, 48);
}

// @ts-ignore: decorator
@inline function addToSum(to: usize, first: v128, second: v128): void {
  v128.store(to, v128.xor(v128.load(to, 0), first), 0);
  v128.store(to, v128.xor(v128.load(to, 16), second), 16);
}

/** Moves the 16 bytes of `block` one place on; byte 0 becomes the last byte of `before`. */
// @ts-ignore: decorator
@inline function nextByte(before: v128, block: v128): v128 {
  return v128.shuffle<u8>(before, block, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
}

// Lane i of what is looked up for byte o belongs at place i + o: from the last byte on, what is there is moved one
// place and the next is added.

/** Two at once: their nibbles and the sums have room in the processor's registers, and each table is loaded once. */
function addTwo(tables: usize, highs: usize, lows: usize): void {
  const aHigh = v128.load(highs), bHigh = v128.load(highs, 16);
  const aLow = v128.load(lows), bLow = v128.load(lows, 16);
  const zero = i8x16.splat(0);
  let high0 = zero, high1 = zero, low0 = zero, low1 = zero;
  for (let byte = tables + TABLE_BYTES - 16; byte >= tables; byte -= 16) {
    high1 = nextByte(high0, high1);
    low1 = nextByte(low0, low1);
    const a = v128.load(byte), b = v128.load(byte, TABLE_BYTES);
    high0 = v128.xor(nextByte(zero, high0), v128.xor(lookup(a, aHigh), lookup(b, bHigh)));
    low0 = v128.xor(nextByte(zero, low0), v128.xor(lookup(a, aLow), lookup(b, bLow)));
  }
  addToSum(SUM, high0, high1);
  addToSum(SUM + 32, low0, low1);
}

function addOne(table: usize, highs: usize, lows: usize): void {
  const high = v128.load(highs), low = v128.load(lows);
  const zero = i8x16.splat(0);
  let high0 = zero, high1 = zero, low0 = zero, low1 = zero;
  for (let byte = table + TABLE_BYTES - 16; byte >= table; byte -= 16) {
    high1 = nextByte(high0, high1);
    low1 = nextByte(low0, low1);
    const t = v128.load(byte);
    high0 = v128.xor(nextByte(zero, high0), lookup(t, high));
    low0 = v128.xor(nextByte(zero, low0), lookup(t, low));
  }
  addToSum(SUM, high0, high1);
  addToSum(SUM + 32, low0, low1);
}

/** The remainder of the sum by x¹²⁸ + x⁷ + x² + x + 1; wipes the sum. */
function reduceSum(): v128 {
  const low0 = v128.load(SUM, 32), low1 = v128.load(SUM, 48);
  const first = v128.xor(v128.load(SUM, 0), fourBitsOn(i8x16.splat(0), low0));
  const second = v128.xor(v128.load(SUM, 16), fourBitsOn(low0, low1));
  clearSum();
  return v128.xor(first, folded(second));
}

/** `block` moved four bits on, the last four bits of `before` coming in. */
// @ts-ignore: decorator
@inline function fourBitsOn(before: v128, block: v128): v128 {
  return v128.or(highNibbles(block), i32x4.shl(lowNibbles(nextByte(before, block)), 4));
}

/** block · x¹²⁸. */
// @ts-ignore: decorator
@inline function folded(block: v128): v128 {
  const back = reverse(block);
  let z2: u64 = i64x2.extract_lane(back, 1);
  const z3: u64 = i64x2.extract_lane(back, 0);
  z2 ^= (z3 << 63) ^ (z3 << 62) ^ (z3 << 57);
  const z1 = z3 ^ (z3 >> 1) ^ (z3 >> 2) ^ (z3 >> 7) ^ (z2 << 63) ^ (z2 << 62) ^ (z2 << 57);
  const z0 = z2 ^ (z2 >> 1) ^ (z2 >> 2) ^ (z2 >> 7);
  return reverse(i64x2.replace_lane(i64x2.splat(z1), 1, z0));
}

// @ts-ignore: decorator
@inline export function reverse(block: v128): v128 {
  return i8x16.swizzle(block, i8x16(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
}
