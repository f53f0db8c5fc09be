/**
 * The memory map. What flows through here: the host writes into `input`, calls an operation with numbers, and
 * reads `output`; nothing else crosses the boundary. Both areas are static and memory never grows, so the
 * host's views stay valid for the life of the instance.
 */

/** Bytes of each of the two areas: one message of 1 MiB with its frames. */
export const AREA_BYTES: i32 = 0x118000;

/** Each area has room behind it for the rest of a vector that begins at its last byte. */
const INPUT: usize = memory.data(0x118000 + 64, 64);
const OUTPUT: usize = memory.data(0x118000 + 64, 64);

/** From how many bytes on memory.fill, which is a call out of the module, is faster than stores. */
const LONG_BYTES: i32 = 2048;

/** Address of the area that the host writes. */
// @ts-ignore: decorator
@inline export function inputArea(): usize {
  return INPUT;
}

/** Address of the area that the host reads. */
// @ts-ignore: decorator
@inline export function outputArea(): usize {
  return OUTPUT;
}

export function inputAddress(): usize {
  return INPUT;
}

export function outputAddress(): usize {
  return OUTPUT;
}

/** Overwrites `length` bytes of the input area. */
export function wipeInput(length: i32): void {
  assert(length >= 0 && length <= AREA_BYTES, "length outside the input area");
  wipeArea(INPUT, length);
}

/** Overwrites `length` bytes of the output area. */
export function wipeOutput(length: i32): void {
  assert(length >= 0 && length <= AREA_BYTES, "length outside the output area");
  wipeArea(OUTPUT, length);
}

/** Overwrites the first `length` bytes of an area. */
export function wipeArea(area: usize, length: i32): void {
  if (length < LONG_BYTES) clear(area, length);
  else memory.fill(area, 0, length);
}

/** Bytes 0 to `length` of a vector, the others zero; `length` is at most 16. */
// @ts-ignore: decorator
@inline export function firstBytes(vector: v128, length: i32): v128 {
  return v128.and(vector, i8x16.lt_s(i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), i8x16.splat(length as i8)));
}

/** Overwrites a few bytes, rounded up to a multiple of 16: for small areas faster than the call that memory.fill is. */
// @ts-ignore: decorator
@inline export function clear(address: usize, bytes: usize): void {
  for (const end = address + bytes; address < end; address += 16) v128.store(address, i32x4.splat(0));
}
