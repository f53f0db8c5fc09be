/**
 * Compressed polynomials as bytes (FIPS 203 section 4.2.1): 10 bits a coefficient for u, 4 for v, 1 for the message.
 * What flows through here: 2^d x / q is rounded by a multiplication that may miss by one near a half; the remainder
 * 2^d x - y q tells, and corrects it. Nothing is divided.
 */
import { highProduct, Q } from './mlkem-field';
import { POLYNOMIAL_BYTES } from './mlkem-ntt';

/** Bytes of a polynomial of u and of v in a ciphertext. */
export const U_BYTES: usize = 320;
export const V_BYTES: usize = 128;

/** (q + 1) / 2: what a message bit of 1 stands for. */
const ONE: i16 = 1665;

/** 2^d x / q rounded, modulo 2^d, for |x| < 2 q. */
// @ts-ignore: decorator
@inline function compressed(x: v128, d: i32): v128 {
  const factor: i32 = ((1 << (15 + d)) + 1664) / 3329;
  const ones: i32 = (1 << d) - 1;
  const quotient = highProduct(x, i16x8.splat(<i16>factor));
  const rest = i16x8.sub(i16x8.shl(x, d), i16x8.mul(quotient, i16x8.splat(Q)));
  const raised = i16x8.sub(quotient, i16x8.gt_s(rest, i16x8.splat(1664)));
  return v128.and(i16x8.add(raised, i16x8.lt_s(rest, i16x8.splat(-1664))), i16x8.splat(<i16>ones));
}

/** q y / 2^d rounded, from y 2^(15 - d). */
// @ts-ignore: decorator
@inline function decompressed(y: v128): v128 {
  return highProduct(y, i16x8.splat(Q));
}

export function encodeU(polynomial: usize, bytes: usize): void {
  for (let at = polynomial; at < polynomial + POLYNOMIAL_BYTES; at += 16, bytes += 10) {
    const pairs = i32x4.dot_i16x8_s(compressed(v128.load(at), 10), i16x8(1, 1024, 1, 1024, 1, 1024, 1, 1024));
    const lower = v128.and(pairs, i64x2.splat(0xfffff));
    const fours = v128.or(lower, v128.and(i64x2.shr_u(pairs, 12), i64x2.splat(0xfffff00000)));
    const packed = i8x16.swizzle(fours, i8x16(0, 1, 2, 3, 4, 8, 9, 10, 11, 12, -1, -1, -1, -1, -1, -1));
    v128.store64_lane(bytes, packed, 0, 0);
    v128.store16_lane(bytes, packed, 4, 8);
  }
}

/** Reads six bytes more than the polynomial has. */
export function decodeU(bytes: usize, polynomial: usize): void {
  for (let at = polynomial; at < polynomial + POLYNOMIAL_BYTES; at += 16, bytes += 10) {
    const pairs = i8x16.swizzle(v128.load(bytes), i8x16(0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 6, 7, 7, 8, 8, 9));
    const tops = i16x8.mul(pairs, i16x8(64, 16, 4, 1, 64, 16, 4, 1));
    v128.store(at, decompressed(v128.and(i16x8.shr_u(tops, 1), i16x8.splat(0x7fe0))));
  }
}

export function encodeV(polynomial: usize, bytes: usize): void {
  for (let at = polynomial; at < polynomial + POLYNOMIAL_BYTES; at += 64, bytes += 16) {
    const first = i16x8.narrow_i32x4_u(nibbles(at), nibbles(at + 16));
    const second = i16x8.narrow_i32x4_u(nibbles(at + 32), nibbles(at + 48));
    v128.store(bytes, i8x16.narrow_i16x8_u(first, second));
  }
}

/** Eight compressed coefficients as four bytes, each in 32 bits. */
// @ts-ignore: decorator
@inline function nibbles(at: usize): v128 {
  return i32x4.dot_i16x8_s(compressed(v128.load(at), 4), i16x8(1, 16, 1, 16, 1, 16, 1, 16));
}

export function decodeV(bytes: usize, polynomial: usize): void {
  for (let at = polynomial; at < polynomial + POLYNOMIAL_BYTES; at += 32, bytes += 8) {
    const pairs = v128.load8x8_u(bytes);
    const even = decompressed(i16x8.shl(v128.and(pairs, i16x8.splat(15)), 11));
    const odd = decompressed(i16x8.shl(i16x8.shr_u(pairs, 4), 11));
    v128.store(at, v128.shuffle<u16>(even, odd, 0, 8, 1, 9, 2, 10, 3, 11), 0);
    v128.store(at, v128.shuffle<u16>(even, odd, 4, 12, 5, 13, 6, 14, 7, 15), 16);
  }
}

export function encodeMessage(polynomial: usize, bytes: usize): void {
  for (let at = polynomial; at < polynomial + POLYNOMIAL_BYTES; at += 32, bytes += 2) {
    const bits = i8x16.narrow_i16x8_s(compressed(v128.load(at), 1), compressed(v128.load(at, 16), 1));
    store<u16>(bytes, <u16>i8x16.bitmask(i8x16.shl(bits, 7)));
  }
}

/** Adds the message to a polynomial. */
export function addMessage(bytes: usize, polynomial: usize): void {
  const bit = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
  for (let at = polynomial; at < polynomial + POLYNOMIAL_BYTES; at += 16, bytes++) {
    const ones = i16x8.eq(v128.and(v128.load8_splat(bytes), bit), bit);
    v128.store(at, i16x8.add(v128.load(at), v128.and(ones, i16x8.splat(ONE))));
  }
}
