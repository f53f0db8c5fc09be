/**
 * AES-256 (FIPS 197) in constant time, eight blocks at once. What flows through here: a key becomes fifteen
 * round keys, each spread over eight vectors (one per bit); eight blocks are transposed so that vector i holds
 * bit i of all their bytes (E. Käsper, P. Schwabe, "Faster and timing-attack resistant AES-GCM"), go through
 * fourteen rounds of logic and fixed byte permutations, and are transposed back.
 *
 * Inside, the bytes of a block stand row by row (row r, column c at 4r + c), not column by column as FIPS 197
 * has them: turning the columns is then a move of whole 32-bit lanes.
 */
import { SBOX_CONSTANT, substitute } from './aes-sbox';

/** Bytes of an expanded key: fifteen round keys of eight vectors. */
export const SCHEDULE_BYTES: i32 = 15 * 128;

const ROUND_KEYS: usize = memory.data(15 * 16, 16);
const SLICES: usize = memory.data(8 * 16, 16);

/** Moves bytes between the order of FIPS 197 and row by row; it is its own inverse. */
// @ts-ignore: decorator
@inline function turn(block: v128): v128 {
  return i8x16.swizzle(block, i8x16(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
}

/** Row r is turned left by r bytes (FIPS 197 section 5.1.2). */
// @ts-ignore: decorator
@inline function shiftRows(slice: v128): v128 {
  return i8x16.swizzle(slice, i8x16(0, 1, 2, 3, 5, 6, 7, 4, 10, 11, 8, 9, 15, 12, 13, 14));
}

/** Each row's place taken by the row below it. */
// @ts-ignore: decorator
@inline function nextRow(slice: v128): v128 {
  return v128.shuffle<u32>(slice, slice, 1, 2, 3, 0);
}

/** Each row's place taken by the second row below it. */
// @ts-ignore: decorator
@inline function secondNextRow(slice: v128): v128 {
  return v128.shuffle<u32>(slice, slice, 2, 3, 0, 1);
}

/** Expands the 32 bytes at `key` to {@link SCHEDULE_BYTES} at `schedule` (FIPS 197 section 5.2). */
export function expandKey(key: usize, schedule: usize): void {
  memory.copy(ROUND_KEYS, key, 32);
  let rcon: u32 = 1;
  for (let i: usize = 8; i < 60; i++) {
    let word = load<u32>(ROUND_KEYS + 4 * (i - 1));
    if ((i & 7) == 0) {
      word = substituteWord(rotr(word, 8)) ^ rcon;
      rcon <<= 1;
    } else if ((i & 7) == 4) {
      word = substituteWord(word);
    }
    store<u32>(ROUND_KEYS + 4 * i, load<u32>(ROUND_KEYS + 4 * (i - 8)) ^ word);
  }
  for (let round: usize = 0; round < 15; round++) spreadRoundKey(round, schedule + 128 * round);
  memory.fill(ROUND_KEYS, 0, 15 * 16);
}

/** The S-box on the four bytes of a word: bit i of each byte alone in vector i. */
function substituteWord(word: u32): u32 {
  const all = i32x4.splat(word);
  const low = i8x16.splat(1);
  substitute(
    SLICES,
    v128.and(i32x4.shr_u(all, 7), low), v128.and(i32x4.shr_u(all, 6), low),
    v128.and(i32x4.shr_u(all, 5), low), v128.and(i32x4.shr_u(all, 4), low),
    v128.and(i32x4.shr_u(all, 3), low), v128.and(i32x4.shr_u(all, 2), low),
    v128.and(i32x4.shr_u(all, 1), low), v128.and(all, low),
  );
  let substituted = i8x16.splat(SBOX_CONSTANT);
  for (let bit: i32 = 0; bit < 8; bit++) {
    const slice = v128.load(SLICES + 16 * bit);
    substituted = v128.xor(substituted, i32x4.shl(slice, bit));
  }
  memory.fill(SLICES, 0, 128);
  return i32x4.extract_lane(substituted, 0);
}

/** Bit i of every byte of a round key fills the byte of vector i: the same key for all eight blocks. */
function spreadRoundKey(round: usize, to: usize): void {
  let key = turn(v128.load(ROUND_KEYS + 16 * round));
  if (round > 0) key = v128.xor(key, i8x16.splat(SBOX_CONSTANT));
  for (let bit: i32 = 0; bit < 8; bit++) {
    const lone = v128.and(key, i8x16.splat(((1 as i32) << bit) as i8));
    v128.store(to + 16 * bit, i8x16.ne(lone, i8x16.splat(0)));
  }
}

/** Encrypts `count` blocks in place at `at`; works on whole groups of eight, so room must be there for them. */
export function encryptBlocks(schedule: usize, at: usize, count: i32): void {
  for (; count > 0; count -= 8, at += 128) encryptEight(schedule, at);
}

/** Exchanges the bits of `b` under `mask` with those of `a` under `mask << n`; leaves the new `b` for the caller. */
// @ts-ignore: decorator
@inline function difference(a: v128, b: v128, n: i32, mask: v128): v128 {
  return v128.and(v128.xor(i64x2.shr_u(a, n), b), mask);
}

/** Turns eight blocks into the eight vectors of their bits, and back. */
function transpose(at: usize): void {
  let a = v128.load(at, 0);
  let b = v128.load(at, 16);
  let c = v128.load(at, 32);
  let d = v128.load(at, 48);
  let e = v128.load(at, 64);
  let f = v128.load(at, 80);
  let g = v128.load(at, 96);
  let h = v128.load(at, 112);
  let t: v128;

  let mask = i8x16.splat(0x55);
  t = difference(a, b, 1, mask); b = v128.xor(b, t); a = v128.xor(a, i64x2.shl(t, 1));
  t = difference(c, d, 1, mask); d = v128.xor(d, t); c = v128.xor(c, i64x2.shl(t, 1));
  t = difference(e, f, 1, mask); f = v128.xor(f, t); e = v128.xor(e, i64x2.shl(t, 1));
  t = difference(g, h, 1, mask); h = v128.xor(h, t); g = v128.xor(g, i64x2.shl(t, 1));
  mask = i8x16.splat(0x33);
  t = difference(a, c, 2, mask); c = v128.xor(c, t); a = v128.xor(a, i64x2.shl(t, 2));
  t = difference(b, d, 2, mask); d = v128.xor(d, t); b = v128.xor(b, i64x2.shl(t, 2));
  t = difference(e, g, 2, mask); g = v128.xor(g, t); e = v128.xor(e, i64x2.shl(t, 2));
  t = difference(f, h, 2, mask); h = v128.xor(h, t); f = v128.xor(f, i64x2.shl(t, 2));
  mask = i8x16.splat(0x0f);
  t = difference(a, e, 4, mask); e = v128.xor(e, t); a = v128.xor(a, i64x2.shl(t, 4));
  t = difference(b, f, 4, mask); f = v128.xor(f, t); b = v128.xor(b, i64x2.shl(t, 4));
  t = difference(c, g, 4, mask); g = v128.xor(g, t); c = v128.xor(c, i64x2.shl(t, 4));
  t = difference(d, h, 4, mask); h = v128.xor(h, t); d = v128.xor(d, i64x2.shl(t, 4));

  v128.store(at, a, 0);
  v128.store(at, b, 16);
  v128.store(at, c, 32);
  v128.store(at, d, 48);
  v128.store(at, e, 64);
  v128.store(at, f, 80);
  v128.store(at, g, 96);
  v128.store(at, h, 112);
}

function encryptEight(schedule: usize, at: usize): void {
  for (let block: usize = 0; block < 128; block += 16) v128.store(at + block, turn(v128.load(at + block)));
  transpose(at);
  let a = v128.xor(v128.load(at, 0), v128.load(schedule, 0));
  let b = v128.xor(v128.load(at, 16), v128.load(schedule, 16));
  let c = v128.xor(v128.load(at, 32), v128.load(schedule, 32));
  let d = v128.xor(v128.load(at, 48), v128.load(schedule, 48));
  let e = v128.xor(v128.load(at, 64), v128.load(schedule, 64));
  let f = v128.xor(v128.load(at, 80), v128.load(schedule, 80));
  let g = v128.xor(v128.load(at, 96), v128.load(schedule, 96));
  let h = v128.xor(v128.load(at, 112), v128.load(schedule, 112));
  const last = schedule + 14 * 128;
  for (let key = schedule + 128; ; key += 128) {
    substitute(at, h, g, f, e, d, c, b, a);
    a = shiftRows(v128.load(at, 0));
    b = shiftRows(v128.load(at, 16));
    c = shiftRows(v128.load(at, 32));
    d = shiftRows(v128.load(at, 48));
    e = shiftRows(v128.load(at, 64));
    f = shiftRows(v128.load(at, 80));
    g = shiftRows(v128.load(at, 96));
    h = shiftRows(v128.load(at, 112));
    if (key == last) break;

    // MixColumns (FIPS 197 section 5.1.3): with s = x + nextRow(x), each byte becomes 2·s + nextRow(x) + secondNextRow(s).
    const na = nextRow(a), nb = nextRow(b), nc = nextRow(c), nd = nextRow(d);
    const ne = nextRow(e), nf = nextRow(f), ng = nextRow(g), nh = nextRow(h);
    const sa = v128.xor(a, na), sb = v128.xor(b, nb), sc = v128.xor(c, nc), sd = v128.xor(d, nd);
    const se = v128.xor(e, ne), sf = v128.xor(f, nf), sg = v128.xor(g, ng), sh = v128.xor(h, nh);
    a = v128.xor(v128.xor(v128.xor(na, secondNextRow(sa)), sh), v128.load(key, 0));
    b = v128.xor(v128.xor(v128.xor(nb, secondNextRow(sb)), v128.xor(sa, sh)), v128.load(key, 16));
    c = v128.xor(v128.xor(v128.xor(nc, secondNextRow(sc)), sb), v128.load(key, 32));
    d = v128.xor(v128.xor(v128.xor(nd, secondNextRow(sd)), v128.xor(sc, sh)), v128.load(key, 48));
    e = v128.xor(v128.xor(v128.xor(ne, secondNextRow(se)), v128.xor(sd, sh)), v128.load(key, 64));
    f = v128.xor(v128.xor(v128.xor(nf, secondNextRow(sf)), se), v128.load(key, 80));
    g = v128.xor(v128.xor(v128.xor(ng, secondNextRow(sg)), sf), v128.load(key, 96));
    h = v128.xor(v128.xor(v128.xor(nh, secondNextRow(sh)), sg), v128.load(key, 112));
  }
  v128.store(at, v128.xor(a, v128.load(last, 0)), 0);
  v128.store(at, v128.xor(b, v128.load(last, 16)), 16);
  v128.store(at, v128.xor(c, v128.load(last, 32)), 32);
  v128.store(at, v128.xor(d, v128.load(last, 48)), 48);
  v128.store(at, v128.xor(e, v128.load(last, 64)), 64);
  v128.store(at, v128.xor(f, v128.load(last, 80)), 80);
  v128.store(at, v128.xor(g, v128.load(last, 96)), 96);
  v128.store(at, v128.xor(h, v128.load(last, 112)), 112);
  transpose(at);
  for (let block: usize = 0; block < 128; block += 16) v128.store(at + block, turn(v128.load(at + block)));
}
