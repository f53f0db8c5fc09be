/**
 * GHASH (NIST SP 800-38D section 6.4) without secret-indexed loads. What flows through here: blocks are
 * multiplied four at a time, X1·H⁴ + X2·H³ + X3·H² + X4·H, and reduced once. A table lookup is a swizzle: the
 * sixteen multiples of a power by a nibble stand in one register for each byte of the product, all registers
 * are read in a fixed order, and the sixteen bytes of a block are looked up at once.
 *
 * As in the standard, the first bit of a string (the high bit of byte 0) is the coefficient of x⁰, so
 * multiplying by x moves a string right. Tables: for power p, vector o holds in lane n byte o of H^p · n,
 * unreduced (17 bytes), n being a nibble with its high bit x⁰.
 */

const VECTORS: i32 = 17;
const POWER_BYTES: i32 = VECTORS * 16;

/** Bytes of the tables of one key: four powers of H, the fourth first. */
export const TABLES_BYTES: i32 = 4 * POWER_BYTES;

/** The running value, then up to three blocks that wait for a fourth. */
const VALUE: usize = memory.data(16, 16);
const WAITING: usize = memory.data(4 * 16, 16);
const SCRATCH: usize = memory.data(16, 16);
let waiting: i32 = 0;

// @ts-ignore: decorator
@inline function lookup(table: v128, nibbles: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, nibbles);
  return i8x16.swizzle(table, nibbles);
}

// @ts-ignore: decorator
@inline function reverse(block: v128): v128 {
  return i8x16.swizzle(block, i8x16(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
}

/** Moves the 16 bytes of `block` one place on; byte 0 becomes the last byte of `before`. */
// @ts-ignore: decorator
@inline function nextByte(before: v128, block: v128): v128 {
  return v128.shuffle<u8>(before, block, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30);
}

/** Makes the tables of H, H², H³ and H⁴ for the 16-byte hash key at `key`. */
export function makeTables(key: usize, tables: usize): void {
  const zero = i8x16.splat(0);
  const h = v128.load(key);
  let power = h;
  makeTable(power, tables + 3 * POWER_BYTES);
  // Only the table of H is made yet, in the last place: the other three blocks are zero there.
  for (let place: i32 = 2; place >= 0; place--) {
    power = sumOfProducts(tables, zero, zero, zero, power);
    makeTable(power, tables + place * POWER_BYTES);
  }
}

/** The table of one power: each lane adds those of the power's four shifts that its number names. */
function makeTable(power: v128, table: usize): void {
  const bit3 = i8x16(0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1);
  const bit2 = i8x16(0, 0, 0, 0, -1, -1, -1, -1, 0, 0, 0, 0, -1, -1, -1, -1);
  const bit1 = i8x16(0, 0, -1, -1, 0, 0, -1, -1, 0, 0, -1, -1, 0, 0, -1, -1);
  const bit0 = i8x16(0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1);
  v128.store(SCRATCH, power);
  let before: u32 = 0;
  for (let byte: usize = 0; byte < 17; byte++) {
    // The last byte of the shifted strings holds only what was pushed out of byte 15.
    const here = byte < 16 ? (load<u8>(SCRATCH + byte) as u32) : 0;
    const pair = (before << 8) | here;
    let vector = v128.and(bit3, i8x16.splat(here as i8));
    vector = v128.xor(vector, v128.and(bit2, i8x16.splat((pair >> 1) as i8)));
    vector = v128.xor(vector, v128.and(bit1, i8x16.splat((pair >> 2) as i8)));
    vector = v128.xor(vector, v128.and(bit0, i8x16.splat((pair >> 3) as i8)));
    v128.store(table + 16 * byte, vector);
    before = here;
  }
  memory.fill(SCRATCH, 0, 16);
}

/** a·H⁴ + b·H³ + c·H² + d·H. */
function sumOfProducts(tables: usize, a: v128, b: v128, c: v128, d: v128): v128 {
  const low = i8x16.splat(15);
  const ah = i8x16.shr_u(a, 4), al = v128.and(a, low);
  const bh = i8x16.shr_u(b, 4), bl = v128.and(b, low);
  const ch = i8x16.shr_u(c, 4), cl = v128.and(c, low);
  const dh = i8x16.shr_u(d, 4), dl = v128.and(d, low);
  const zero = i8x16.splat(0);
  // Lane i of what is looked up for byte o belongs at place i + o: from the last byte on, what is there is
  // moved one place and the next is added. High nibbles and low ones (four bits further) apart; two vectors each.
  let high0 = zero, high1 = zero, low0 = zero, low1 = zero;
  for (let at = tables + 16 * (VECTORS - 1); at >= tables; at -= 16) {
    high1 = nextByte(high0, high1);
    low1 = nextByte(low0, low1);
    high0 = nextByte(zero, high0);
    low0 = nextByte(zero, low0);
    const t4 = v128.load(at, 0);
    const t3 = v128.load(at, POWER_BYTES);
    const t2 = v128.load(at, 2 * POWER_BYTES);
    const t1 = v128.load(at, 3 * POWER_BYTES);
    high0 = v128.xor(high0, v128.xor(v128.xor(lookup(t4, ah), lookup(t3, bh)), v128.xor(lookup(t2, ch), lookup(t1, dh))));
    low0 = v128.xor(low0, v128.xor(v128.xor(lookup(t4, al), lookup(t3, bl)), v128.xor(lookup(t2, cl), lookup(t1, dl))));
  }
  const first = v128.xor(high0, fourBitsOn(zero, low0));
  const second = v128.xor(high1, fourBitsOn(low0, low1));
  return reduce(first, second);
}

/** `block` moved four bits on, the last four bits of `before` coming in. */
// @ts-ignore: decorator
@inline function fourBitsOn(before: v128, block: v128): v128 {
  return v128.or(i8x16.shr_u(block, 4), i8x16.shl(nextByte(before, block), 4));
}

/** The remainder of a 256-bit string by x¹²⁸ + x⁷ + x² + x + 1. */
// @ts-ignore: decorator
@inline function reduce(first: v128, second: v128): v128 {
  const front = reverse(first);
  const back = reverse(second);
  let z0: u64 = i64x2.extract_lane(front, 1);
  let z1: u64 = i64x2.extract_lane(front, 0);
  let z2: u64 = i64x2.extract_lane(back, 1);
  const z3: u64 = i64x2.extract_lane(back, 0);
  z1 ^= z3 ^ (z3 >> 1) ^ (z3 >> 2) ^ (z3 >> 7);
  z2 ^= (z3 << 63) ^ (z3 << 62) ^ (z3 << 57);
  z0 ^= z2 ^ (z2 >> 1) ^ (z2 >> 2) ^ (z2 >> 7);
  z1 ^= (z2 << 63) ^ (z2 << 62) ^ (z2 << 57);
  return reverse(i64x2.replace_lane(i64x2.splat(z1), 1, z0));
}

/** Begins a new hash. */
export function beginHash(): void {
  v128.store(VALUE, i8x16.splat(0));
  waiting = 0;
}

/** Adds `length` bytes from `at`; the last block is filled with zeros. */
export function absorb(tables: usize, at: usize, length: i32): void {
  while (length >= 16) {
    if (waiting == 0 && length >= 64) {
      absorbFour(tables, at);
      at += 64;
      length -= 64;
    } else {
      wait(tables, v128.load(at));
      at += 16;
      length -= 16;
    }
  }
  if (length > 0) wait(tables, lastBlock(at, length));
}

/** Adds the block of the two lengths, given in bytes. */
export function absorbLengths(tables: usize, aadBytes: u64, textBytes: u64): void {
  const lengths = i64x2.replace_lane(i64x2.splat(textBytes << 3), 1, aadBytes << 3);
  wait(tables, reverse(lengths));
}

/** The hash of all that was added; wipes the running value. */
export function finishHash(tables: usize): v128 {
  if (waiting > 0) flush(tables);
  const value = v128.load(VALUE);
  memory.fill(VALUE, 0, 16);
  memory.fill(WAITING, 0, 64);
  return value;
}

// @ts-ignore: decorator
@inline function absorbFour(tables: usize, at: usize): void {
  const a = v128.xor(v128.load(VALUE), v128.load(at, 0));
  v128.store(VALUE, sumOfProducts(tables, a, v128.load(at, 16), v128.load(at, 32), v128.load(at, 48)));
}

function wait(tables: usize, block: v128): void {
  v128.store(WAITING + 16 * waiting, block);
  if (++waiting == 4) flush(tables);
}

/** Multiplies what waits: fewer than four blocks stand last, after blocks of zero, which add nothing. */
function flush(tables: usize): void {
  v128.store(WAITING, v128.xor(v128.load(WAITING), v128.load(VALUE)));
  const from = WAITING - 16 * (4 - waiting);
  const zero = i8x16.splat(0);
  const a = waiting > 3 ? v128.load(from) : zero;
  const b = waiting > 2 ? v128.load(from, 16) : zero;
  const c = waiting > 1 ? v128.load(from, 32) : zero;
  v128.store(VALUE, sumOfProducts(tables, a, b, c, v128.load(from, 48)));
  waiting = 0;
}

function lastBlock(at: usize, length: i32): v128 {
  v128.store(SCRATCH, i8x16.splat(0));
  for (let i: usize = 0; i < (length as usize); i++) store<u8>(SCRATCH + i, load<u8>(at + i));
  const block = v128.load(SCRATCH);
  v128.store(SCRATCH, i8x16.splat(0));
  return block;
}
