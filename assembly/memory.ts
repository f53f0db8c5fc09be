/**
 * The memory map. What flows through here: the host writes into `input`, calls an operation with numbers, and
 * reads `output`; nothing else crosses the boundary. Both areas are static and memory never grows, so the
 * host's views stay valid for the life of the instance.
 */

/** Bytes of each of the two areas: one message of 1 MiB with its frames. */
export const AREA_BYTES: i32 = 0x118000;

const INPUT: usize = memory.data(0x118000, 64);
const OUTPUT: usize = memory.data(0x118000, 64);

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
  memory.fill(INPUT, 0, length);
}

/** Overwrites `length` bytes of the output area. */
export function wipeOutput(length: i32): void {
  assert(length >= 0 && length <= AREA_BYTES, "length outside the output area");
  memory.fill(OUTPUT, 0, length);
}

/** Overwrites a few bytes, a multiple of 16: for small areas faster than the call that memory.fill is. */
// @ts-ignore: decorator
@inline export function clear(address: usize, bytes: usize): void {
  for (const end = address + bytes; address < end; address += 16) v128.store(address, i32x4.splat(0));
}
