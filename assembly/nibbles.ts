/**
 * Lookups in tables of sixteen bytes, sixteen at once. A lookup is a swizzle, whose table and index are registers:
 * no address and no branch depends on what is looked up.
 */

/** Byte n of `table` for each nibble n; indexes must be below 16, or have their high bit set, which gives zero. */
// @ts-ignore: decorator
@inline export function lookup(table: v128, nibbles: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, nibbles);
  return i8x16.swizzle(table, nibbles);
}

// @ts-ignore: decorator
@inline export function highNibbles(bytes: v128): v128 {
  return i32x4.shr_u(v128.andnot(bytes, i8x16.splat(15)), 4);
}

// @ts-ignore: decorator
@inline export function lowNibbles(bytes: v128): v128 {
  return v128.and(bytes, i8x16.splat(15));
}
