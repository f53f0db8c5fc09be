/**
 * Products of vectors of transformed polynomials (FIPS 203 sections 2.4.5 and 4.3.1). What flows through here: one
 * factor, used for several products, is prepared: of each pair (b0, b1) modulo X² - γ both (b0, γ b1) and (b1, b0)
 * are kept, so that a pair of the product is two dot products of pairs. Those of all three polynomials are summed in
 * 32 bits and reduced once (Montgomery), which leaves the product times 2^-16.
 */
import { Q, timesFactor } from './mlkem-field';
import { POLYNOMIAL_BYTES } from './mlkem-ntt';
import { FACTORS_BYTES, GAMMAS } from './mlkem-zetas';

/** Polynomials of a vector: k of ML-KEM-768. */
export const RANK: usize = 3;

/** Bytes of a prepared polynomial: for each vector of coefficients both its forms. */
export const PREPARED_BYTES: usize = 2 * POLYNOMIAL_BYTES;

/** 1 / q mod 2^16. */
const Q_INVERSE: i16 = -3327;

/** Prepares one transformed polynomial. */
export function prepareFactor(polynomial: usize, prepared: usize): void {
  for (let i: usize = 0; i < 32; i++) {
    const b = v128.load(polynomial + 16 * i);
    const gammas = GAMMAS + FACTORS_BYTES * i;
    v128.store(prepared + 32 * i, timesFactor(b, v128.load(gammas), v128.load(gammas, 16)));
    v128.store(prepared + 32 * i, v128.shuffle<u16>(b, b, 1, 0, 3, 2, 5, 4, 7, 6), 16);
  }
}

/**
 * The sum of three products, times 2^-16, from polynomials of at most 4095 in size, `stride` bytes apart, and three
 * prepared ones. At most 0.8 q in size.
 */
export function innerProduct(polynomials: usize, stride: usize, prepared: usize, product: usize): void {
  const p1 = polynomials + stride;
  const p2 = p1 + stride;
  for (let at: usize = 0; at < POLYNOMIAL_BYTES; at += 16) {
    const a0 = v128.load(polynomials + at);
    const a1 = v128.load(p1 + at);
    const a2 = v128.load(p2 + at);
    const b = prepared + 2 * at;
    const even = i32x4.add(
      i32x4.dot_i16x8_s(a0, v128.load(b)),
      i32x4.add(i32x4.dot_i16x8_s(a1, v128.load(b, PREPARED_BYTES)), i32x4.dot_i16x8_s(a2, v128.load(b, 2 * PREPARED_BYTES))),
    );
    const odd = i32x4.add(
      i32x4.dot_i16x8_s(a0, v128.load(b, 16)),
      i32x4.add(i32x4.dot_i16x8_s(a1, v128.load(b, PREPARED_BYTES + 16)), i32x4.dot_i16x8_s(a2, v128.load(b, 2 * PREPARED_BYTES + 16))),
    );
    v128.store(product + at, montgomery(even, odd));
  }
}

/** Sums for the even and for the odd coefficients, each times 2^-16 mod q, in one vector. */
// @ts-ignore: decorator
@inline function montgomery(even: v128, odd: v128): v128 {
  const low = v128.shuffle<u16>(even, i32x4.shl(odd, 16), 0, 9, 2, 11, 4, 13, 6, 15);
  const m = i16x8.mul(low, i16x8.splat(Q_INVERSE));
  const evenRest = i32x4.sub(even, i32x4.dot_i16x8_s(m, i16x8(Q, 0, Q, 0, Q, 0, Q, 0)));
  const oddRest = i32x4.sub(odd, i32x4.dot_i16x8_s(m, i16x8(0, Q, 0, Q, 0, Q, 0, Q)));
  return v128.or(i32x4.shr_u(evenRest, 16), oddRest);
}
