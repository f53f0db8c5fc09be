/**
 * Arithmetic modulo q = 3329 in eight lanes of 16 bits (FIPS 203 section 2.4). What flows through here: signed
 * representatives of any size that a lane holds. A product with a known factor z takes three multiplications: the
 * quotient of a z by q is, but for a rounding, a z' / 2^15, where z' = z 2^15 / q comes with z; what is left is at
 * most q (1/2 + |a| / 2^16) in size. Nothing is divided, and nothing depends on the lanes' contents.
 */

export const Q: i16 = 3329;

/** 2^15 / q, rounded. */
const ONE_COMPANION: i16 = 10;

/** round(a b / 2^15). */
// @ts-ignore: decorator
@inline export function highProduct(a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.relaxed_q15mulr_s(a, b);
  return i16x8.q15mulr_sat_s(a, b);
}

/** z' of the factor z, 0 <= z < q. */
// @ts-ignore: decorator
@inline export function companion(z: i32): i16 {
  return <i16>(((z << 15) + (Q >> 1)) / Q);
}

/** a z mod q, for a factor z and its companion. */
// @ts-ignore: decorator
@inline export function timesFactor(a: v128, z: v128, companion: v128): v128 {
  return i16x8.sub(i16x8.mul(a, z), i16x8.mul(highProduct(a, companion), i16x8.splat(Q)));
}

/** a mod q, at most 0.66 q in size whatever a is. */
// @ts-ignore: decorator
@inline export function reduced(a: v128): v128 {
  return i16x8.sub(a, i16x8.mul(highProduct(a, i16x8.splat(ONE_COMPANION)), i16x8.splat(Q)));
}

/** a mod q from 0 to q - 1, whatever a is. */
// @ts-ignore: decorator
@inline export function canonical(a: v128): v128 {
  const b = reduced(a);
  return i16x8.add(b, v128.and(i16x8.shr_s(b, 15), i16x8.splat(Q)));
}
