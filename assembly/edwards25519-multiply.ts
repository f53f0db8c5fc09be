/**
 * Multiples of any point by secrets. What flows through here: the point's multiples 1 to 8 are made; the scalar
 * becomes 64 signed digits; from the highest on, four doublings and one addition each, whose entry is taken by
 * reading all eight, in order, under masks.
 */
import {
  CACHED_BYTES, pointAddCached, pointClear, pointDoubleTimes, pointLoad, pointStoreCached,
} from './edwards25519';
import { FIELD_BYTES } from './field25519';

const ENTRIES: i32 = 8;
const DIGIT_COUNT: i32 = 64;

/** The digits, the entry selected last and the multiples. */
const SECRETS_BYTES: i32 = 2944;
const SECRETS: usize = memory.data(2944, 16);
const DIGITS: usize = SECRETS;
const SELECTED: usize = SECRETS + 64;
const MULTIPLES: usize = SELECTED + CACHED_BYTES;

/** Makes the accumulator the product of the secret scalar, below 2^253, and the point with affine coordinates x, y. */
export function pointMultiply(scalar: usize, x: usize, y: usize): void {
  makeMultiples(x, y);
  recode(scalar);
  pointClear();
  for (let i = DIGIT_COUNT - 1; i >= 0; i--) {
    pointDoubleTimes(4);
    select(<i32>load<i8>(DIGITS + i));
    pointAddCached(SELECTED, 0);
  }
}

/** Overwrites all that a multiplication leaves, except the accumulator. */
export function pointMultiplyWipe(): void {
  memory.fill(SECRETS, 0, SECRETS_BYTES);
}

function makeMultiples(x: usize, y: usize): void {
  pointLoad(x, y);
  pointStoreCached(MULTIPLES);
  for (let i = 1; i < ENTRIES; i++) {
    pointAddCached(MULTIPLES, 0);
    pointStoreCached(MULTIPLES + i * CACHED_BYTES);
  }
}

/** Digits from -8 to 7, the scalar's base-16 digits with every excess carried on. */
function recode(scalar: usize): void {
  let carry: i32 = 0;
  for (let i = 0; i < DIGIT_COUNT; i++) {
    const digit = ((<i32>load<u8>(scalar + (i >> 1)) >> (4 * (i & 1))) & 15) + carry;
    carry = (digit + 8) >> 4;
    store<i8>(DIGITS + i, <i8>(digit - (carry << 4)));
  }
}

/** Leaves digit * P in SELECTED, reading all entries. */
function select(digit: i32): void {
  const sign = digit >> 31;
  const magnitude = (digit ^ sign) - sign;
  memory.fill(SELECTED, 0, CACHED_BYTES);
  for (let number = 1; number <= ENTRIES; number++) {
    const mask = maskWhereEqual(magnitude, number), entry = MULTIPLES + (number - 1) * CACHED_BYTES;
    for (let at = 0; at < CACHED_BYTES; at += 16)
      v128.store(SELECTED + at, v128.or(v128.load(SELECTED + at), v128.and(v128.load(entry + at), mask)));
  }
  // The identity: Y + X and Y - X are 1, 2Z is 2.
  const one = v128.and(i64x2(1, 0), maskWhereEqual(magnitude, 0));
  for (let at: usize = SELECTED; at < SELECTED + 3 * FIELD_BYTES; at += FIELD_BYTES)
    v128.store(at, v128.or(v128.load(at), one));
  const two = SELECTED + 2 * FIELD_BYTES;
  v128.store(two, i64x2.add(v128.load(two), one));
  negateWhere(i32x4.splat(sign));
}

/** All ones when a and b, both small and not negative, are the same. */
// @ts-ignore: decorator
@inline function maskWhereEqual(a: i32, b: i32): v128 {
  return i32x4.splat(((a ^ b) - 1) >> 31);
}

/** Where the mask is set: Y+X and Y-X change places, 2dT its sign. */
function negateWhere(mask: v128): void {
  for (let at: usize = SELECTED; at < SELECTED + FIELD_BYTES; at += 16) {
    const plus = v128.load(at), minus = v128.load(at, 80), product = v128.load(at, 240);
    v128.store(at, v128.bitselect(minus, plus, mask));
    v128.store(at, v128.bitselect(plus, minus, mask), 80);
    v128.store(at, i64x2.sub(v128.xor(product, mask), mask), 240);
  }
}
