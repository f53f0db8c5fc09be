/**
 * Keccak-f[1600] of two states at once (FIPS 202 section 3.3). What flows through here: 25 vectors in memory, each
 * with the same lane of both states, go through the rounds as in keccak.ts; one permutation of a pair takes little
 * longer than one of a single state.
 */
import { ROUNDS, ROUNDS_END } from './keccak';

/** Bytes of a pair of states and of its other copy. */
export const PAIR_BYTES: usize = 800;

/** Bytes from one lane of a state to its next. */
export const PAIR_STRIDE: usize = 16;

const STATES_BYTES: usize = 400;

// @ts-ignore: decorator
@inline function lane(states: usize, i: usize): v128 {
  return v128.load(states + PAIR_STRIDE * i);
}

// @ts-ignore: decorator
@inline function column(states: usize, x: usize): v128 {
  const top = v128.xor(lane(states, x), lane(states, x + 5));
  return v128.xor(v128.xor(top, lane(states, x + 10)), v128.xor(lane(states, x + 15), lane(states, x + 20)));
}

// @ts-ignore: decorator
@inline function rotate(lanes: v128, bits: i32): v128 {
  return v128.or(i64x2.shl(lanes, bits), i64x2.shr_u(lanes, 64 - bits));
}

/** χ of a lane and the two to its right. */
// @ts-ignore: decorator
@inline function chi(a: v128, b: v128, c: v128): v128 {
  return v128.xor(a, v128.andnot(c, b));
}

// @ts-ignore: decorator
@inline function putRow(row: usize, a: v128, b: v128, c: v128, d: v128, e: v128): void {
  v128.store(row, a, 0);
  v128.store(row, b, 16);
  v128.store(row, c, 32);
  v128.store(row, d, 48);
  v128.store(row, e, 64);
}

/** Permutes both states. */
export function keccakPermutePair(states: usize): void {
  let from = states;
  let to = states + STATES_BYTES;
  let c0 = column(from, 0), c1 = column(from, 1), c2 = column(from, 2), c3 = column(from, 3), c4 = column(from, 4);
  for (let round = ROUNDS; round < ROUNDS_END; round += 8) {
    const d0 = v128.xor(c4, rotate(c1, 1));
    const d1 = v128.xor(c0, rotate(c2, 1));
    const d2 = v128.xor(c1, rotate(c3, 1));
    const d3 = v128.xor(c2, rotate(c4, 1));
    const d4 = v128.xor(c3, rotate(c0, 1));

    let b0 = v128.xor(lane(from, 0), d0);
    let b1 = rotate(v128.xor(lane(from, 6), d1), 44);
    let b2 = rotate(v128.xor(lane(from, 12), d2), 43);
    let b3 = rotate(v128.xor(lane(from, 18), d3), 21);
    let b4 = rotate(v128.xor(lane(from, 24), d4), 14);
    let e0 = v128.xor(chi(b0, b1, b2), v128.load64_splat(round));
    let e1 = chi(b1, b2, b3), e2 = chi(b2, b3, b4), e3 = chi(b3, b4, b0), e4 = chi(b4, b0, b1);
    putRow(to + 0, e0, e1, e2, e3, e4);
    c0 = e0; c1 = e1; c2 = e2; c3 = e3; c4 = e4;

    b0 = rotate(v128.xor(lane(from, 3), d3), 28);
    b1 = rotate(v128.xor(lane(from, 9), d4), 20);
    b2 = rotate(v128.xor(lane(from, 10), d0), 3);
    b3 = rotate(v128.xor(lane(from, 16), d1), 45);
    b4 = rotate(v128.xor(lane(from, 22), d2), 61);
    e0 = chi(b0, b1, b2); e1 = chi(b1, b2, b3); e2 = chi(b2, b3, b4); e3 = chi(b3, b4, b0); e4 = chi(b4, b0, b1);
    putRow(to + 80, e0, e1, e2, e3, e4);
    c0 = v128.xor(c0, e0); c1 = v128.xor(c1, e1); c2 = v128.xor(c2, e2); c3 = v128.xor(c3, e3); c4 = v128.xor(c4, e4);

    b0 = rotate(v128.xor(lane(from, 1), d1), 1);
    b1 = rotate(v128.xor(lane(from, 7), d2), 6);
    b2 = rotate(v128.xor(lane(from, 13), d3), 25);
    b3 = rotate(v128.xor(lane(from, 19), d4), 8);
    b4 = rotate(v128.xor(lane(from, 20), d0), 18);
    e0 = chi(b0, b1, b2); e1 = chi(b1, b2, b3); e2 = chi(b2, b3, b4); e3 = chi(b3, b4, b0); e4 = chi(b4, b0, b1);
    putRow(to + 160, e0, e1, e2, e3, e4);
    c0 = v128.xor(c0, e0); c1 = v128.xor(c1, e1); c2 = v128.xor(c2, e2); c3 = v128.xor(c3, e3); c4 = v128.xor(c4, e4);

    b0 = rotate(v128.xor(lane(from, 4), d4), 27);
    b1 = rotate(v128.xor(lane(from, 5), d0), 36);
    b2 = rotate(v128.xor(lane(from, 11), d1), 10);
    b3 = rotate(v128.xor(lane(from, 17), d2), 15);
    b4 = rotate(v128.xor(lane(from, 23), d3), 56);
    e0 = chi(b0, b1, b2); e1 = chi(b1, b2, b3); e2 = chi(b2, b3, b4); e3 = chi(b3, b4, b0); e4 = chi(b4, b0, b1);
    putRow(to + 240, e0, e1, e2, e3, e4);
    c0 = v128.xor(c0, e0); c1 = v128.xor(c1, e1); c2 = v128.xor(c2, e2); c3 = v128.xor(c3, e3); c4 = v128.xor(c4, e4);

    b0 = rotate(v128.xor(lane(from, 2), d2), 62);
    b1 = rotate(v128.xor(lane(from, 8), d3), 55);
    b2 = rotate(v128.xor(lane(from, 14), d4), 39);
    b3 = rotate(v128.xor(lane(from, 15), d0), 41);
    b4 = rotate(v128.xor(lane(from, 21), d1), 2);
    e0 = chi(b0, b1, b2); e1 = chi(b1, b2, b3); e2 = chi(b2, b3, b4); e3 = chi(b3, b4, b0); e4 = chi(b4, b0, b1);
    putRow(to + 320, e0, e1, e2, e3, e4);
    c0 = v128.xor(c0, e0); c1 = v128.xor(c1, e1); c2 = v128.xor(c2, e2); c3 = v128.xor(c3, e3); c4 = v128.xor(c4, e4);

    const swap = from;
    from = to;
    to = swap;
  }
}
