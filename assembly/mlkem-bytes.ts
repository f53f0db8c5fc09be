/**
 * Polynomials as bytes, 12 bits a coefficient (FIPS 203 section 4.2.1, algorithms 5 and 6). What flows through here:
 * eight coefficients and twelve bytes at a time.
 */
import { canonical, Q } from './mlkem-field';
import { POLYNOMIAL_BYTES } from './mlkem-ntt';

/** Bytes of an encoded polynomial. */
export const ENCODED_BYTES: usize = 384;

/** Eight numbers of 12 bits from twelve bytes; reads sixteen. */
// @ts-ignore: decorator
@inline export function candidates(bytes: usize): v128 {
  const pairs = i8x16.swizzle(v128.load(bytes), i8x16(0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9, 10, 10, 11));
  return i16x8.shr_u(i16x8.mul(pairs, i16x8(16, 1, 16, 1, 16, 1, 16, 1)), 4);
}

/** Decodes; numbers of q and more stay as they are. 1 when there is one (the check of section 7.2), else 0. */
export function decodePolynomial(bytes: usize, polynomial: usize): i32 {
  let large = i16x8.splat(0);
  for (let at = polynomial; at < polynomial + POLYNOMIAL_BYTES; at += 16, bytes += 12) {
    const eight = candidates(bytes);
    large = v128.or(large, i16x8.ge_s(eight, i16x8.splat(Q)));
    v128.store(at, eight);
  }
  return i32(v128.any_true(large));
}

/** Encodes coefficients, whatever representatives they are. */
export function encodePolynomial(polynomial: usize, bytes: usize): void {
  for (let at = polynomial; at < polynomial + POLYNOMIAL_BYTES; at += 16, bytes += 12) {
    const pairs = i32x4.dot_i16x8_s(canonical(v128.load(at)), i16x8(1, 4096, 1, 4096, 1, 4096, 1, 4096));
    const packed = i8x16.swizzle(pairs, i8x16(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    v128.store64_lane(bytes, packed, 0, 0);
    v128.store32_lane(bytes, packed, 2, 8);
  }
}
