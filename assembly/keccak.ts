/**
 * The permutation Keccak-f[1600] (FIPS 202 section 3.3). What flows through here: 25 lanes of 64 bits in memory,
 * lane x + 5y at byte 8 (x + 5y), go through 24 rounds. A round reads one copy of the state, writes the other row
 * by row, and sums the columns for the next round as it goes; the other copy stands behind the state, so that
 * states of public and of secret data never meet. No branch or address depends on the lanes.
 */

/** Bytes of a state and of its other copy. */
export const KECCAK_BYTES: usize = 400;

const STATE_BYTES: usize = 200;

/** The round constants of ι (section 3.2.5), and the address behind them. */
export const ROUNDS: usize = memory.data<u64>([
  0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
  0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
  0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
  0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
  0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
  0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
], 16);
export const ROUNDS_END: usize = ROUNDS + 24 * 8;

// @ts-ignore: decorator
@inline function lane(state: usize, i: usize): u64 {
  return load<u64>(state + 8 * i);
}

// @ts-ignore: decorator
@inline function column(state: usize, x: usize): u64 {
  return lane(state, x) ^ lane(state, x + 5) ^ lane(state, x + 10) ^ lane(state, x + 15) ^ lane(state, x + 20);
}

/** χ of a lane and the two to its right. */
// @ts-ignore: decorator
@inline function chi(a: u64, b: u64, c: u64): u64 {
  return a ^ (~b & c);
}

// @ts-ignore: decorator
@inline function putRow(row: usize, a: u64, b: u64, c: u64, d: u64, e: u64): void {
  store<u64>(row, a, 0);
  store<u64>(row, b, 8);
  store<u64>(row, c, 16);
  store<u64>(row, d, 24);
  store<u64>(row, e, 32);
}

/** Permutes the state. */
export function keccakPermute(state: usize): void {
  let from = state;
  let to = state + STATE_BYTES;
  let c0 = column(from, 0), c1 = column(from, 1), c2 = column(from, 2), c3 = column(from, 3), c4 = column(from, 4);
  for (let round = ROUNDS; round < ROUNDS_END; round += 8) {
    const d0 = c4 ^ rotl<u64>(c1, 1);
    const d1 = c0 ^ rotl<u64>(c2, 1);
    const d2 = c1 ^ rotl<u64>(c3, 1);
    const d3 = c2 ^ rotl<u64>(c4, 1);
    const d4 = c3 ^ rotl<u64>(c0, 1);

    let b0 = lane(from, 0) ^ d0;
    let b1 = rotl<u64>(lane(from, 6) ^ d1, 44);
    let b2 = rotl<u64>(lane(from, 12) ^ d2, 43);
    let b3 = rotl<u64>(lane(from, 18) ^ d3, 21);
    let b4 = rotl<u64>(lane(from, 24) ^ d4, 14);
    let e0 = chi(b0, b1, b2) ^ load<u64>(round);
    let e1 = chi(b1, b2, b3), e2 = chi(b2, b3, b4), e3 = chi(b3, b4, b0), e4 = chi(b4, b0, b1);
    putRow(to + 0, e0, e1, e2, e3, e4);
    c0 = e0; c1 = e1; c2 = e2; c3 = e3; c4 = e4;

    b0 = rotl<u64>(lane(from, 3) ^ d3, 28);
    b1 = rotl<u64>(lane(from, 9) ^ d4, 20);
    b2 = rotl<u64>(lane(from, 10) ^ d0, 3);
    b3 = rotl<u64>(lane(from, 16) ^ d1, 45);
    b4 = rotl<u64>(lane(from, 22) ^ d2, 61);
    e0 = chi(b0, b1, b2); e1 = chi(b1, b2, b3); e2 = chi(b2, b3, b4); e3 = chi(b3, b4, b0); e4 = chi(b4, b0, b1);
    putRow(to + 40, e0, e1, e2, e3, e4);
    c0 ^= e0; c1 ^= e1; c2 ^= e2; c3 ^= e3; c4 ^= e4;

    b0 = rotl<u64>(lane(from, 1) ^ d1, 1);
    b1 = rotl<u64>(lane(from, 7) ^ d2, 6);
    b2 = rotl<u64>(lane(from, 13) ^ d3, 25);
    b3 = rotl<u64>(lane(from, 19) ^ d4, 8);
    b4 = rotl<u64>(lane(from, 20) ^ d0, 18);
    e0 = chi(b0, b1, b2); e1 = chi(b1, b2, b3); e2 = chi(b2, b3, b4); e3 = chi(b3, b4, b0); e4 = chi(b4, b0, b1);
    putRow(to + 80, e0, e1, e2, e3, e4);
    c0 ^= e0; c1 ^= e1; c2 ^= e2; c3 ^= e3; c4 ^= e4;

    b0 = rotl<u64>(lane(from, 4) ^ d4, 27);
    b1 = rotl<u64>(lane(from, 5) ^ d0, 36);
    b2 = rotl<u64>(lane(from, 11) ^ d1, 10);
    b3 = rotl<u64>(lane(from, 17) ^ d2, 15);
    b4 = rotl<u64>(lane(from, 23) ^ d3, 56);
    e0 = chi(b0, b1, b2); e1 = chi(b1, b2, b3); e2 = chi(b2, b3, b4); e3 = chi(b3, b4, b0); e4 = chi(b4, b0, b1);
    putRow(to + 120, e0, e1, e2, e3, e4);
    c0 ^= e0; c1 ^= e1; c2 ^= e2; c3 ^= e3; c4 ^= e4;

    b0 = rotl<u64>(lane(from, 2) ^ d2, 62);
    b1 = rotl<u64>(lane(from, 8) ^ d3, 55);
    b2 = rotl<u64>(lane(from, 14) ^ d4, 39);
    b3 = rotl<u64>(lane(from, 15) ^ d0, 41);
    b4 = rotl<u64>(lane(from, 21) ^ d1, 2);
    e0 = chi(b0, b1, b2); e1 = chi(b1, b2, b3); e2 = chi(b2, b3, b4); e3 = chi(b3, b4, b0); e4 = chi(b4, b0, b1);
    putRow(to + 160, e0, e1, e2, e3, e4);
    c0 ^= e0; c1 ^= e1; c2 ^= e2; c3 ^= e3; c4 ^= e4;

    const swap = from;
    from = to;
    to = swap;
  }
}
