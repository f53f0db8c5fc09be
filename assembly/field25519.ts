/**
 * The field of 2^255 - 19. What flows through here: an element is ten signed limbs of alternately 26 and 25 bits
 * (limb i weighs 2^ceil(25.5 i)), one i64 each, 80 bytes in memory; tables keep the same limbs as i32. Sums and
 * differences are left unreduced; a product or square of operands at most three such sums deep comes out reduced.
 *
 * Bounds: call a limb "one unit" when even limbs stay below 2^26 and odd ones below 2^25 in magnitude, a little
 * excess included. Products need units(f) * units(g) <= 11, so that no column passes 2^63; results have one unit.
 * Products split each operand into its even limbs E and odd limbs O, polynomials in y = 2^51 with y^5 = 19:
 * (E + 2^26 O)(E' + 2^26 O') = EE' + 2y OO' + 2^26 ((E + O)(E' + O') - EE' - OO'), 75 multiplications for 100.
 *
 * No operation here branches on, or addresses memory by, the value of an element.
 */

/** Bytes of an element of ten i64 limbs. */
export const FIELD_BYTES: i32 = 80;
/** Bytes of an element of ten i32 limbs, padded to whole vectors. */
export const NARROW_BYTES: i32 = 48;

const MASK26: i64 = (1 << 26) - 1;
const MASK25: i64 = (1 << 25) - 1;

/** d of the curve -x^2 + y^2 = 1 + d x^2 y^2 (RFC 8032 section 5.1), and 2d. */
export const EDWARDS_D: usize = memory.data<i64>([
  0x35978a3, 0x0d37284, 0x3156ebd, 0x06a0a0e, 0x001c029, 0x179e898, 0x3a03cbb, 0x1ce7198, 0x2e2b6ff, 0x1480db3,
]);
export const EDWARDS_2D: usize = memory.data<i64>([
  0x2b2f159, 0x1a6e509, 0x22add7a, 0x0d4141d, 0x0038052, 0x0f3d130, 0x3407977, 0x19ce331, 0x1c56dff, 0x0901b67,
]);
/** 2^((p-1)/4), a square root of -1. */
export const SQRT_MINUS_ONE: usize = memory.data<i64>([
  0x20ea0b0, 0x186c9d2, 0x08f189d, 0x035697f, 0x0bd0c60, 0x1fbd7a7, 0x2804c9e, 0x1e16569, 0x004fc1d, 0x0ae0c92,
]);

const FIELD_PACKED: usize = memory.data(32, 16);

/** out = f * g, with the limbs of g stored as `T` (i64 or i32). */
export function fieldMultiply<T>(out: usize, f: usize, g: usize): void {
  const e0 = load<i64>(f, 0), o0 = load<i64>(f, 8);
  const e1 = load<i64>(f, 16), o1 = load<i64>(f, 24);
  const e2 = load<i64>(f, 32), o2 = load<i64>(f, 40);
  const e3 = load<i64>(f, 48), o3 = load<i64>(f, 56);
  const e4 = load<i64>(f, 64), o4 = load<i64>(f, 72);
  const E0 = <i64>load<T>(g, 0 * sizeof<T>()), O0 = <i64>load<T>(g, 1 * sizeof<T>());
  const E1 = <i64>load<T>(g, 2 * sizeof<T>()), O1 = <i64>load<T>(g, 3 * sizeof<T>());
  const E2 = <i64>load<T>(g, 4 * sizeof<T>()), O2 = <i64>load<T>(g, 5 * sizeof<T>());
  const E3 = <i64>load<T>(g, 6 * sizeof<T>()), O3 = <i64>load<T>(g, 7 * sizeof<T>());
  const E4 = <i64>load<T>(g, 8 * sizeof<T>()), O4 = <i64>load<T>(g, 9 * sizeof<T>());
  const E1r = E1 * 19, E2r = E2 * 19, E3r = E3 * 19, E4r = E4 * 19;
  const O1r = O1 * 19, O2r = O2 * 19, O3r = O3 * 19, O4r = O4 * 19;

  const p0 = e0 * E0 + e1 * E4r + e2 * E3r + e3 * E2r + e4 * E1r;
  const q0 = o0 * O0 + o1 * O4r + o2 * O3r + o3 * O2r + o4 * O1r;
  const p1 = e0 * E1 + e1 * E0 + e2 * E4r + e3 * E3r + e4 * E2r;
  const q1 = o0 * O1 + o1 * O0 + o2 * O4r + o3 * O3r + o4 * O2r;
  const p2 = e0 * E2 + e1 * E1 + e2 * E0 + e3 * E4r + e4 * E3r;
  const q2 = o0 * O2 + o1 * O1 + o2 * O0 + o3 * O4r + o4 * O3r;
  const p3 = e0 * E3 + e1 * E2 + e2 * E1 + e3 * E0 + e4 * E4r;
  const q3 = o0 * O3 + o1 * O2 + o2 * O1 + o3 * O0 + o4 * O4r;
  const p4 = e0 * E4 + e1 * E3 + e2 * E2 + e3 * E1 + e4 * E0;
  const q4 = o0 * O4 + o1 * O3 + o2 * O2 + o3 * O1 + o4 * O0;

  const s0 = e0 + o0, s1 = e1 + o1, s2 = e2 + o2, s3 = e3 + o3, s4 = e4 + o4;
  const S0 = E0 + O0, S1 = E1 + O1, S2 = E2 + O2, S3 = E3 + O3, S4 = E4 + O4;
  const S1r = E1r + O1r, S2r = E2r + O2r, S3r = E3r + O3r, S4r = E4r + O4r;
  const m0 = s0 * S0 + s1 * S4r + s2 * S3r + s3 * S2r + s4 * S1r;
  const m1 = s0 * S1 + s1 * S0 + s2 * S4r + s3 * S3r + s4 * S2r;
  const m2 = s0 * S2 + s1 * S1 + s2 * S0 + s3 * S4r + s4 * S3r;
  const m3 = s0 * S3 + s1 * S2 + s2 * S1 + s3 * S0 + s4 * S4r;
  const m4 = s0 * S4 + s1 * S3 + s2 * S2 + s3 * S1 + s4 * S0;

  storeReduced(
    out,
    p0 + q4 * 38, m0 - p0 - q0,
    p1 + q0 * 2, m1 - p1 - q1,
    p2 + q1 * 2, m2 - p2 - q2,
    p3 + q2 * 2, m3 - p3 - q3,
    p4 + q3 * 2, m4 - p4 - q4,
  );
}

/** out = f^2. */
export function fieldSquare(out: usize, f: usize): void {
  const e0 = load<i64>(f, 0), o0 = load<i64>(f, 8);
  const e1 = load<i64>(f, 16), o1 = load<i64>(f, 24);
  const e2 = load<i64>(f, 32), o2 = load<i64>(f, 40);
  const e3 = load<i64>(f, 48), o3 = load<i64>(f, 56);
  const e4 = load<i64>(f, 64), o4 = load<i64>(f, 72);

  const e0d = e0 * 2, e1d = e1 * 2, e3r = e3 * 19, e4r = e4 * 19, e3rd = e3r * 2, e4rd = e4r * 2;
  const p0 = e0 * e0 + e1 * e4rd + e2 * e3rd;
  const p1 = e0d * e1 + e2 * e4rd + e3 * e3r;
  const p2 = e0d * e2 + e1 * e1 + e3 * e4rd;
  const p3 = e0d * e3 + e1d * e2 + e4 * e4r;
  const p4 = e0d * e4 + e1d * e3 + e2 * e2;

  const o0d = o0 * 2, o1d = o1 * 2, o3r = o3 * 19, o4r = o4 * 19, o3rd = o3r * 2, o4rd = o4r * 2;
  const q0 = o0 * o0 + o1 * o4rd + o2 * o3rd;
  const q1 = o0d * o1 + o2 * o4rd + o3 * o3r;
  const q2 = o0d * o2 + o1 * o1 + o3 * o4rd;
  const q3 = o0d * o3 + o1d * o2 + o4 * o4r;
  const q4 = o0d * o4 + o1d * o3 + o2 * o2;

  const s0 = e0 + o0, s1 = e1 + o1, s2 = e2 + o2, s3 = e3 + o3, s4 = e4 + o4;
  const s0d = s0 * 2, s1d = s1 * 2, s3r = e3r + o3r, s4r = e4r + o4r, s3rd = s3r * 2, s4rd = s4r * 2;
  const m0 = s0 * s0 + s1 * s4rd + s2 * s3rd;
  const m1 = s0d * s1 + s2 * s4rd + s3 * s3r;
  const m2 = s0d * s2 + s1 * s1 + s3 * s4rd;
  const m3 = s0d * s3 + s1d * s2 + s4 * s4r;
  const m4 = s0d * s4 + s1d * s3 + s2 * s2;

  storeReduced(
    out,
    p0 + q4 * 38, m0 - p0 - q0,
    p1 + q0 * 2, m1 - p1 - q1,
    p2 + q1 * 2, m2 - p2 - q2,
    p3 + q2 * 2, m3 - p3 - q3,
    p4 + q3 * 2, m4 - p4 - q4,
  );
}

/** out = f * factor, for a factor below 2^20. */
export function fieldMultiplySmall(out: usize, f: usize, factor: i64): void {
  storeReduced(
    out,
    load<i64>(f, 0) * factor, load<i64>(f, 8) * factor, load<i64>(f, 16) * factor, load<i64>(f, 24) * factor,
    load<i64>(f, 32) * factor, load<i64>(f, 40) * factor, load<i64>(f, 48) * factor, load<i64>(f, 56) * factor,
    load<i64>(f, 64) * factor, load<i64>(f, 72) * factor,
  );
}

/** Carries ten columns into limbs of one unit: two interleaved chains, round the corner by 19, two steps more. */
// @ts-ignore: decorator
@inline
function storeReduced(
  out: usize,
  h0: i64, h1: i64, h2: i64, h3: i64, h4: i64, h5: i64, h6: i64, h7: i64, h8: i64, h9: i64,
): void {
  h1 += h0 >> 26; h0 &= MASK26; h6 += h5 >> 25; h5 &= MASK25;
  h2 += h1 >> 25; h1 &= MASK25; h7 += h6 >> 26; h6 &= MASK26;
  h3 += h2 >> 26; h2 &= MASK26; h8 += h7 >> 25; h7 &= MASK25;
  h4 += h3 >> 25; h3 &= MASK25; h9 += h8 >> 26; h8 &= MASK26;
  h5 += h4 >> 26; h4 &= MASK26; h0 += (h9 >> 25) * 19; h9 &= MASK25;
  h6 += h5 >> 25; h5 &= MASK25; h1 += h0 >> 26; h0 &= MASK26;
  store<i64>(out, h0, 0); store<i64>(out, h1, 8); store<i64>(out, h2, 16); store<i64>(out, h3, 24);
  store<i64>(out, h4, 32); store<i64>(out, h5, 40); store<i64>(out, h6, 48); store<i64>(out, h7, 56);
  store<i64>(out, h8, 64); store<i64>(out, h9, 72);
}

/** out = f + g; the units add up. */
// @ts-ignore: decorator
@inline
export function fieldAdd(out: usize, f: usize, g: usize): void {
  store<i64>(out, load<i64>(f, 0) + load<i64>(g, 0), 0);
  store<i64>(out, load<i64>(f, 8) + load<i64>(g, 8), 8);
  store<i64>(out, load<i64>(f, 16) + load<i64>(g, 16), 16);
  store<i64>(out, load<i64>(f, 24) + load<i64>(g, 24), 24);
  store<i64>(out, load<i64>(f, 32) + load<i64>(g, 32), 32);
  store<i64>(out, load<i64>(f, 40) + load<i64>(g, 40), 40);
  store<i64>(out, load<i64>(f, 48) + load<i64>(g, 48), 48);
  store<i64>(out, load<i64>(f, 56) + load<i64>(g, 56), 56);
  store<i64>(out, load<i64>(f, 64) + load<i64>(g, 64), 64);
  store<i64>(out, load<i64>(f, 72) + load<i64>(g, 72), 72);
}

/** out = f - g; of two non-negative elements of one unit the difference has one unit, otherwise units add up. */
// @ts-ignore: decorator
@inline
export function fieldSubtract(out: usize, f: usize, g: usize): void {
  store<i64>(out, load<i64>(f, 0) - load<i64>(g, 0), 0);
  store<i64>(out, load<i64>(f, 8) - load<i64>(g, 8), 8);
  store<i64>(out, load<i64>(f, 16) - load<i64>(g, 16), 16);
  store<i64>(out, load<i64>(f, 24) - load<i64>(g, 24), 24);
  store<i64>(out, load<i64>(f, 32) - load<i64>(g, 32), 32);
  store<i64>(out, load<i64>(f, 40) - load<i64>(g, 40), 40);
  store<i64>(out, load<i64>(f, 48) - load<i64>(g, 48), 48);
  store<i64>(out, load<i64>(f, 56) - load<i64>(g, 56), 56);
  store<i64>(out, load<i64>(f, 64) - load<i64>(g, 64), 64);
  store<i64>(out, load<i64>(f, 72) - load<i64>(g, 72), 72);
}

/** out = -f. */
export function fieldNegate(out: usize, f: usize): void {
  for (let i = 0; i < FIELD_BYTES; i += 16) v128.store(out + i, i64x2.neg(v128.load(f + i)));
}

// @ts-ignore: decorator
@inline
export function fieldCopy(out: usize, f: usize): void {
  memory.copy(out, f, FIELD_BYTES);
}

/** out = a small non-negative number. */
export function fieldSet(out: usize, value: i64): void {
  memory.fill(out, 0, FIELD_BYTES);
  store<i64>(out, value);
}

/** out = f with one unit, whatever limbs below 2^40 f has. */
export function fieldReduce(out: usize, f: usize): void {
  storeReduced(
    out,
    load<i64>(f, 0), load<i64>(f, 8), load<i64>(f, 16), load<i64>(f, 24), load<i64>(f, 32),
    load<i64>(f, 40), load<i64>(f, 48), load<i64>(f, 56), load<i64>(f, 64), load<i64>(f, 72),
  );
}

/** out = f as i32 limbs, padding zero; f has at most 8 units. */
export function fieldNarrow(out: usize, f: usize): void {
  for (let i: usize = 0; i < 10; i++) store<i32>(out + 4 * i, <i32>load<i64>(f + 8 * i));
  store<i64>(out, 0, 40);
}

/** Swaps f and g when `bit` is 1, leaves them when it is 0. */
export function fieldSwap(f: usize, g: usize, bit: i32): void {
  const mask = i64x2.splat(-(<i64>bit));
  for (let i = 0; i < FIELD_BYTES; i += 16) {
    const a = v128.load(f + i), b = v128.load(g + i);
    const difference = v128.and(v128.xor(a, b), mask);
    v128.store(f + i, v128.xor(a, difference));
    v128.store(g + i, v128.xor(b, difference));
  }
}

/** The element in 32 little-endian bytes; bit 255 is not looked at, and values from p to 2^255 - 1 are taken mod p. */
export function fieldFromBytes(out: usize, bytes: usize): void {
  const a = load<i64>(bytes), b = load<i64>(bytes, 8), c = load<i64>(bytes, 16), d = load<i64>(bytes, 24);
  store<i64>(out, a & MASK26, 0);
  store<i64>(out, (a >>> 26) & MASK25, 8);
  store<i64>(out, ((a >>> 51) | (b << 13)) & MASK26, 16);
  store<i64>(out, (b >>> 13) & MASK25, 24);
  store<i64>(out, (b >>> 38) & MASK26, 32);
  store<i64>(out, c & MASK25, 40);
  store<i64>(out, (c >>> 25) & MASK26, 48);
  store<i64>(out, ((c >>> 51) | (d << 13)) & MASK25, 56);
  store<i64>(out, (d >>> 12) & MASK26, 64);
  store<i64>(out, (d >>> 38) & MASK25, 72);
}

/** The 32 little-endian bytes of the one representative below p; f has at most 8 units. */
export function fieldToBytes(bytes: usize, f: usize): void {
  let h0 = load<i64>(f, 0), h1 = load<i64>(f, 8), h2 = load<i64>(f, 16), h3 = load<i64>(f, 24);
  let h4 = load<i64>(f, 32), h5 = load<i64>(f, 40), h6 = load<i64>(f, 48), h7 = load<i64>(f, 56);
  let h8 = load<i64>(f, 64), h9 = load<i64>(f, 72);
  // The first round leaves only h0 out of range, by a few hundred; the second cannot go round the corner far enough to leave any.
  for (let round = 0; round < 2; round++) {
    h1 += h0 >> 26; h0 &= MASK26; h2 += h1 >> 25; h1 &= MASK25;
    h3 += h2 >> 26; h2 &= MASK26; h4 += h3 >> 25; h3 &= MASK25;
    h5 += h4 >> 26; h4 &= MASK26; h6 += h5 >> 25; h5 &= MASK25;
    h7 += h6 >> 26; h6 &= MASK26; h8 += h7 >> 25; h7 &= MASK25;
    h9 += h8 >> 26; h8 &= MASK26; h0 += (h9 >> 25) * 19; h9 &= MASK25;
  }
  // The value is below 2^255 now, so that it is at least p exactly when adding 19 carries out of bit 254.
  let q = (h0 + 19) >> 26;
  q = (h1 + q) >> 25; q = (h2 + q) >> 26; q = (h3 + q) >> 25; q = (h4 + q) >> 26;
  q = (h5 + q) >> 25; q = (h6 + q) >> 26; q = (h7 + q) >> 25; q = (h8 + q) >> 26; q = (h9 + q) >> 25;
  h0 += q * 19;
  h1 += h0 >> 26; h0 &= MASK26; h2 += h1 >> 25; h1 &= MASK25;
  h3 += h2 >> 26; h2 &= MASK26; h4 += h3 >> 25; h3 &= MASK25;
  h5 += h4 >> 26; h4 &= MASK26; h6 += h5 >> 25; h5 &= MASK25;
  h7 += h6 >> 26; h6 &= MASK26; h8 += h7 >> 25; h7 &= MASK25;
  h9 += h8 >> 26; h8 &= MASK26; h9 &= MASK25;
  store<i64>(bytes, h0 | (h1 << 26) | (h2 << 51), 0);
  store<i64>(bytes, (h2 >>> 13) | (h3 << 13) | (h4 << 38), 8);
  store<i64>(bytes, h5 | (h6 << 25) | (h7 << 51), 16);
  store<i64>(bytes, (h7 >>> 13) | (h8 << 12) | (h9 << 38), 24);
}

/** 1 when f is zero, else 0. */
export function fieldIsZero(f: usize): i32 {
  fieldToBytes(FIELD_PACKED, f);
  const low = load<u64>(FIELD_PACKED) | load<u64>(FIELD_PACKED, 8);
  const any = low | load<u64>(FIELD_PACKED, 16) | load<u64>(FIELD_PACKED, 24);
  return <i32>(((any | (0 - any)) >> 63) ^ 1);
}

/** The lowest bit of the representative below p: the sign of RFC 8032 section 5.1.2. */
export function fieldIsOdd(f: usize): i32 {
  fieldToBytes(FIELD_PACKED, f);
  return load<u8>(FIELD_PACKED) & 1;
}

/** Overwrites what comparisons left behind. */
export function fieldWipe(): void {
  memory.fill(FIELD_PACKED, 0, 32);
}
