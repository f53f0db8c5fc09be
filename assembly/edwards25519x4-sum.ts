/**
 * Four sums of multiples of public points, for batches: one chain of doublings for all four. What flows through
 * here: each multiple belongs to a group; it is recoded, and every digit that is not zero files a table entry in
 * the bucket of its place and group. Then the buckets are summed up, four of them at a time and the fullest first,
 * so that lanes hardly ever wait for each other; then the buckets' sums of the four groups go down the chain side
 * by side. Filing by place keeps the chain apart from the additions: groups cost nothing but a few multiples of B,
 * and tell which quarter of a batch is wrong. All of it is public.
 */
import { PROJECTIVE_BYTES } from './edwards25519';
import {
  PACKED_BYTES, PACKED_IDENTITY, quadAffineNegate, quadCachedFromAffine, QUAD_CACHED_BYTES, quadPointAddAffine,
  quadPointAddCached, quadPointAddTwoAffine, quadPointClear, quadPointDouble, quadPointDoubleTimes,
  quadPointExtract, quadPointRestore, quadPointSave, quadPointStoreCached,
} from './edwards25519x4';
import { FIELD_BYTES, fieldIsZero, fieldMultiply, fieldSubtract } from './field25519';
import { DIGIT_BYTES, scalarDigits } from './scalar25519';

const GROUPS: i32 = 4;
/** Enough for 16 times a 128-bit number, and the carry of its recoding. */
const PLACES: i32 = 133;
const SPLIT: i32 = 128;
const BUCKETS: i32 = 532;
/** Most entries of a bucket: of each of 16 signatures one for R and two for A, and two for B. */
const BUCKET_ENTRIES: i32 = 50;
const BUCKET_BYTES: i32 = 4 * BUCKET_ENTRIES;
/** Low bits of an entry's address, which is a multiple of 64: whether it is to be subtracted. */
const NEGATIVE: u32 = 1;

const DIGITS: usize = memory.data(256, 16);
const ENTRIES: usize = memory.data(106400, 16);
const LENGTHS: usize = memory.data(2128, 16);
/** How many buckets have each length, then where they begin in ORDER; the buckets by length, the fullest first. */
const STARTS: usize = memory.data(208, 16);
const ORDER: usize = memory.data(2128, 16);
/** For every place the sums of its four buckets, cached. */
const SUMS: usize = memory.data(85120, 16);

const GATHERED: usize = memory.data(512, 16);
const SECOND: usize = memory.data(512, 16);
const SUM: usize = memory.data(640, 16);
const POINT: usize = memory.data(240, 16);
const LEFT: usize = memory.data(80, 16);
const RIGHT: usize = memory.data(80, 16);
/** Of a point, its Z. */
const Z: usize = 2 * FIELD_BYTES;
/** Sums put aside, those compared with their multiples (X, Y, Z of each lane), and which multiples they are. */
const SAVED: usize = memory.data(800, 16);
const SOUGHT: usize = memory.data(960, 16);
const FOUND: usize = memory.data(16, 16);

let highest: i32 = -1;

/** Begins four empty sums. */
export function sumsBegin(): void {
  memory.fill(LENGTHS, 0, 4 * BUCKETS);
  highest = -1;
}

/**
 * Adds scalar * P to the sum of a group, or takes it away when `negative` is 1, for a public scalar below 2^253.
 * `table` holds packed odd multiples of P, enough for digits of `width` bits (at most 8), and `split` bytes further
 * as many of 2^128 P. With `split` 0 there are none, and the scalar is below 2^132.
 */
export function sumsAdd(group: i32, scalar: usize, table: usize, split: i32, width: i32, negative: u32): void {
  const count = scalarDigits(DIGITS, scalar, width);
  for (let i = 0; i < count; i++) {
    const place = <i32>load<i16>(DIGITS + i * DIGIT_BYTES), digit = <i32>load<i16>(DIGITS + i * DIGIT_BYTES, 2);
    const minus = digit >> 31;
    const upper = split == 0 ? 0 : place >> 7;
    const entry = table + upper * split + (((digit ^ minus) - minus) >> 1) * PACKED_BYTES;
    file(place - upper * SPLIT, group, <u32>entry | (negative ^ <u32>(minus & 1)));
  }
}

/** Leaves eight times the four sums in the accumulators. */
export function sumsCompute(): void {
  orderBuckets();
  for (let i = 0; i < BUCKETS; i += GROUPS) sumBuckets(i);
  quadPointClear();
  for (let place = highest; place >= 0; place--) {
    quadPointDouble();
    quadPointAddCached(SUMS + place * QUAD_CACHED_BYTES);
  }
  quadPointDoubleTimes(3);
}

/** Whether the sum of a group, times eight, is the identity. */
export function sumsVanish(group: i32): bool {
  quadPointExtract(POINT, group);
  fieldSubtract(POINT + FIELD_BYTES, POINT + FIELD_BYTES, POINT + 2 * FIELD_BYTES);
  return (fieldIsZero(POINT) & fieldIsZero(POINT + FIELD_BYTES)) == 1;
}

/** Puts the sums aside. */
export function sumsSave(): void {
  quadPointSave(SAVED);
}

/** Seeks, for the groups whose bits are set, which multiple of the sum put aside the sum now is, up to `most`. */
export function sumsFindMultiples(groups: i32, most: i32): void {
  memory.fill(FOUND, 0, 4 * GROUPS);
  for (let group = 0; group < GROUPS; group++) quadPointExtract(SOUGHT + group * PROJECTIVE_BYTES, group);
  quadPointRestore(SAVED);
  quadPointStoreCached(SUM);
  for (let number = 1; number <= most && groups != 0; number++) {
    for (let group = 0; group < GROUPS; group++) {
      if ((groups & (1 << group)) == 0 || !isSought(group)) continue;
      store<i32>(FOUND + 4 * group, number);
      groups ^= 1 << group;
    }
    quadPointAddCached(SUM);
  }
}

/** What `sumsFindMultiples` found for a group; 0 for none. */
export function sumsMultiple(group: i32): i32 {
  return load<i32>(FOUND + 4 * group);
}

/** Whether the accumulator of a group is the point sought: X Z' = X' Z and Y Z' = Y' Z. */
function isSought(group: i32): bool {
  const sought = SOUGHT + group * PROJECTIVE_BYTES;
  quadPointExtract(POINT, group);
  return sameProducts(POINT, sought + Z, sought, POINT + Z)
    && sameProducts(POINT + FIELD_BYTES, sought + Z, sought + FIELD_BYTES, POINT + Z);
}

function sameProducts(a: usize, b: usize, c: usize, d: usize): bool {
  fieldMultiply<i64>(LEFT, a, b);
  fieldMultiply<i64>(RIGHT, c, d);
  fieldSubtract(LEFT, LEFT, RIGHT);
  return fieldIsZero(LEFT) == 1;
}

// @ts-ignore: decorator
@inline function file(place: i32, group: i32, entry: u32): void {
  highest = max(highest, place);
  const bucket = place * GROUPS + group;
  const length = load<i32>(LENGTHS + 4 * bucket);
  assert(length < BUCKET_ENTRIES, "too many multiples in one group");
  store<u32>(ENTRIES + bucket * BUCKET_BYTES + 4 * length, entry);
  store<i32>(LENGTHS + 4 * bucket, length + 1);
}

/** Sorts the buckets by counting how many have each length. */
function orderBuckets(): void {
  memory.fill(STARTS, 0, 4 * (BUCKET_ENTRIES + 1));
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const at = STARTS + 4 * load<i32>(LENGTHS + 4 * bucket);
    store<i32>(at, load<i32>(at) + 1);
  }
  let start = 0;
  for (let length = BUCKET_ENTRIES; length >= 0; length--) {
    const count = load<i32>(STARTS + 4 * length);
    store<i32>(STARTS + 4 * length, start);
    start += count;
  }
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const at = STARTS + 4 * load<i32>(LENGTHS + 4 * bucket);
    store<i32>(ORDER + 4 * load<i32>(at), bucket);
    store<i32>(at, load<i32>(at) + 1);
  }
}

/** Sums up the four buckets from place i of the order on; the first of them is the fullest. */
function sumBuckets(i: i32): void {
  const length = load<i32>(LENGTHS + 4 * orderedBucket(i));
  gather(GATHERED, i, 0);
  if (length < 2) quadCachedFromAffine(SUM, GATHERED);
  else {
    gather(SECOND, i, 1);
    quadPointAddTwoAffine(GATHERED, SECOND);
    for (let turn = 2; turn < length; turn++) {
      gather(GATHERED, i, turn);
      quadPointAddAffine(GATHERED);
    }
    quadPointStoreCached(SUM);
  }
  for (let lane = 0; lane < GROUPS; lane++) {
    const bucket = orderedBucket(i + lane);
    const from = SUM + 4 * lane, to = SUMS + (bucket >> 2) * QUAD_CACHED_BYTES + 4 * (bucket & 3);
    for (let at = 0; at < QUAD_CACHED_BYTES; at += 16) store<i32>(to + at, load<i32>(from + at));
  }
}

// @ts-ignore: decorator
@inline function orderedBucket(i: i32): i32 {
  return load<i32>(ORDER + 4 * i);
}

/** Brings entry `turn` of each of four buckets into its lane, the identity for those that have no more. */
function gather(gathered: usize, i: i32, turn: i32): void {
  const e0 = entryOf(orderedBucket(i), turn), e1 = entryOf(orderedBucket(i + 1), turn);
  const e2 = entryOf(orderedBucket(i + 2), turn), e3 = entryOf(orderedBucket(i + 3), turn);
  const p0 = <usize>(e0 & ~NEGATIVE), p1 = <usize>(e1 & ~NEGATIVE);
  const p2 = <usize>(e2 & ~NEGATIVE), p3 = <usize>(e3 & ~NEGATIVE);
  for (let at = 0; at < PACKED_BYTES; at += 16) {
    const a = v128.load(p0 + at), b = v128.load(p1 + at), c = v128.load(p2 + at), d = v128.load(p3 + at);
    const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5), AB = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
    const cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5), CD = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
    const out = gathered + 4 * at;
    v128.store(out, v128.shuffle<i64>(ab, cd, 0, 2), 0);
    v128.store(out, v128.shuffle<i64>(ab, cd, 1, 3), 16);
    v128.store(out, v128.shuffle<i64>(AB, CD, 0, 2), 32);
    v128.store(out, v128.shuffle<i64>(AB, CD, 1, 3), 48);
  }
  const signs = i32x4.splat(<i32>(e0 & NEGATIVE));
  const withSecond = i32x4.replace_lane(signs, 1, <i32>(e1 & NEGATIVE));
  const withThird = i32x4.replace_lane(withSecond, 2, <i32>(e2 & NEGATIVE));
  quadAffineNegate(gathered, i32x4.neg(i32x4.replace_lane(withThird, 3, <i32>(e3 & NEGATIVE))));
}

// @ts-ignore: decorator
@inline function entryOf(bucket: i32, turn: i32): u32 {
  if (turn >= load<i32>(LENGTHS + 4 * bucket)) return <u32>PACKED_IDENTITY;
  return load<u32>(ENTRIES + bucket * BUCKET_BYTES + 4 * turn);
}
