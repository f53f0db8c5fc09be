/**
 * The order of the bytes of a block inside the rounds: row by row (row r, column c at 4r + c), not column by
 * column as FIPS 197 has them, so that the next row is a move of whole 32-bit lanes.
 */

/** Moves bytes between the order of FIPS 197 and row by row; it is its own inverse. */
// @ts-ignore: decorator
@inline export function turn(block: v128): v128 {
  return i8x16.swizzle(block, i8x16(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
}

/** Row r is turned left by r bytes (FIPS 197 section 5.1.2). */
// @ts-ignore: decorator
@inline export function shiftRows(block: v128): v128 {
  return i8x16.swizzle(block, i8x16(0, 1, 2, 3, 5, 6, 7, 4, 10, 11, 8, 9, 15, 12, 13, 14));
}

/** Each row's place taken by the row below it. */
// @ts-ignore: decorator
@inline export function nextRow(block: v128): v128 {
  return v128.shuffle<u32>(block, block, 1, 2, 3, 0);
}

/** Each row's place taken by the row above it. */
// @ts-ignore: decorator
@inline export function previousRow(block: v128): v128 {
  return v128.shuffle<u32>(block, block, 3, 0, 1, 2);
}
