/** The padding of SHA-256 (FIPS 180-4 section 5.1.1): the rest of a message becomes its last one or two blocks. */

/** Bytes of room that {@link pad} needs. */
export const TAIL_BYTES: usize = 128;

/**
 * Writes the last `rest` bytes of a message (0 to 63, at `source`), the bit 1, zeros and the length in bits of the
 * whole message, `total` bytes; returns the number of blocks. Reads 64 bytes at `source` whatever `rest` is, and
 * masks them, so that the time does not depend on it.
 */
export function pad(tail: usize, source: usize, rest: i32, total: u64): i32 {
  const border = i8x16.splat(<i8>rest);
  let index = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (let at: usize = 0; at < 64; at += 16) {
    const kept = v128.and(v128.load(source + at), v128.lt<i8>(index, border));
    const end = v128.and(v128.eq<i8>(index, border), i8x16.splat(-128));
    v128.store(tail + at, v128.or(kept, end));
    v128.store(tail + at, i32x4.splat(0), 64);
    index = v128.add<i8>(index, i8x16.splat(16));
  }
  const blocks = rest < 56 ? 1 : 2;
  store<u64>(tail + 64 * <usize>blocks - 8, bswap<u64>(total << 3));
  return blocks;
}
