/**
 * Integers modulo L = 2^252 + 27742317777372353535851937790883648493, the order of the base point. What flows
 * through here: 32 or 64 little-endian bytes become signed limbs of 21 bits, one i64 each; products add up in 24
 * limbs; high limbs are folded down by 2^252 = -c (mod L) until the value is below L. The order of steps is fixed:
 * nothing here depends on the value, except `scalarDigits` and `scalarIsCanonical`, which see public data alone.
 */

const LIMBS: i32 = 24;
const MASK21: i64 = (1 << 21) - 1;

/** 2^252 modulo L in six signed limbs: what a limb of weight 2^(252 + 21 i) adds to limbs i to i + 5. */
const FOLD0: i64 = 666643;
const FOLD1: i64 = 470296;
const FOLD2: i64 = 654183;
const FOLD3: i64 = -997805;
const FOLD4: i64 = 136657;
const FOLD5: i64 = -683901;

/** L itself, little-endian. */
const ORDER: usize = memory.data<u64>([0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000]);

const ORDER_LESS_TWO: usize = memory.data<u64>([0x5812631a5cf5d3eb, 0x14def9dea2f79cd6, 0, 0x1000000000000000]);
const ZERO: usize = memory.data(32, 16);
const ONE: usize = memory.data<u64>([1, 0, 0, 0]);

/** A public scalar with zeros behind it. */
const PADDED: usize = memory.data(48, 16);

const SUM: usize = memory.data(192, 16);
const A: usize = memory.data(96, 16);
const B: usize = memory.data(96, 16);
/** Of an inversion: the scalar and its power. */
const BASE: usize = memory.data(32, 16);
const POWER: usize = memory.data(32, 16);

/** Whether the 32 bytes at `scalar` are below L; public data only. */
export function scalarIsCanonical(scalar: usize): bool {
  for (let i = 24; i >= 0; i -= 8) {
    const word = load<u64>(scalar + i), limit = load<u64>(ORDER + i);
    if (word != limit) return word < limit;
  }
  return false;
}

/** out = the 64 bytes at `wide` modulo L. */
export function scalarReduce(out: usize, wide: usize): void {
  for (let i = 0; i < LIMBS - 1; i++) store<i64>(SUM + 8 * i, bits(wide, 21 * i) & MASK21);
  store<i64>(SUM + 8 * 23, load<u64>(wide + 56) >> 35);
  reduceSum();
  storePacked(out);
}

/** L itself, as a scalar. */
export function scalarOrder(): usize {
  return ORDER;
}

/** out = the 32 bytes at `scalar` modulo L. */
export function scalarNormalise(out: usize, scalar: usize): void {
  scalarMultiplyAdd(out, ONE, scalar, ZERO);
}

/** out = 1 / f modulo L, and 0 for 0: f^(L-2) by squaring and multiplying, in steps that L alone decides. */
export function scalarInvert(out: usize, f: usize): void {
  scalarNormalise(BASE, f);
  memory.copy(POWER, ONE, 32);
  for (let i = 252; i >= 0; i--) {
    scalarMultiplyAdd(POWER, POWER, POWER, ZERO);
    if (((load<u8>(ORDER_LESS_TWO + (i >> 3)) >> <u8>(i & 7)) & 1) != 0)
      scalarMultiplyAdd(POWER, POWER, BASE, ZERO);
  }
  memory.copy(out, POWER, 32);
}

/** out = a * b + c modulo L; a, b and c are any 32 bytes. */
export function scalarMultiplyAdd(out: usize, a: usize, b: usize, c: usize): void {
  memory.fill(SUM, 0, 8 * LIMBS);
  loadLimbs(SUM, c);
  loadLimbs(A, a);
  loadLimbs(B, b);
  for (let i = 0; i < 12; i++) addRow(SUM + 8 * i, load<i64>(A + 8 * i));
  for (let i = 0; i < 23; i += 2) carryRounded(i);
  for (let i = 1; i < 22; i += 2) carryRounded(i);
  reduceSum();
  storePacked(out);
}

/** Bytes of one digit as `scalarDigits` writes it: its place, then its value, 16 bits each. */
export const DIGIT_BYTES: i32 = 4;

/**
 * Writes the signed digits of width `w`, at most 8 (non-adjacent form), of the number below 2^253 at `scalar` to
 * `digits`, the lowest first and none that is zero, and returns how many: at most 253 / w + 1. Each is odd and below
 * 2^(w-1) in magnitude, and their places are at least w apart. Public data only.
 */
export function scalarDigits(digits: usize, scalar: usize, w: i32): i32 {
  memory.copy(PADDED, scalar, 32);
  const mask: i32 = (1 << w) - 1, half = 1 << (w - 1);
  let carry: i32 = 0, count: i32 = 0;
  for (let place = 0; place < 256; ) {
    // 57 bits from `place` on; the next digit begins at the lowest of them that is set.
    const bits = (load<u64>(PADDED + (place >> 3)) >> (place & 7)) + carry;
    const zeros = <i32>min<u64>(ctz(bits), 57);
    place += zeros;
    if (zeros + w > 57) continue;
    const window = <i32>(bits >> zeros) & mask;
    carry = i32(window >= half);
    store<i16>(digits + DIGIT_BYTES * count, <i16>place);
    store<i16>(digits + DIGIT_BYTES * count, <i16>(window - (carry << w)), 2);
    count++;
    place += w;
  }
  return count;
}

/** Overwrites what is left of the last operands. */
export function scalarWipe(): void {
  memory.fill(SUM, 0, 192);
  memory.fill(A, 0, 96);
  memory.fill(B, 0, 96);
  memory.fill(BASE, 0, 32);
  memory.fill(POWER, 0, 32);
}

/** At least 21 bits from bit `position` on; reads eight bytes from no further than 24 bytes before the end. */
// @ts-ignore: decorator
@inline function bits(bytes: usize, position: i32): i64 {
  return <i64>(load<u32>(bytes + (position >> 3)) >>> (position & 7));
}

/** The 256 bits at `bytes` in twelve limbs, the last of 25 bits. */
function loadLimbs(limbs: usize, bytes: usize): void {
  for (let i = 0; i < 11; i++) store<i64>(limbs + 8 * i, bits(bytes, 21 * i) & MASK21);
  store<i64>(limbs + 88, load<u64>(bytes + 24) >> 39);
}

/** Adds factor * B to the twelve limbs at `sum`. */
// @ts-ignore: decorator
@inline function addRow(sum: usize, factor: i64): void {
  for (let j: usize = 0; j < 96; j += 8)
    store<i64>(sum + j, load<i64>(sum + j) + factor * load<i64>(B + j));
}

/** Moves what exceeds 21 signed bits of limb i into limb i + 1. */
// @ts-ignore: decorator
@inline function carryRounded(i: i32): void {
  const at = SUM + 8 * i;
  const carry = (load<i64>(at) + (1 << 20)) >> 21;
  store<i64>(at, load<i64>(at, 8) + carry, 8);
  store<i64>(at, load<i64>(at) - (carry << 21));
}

/** Moves what exceeds 21 unsigned bits of limb i into limb i + 1. */
// @ts-ignore: decorator
@inline function carryFloor(i: i32): void {
  const at = SUM + 8 * i;
  const limb = load<i64>(at);
  store<i64>(at, load<i64>(at, 8) + (limb >> 21), 8);
  store<i64>(at, limb & MASK21);
}

/** Replaces limb i, of weight 2^(252 + 21 (i - 12)), by its equivalent in limbs i - 12 to i - 7. */
// @ts-ignore: decorator
@inline function fold(i: i32): void {
  const limb = load<i64>(SUM + 8 * i);
  const at = SUM + 8 * (i - 12);
  store<i64>(SUM + 8 * i, 0);
  store<i64>(at, load<i64>(at, 0) + limb * FOLD0, 0);
  store<i64>(at, load<i64>(at, 8) + limb * FOLD1, 8);
  store<i64>(at, load<i64>(at, 16) + limb * FOLD2, 16);
  store<i64>(at, load<i64>(at, 24) + limb * FOLD3, 24);
  store<i64>(at, load<i64>(at, 32) + limb * FOLD4, 32);
  store<i64>(at, load<i64>(at, 40) + limb * FOLD5, 40);
}

/** The 24 limbs to twelve, non-negative and below L. Carries between the folds keep every limb under 2^63. */
function reduceSum(): void {
  for (let i = 23; i >= 18; i--) fold(i);
  for (let i = 6; i <= 16; i += 2) carryRounded(i);
  for (let i = 7; i <= 15; i += 2) carryRounded(i);
  for (let i = 17; i >= 12; i--) fold(i);
  for (let i = 0; i <= 10; i += 2) carryRounded(i);
  for (let i = 1; i <= 11; i += 2) carryRounded(i);
  fold(12);
  for (let i = 0; i <= 11; i++) carryFloor(i);
  fold(12);
  for (let i = 0; i <= 10; i++) carryFloor(i);
}

/** Twelve limbs of 21 bits to 32 bytes. */
function storePacked(out: usize): void {
  let held: u64 = 0, heldBits: i32 = 0;
  for (let i = 0; i < 12; i++) {
    held |= load<u64>(SUM + 8 * i) << heldBits;
    heldBits += 21;
    while (heldBits >= 8) {
      store<u8>(out++, <u8>held);
      held >>= 8;
      heldBits -= 8;
    }
  }
  store<u8>(out, <u8>held);
}
