/**
 * The number-theoretic transform and its inverse (FIPS 203 section 4.3), in place. What flows through here: 256
 * coefficients in 32 vectors. The three widest layers pass over the vectors eight at a time, 32 coefficients apart;
 * the four others over four vectors at a time, whose lanes are regrouped for the last two layers and put back, so
 * that coefficients keep their published order. Sums are left unreduced as long as a lane can hold them.
 */
import { companion, reduced, timesFactor } from './mlkem-field';
import {
  COMPANIONS, FACTORS_BYTES, FORWARD_2, FORWARD_4, INVERSE_2, INVERSE_4, ZETAS,
} from './mlkem-zetas';

/** Bytes of a polynomial. */
export const POLYNOMIAL_BYTES: usize = 512;

/** 2^16 / 128 mod q: undoes the 128 that the layers collect and the 2^-16 of a product. */
const SCALE: i32 = 512;
/** The factor of the inverse's last layer, and the same times {@link SCALE}. */
const LAST_ZETA: i32 = 1729;
const LAST_SCALED: i32 = (LAST_ZETA * SCALE) % 3329;

/** b times the power ζ^BitRev7(k). */
// @ts-ignore: decorator
@inline function timesZeta(b: v128, k: usize): v128 {
  return timesFactor(b, v128.load16_splat(ZETAS + 2 * k), v128.load16_splat(COMPANIONS + 2 * k));
}

/** b times the factors of one vector of a table. */
// @ts-ignore: decorator
@inline function timesFactors(b: v128, factors: usize): v128 {
  return timesFactor(b, v128.load(factors), v128.load(factors, 16));
}

/** The lower halves of two vectors. */
// @ts-ignore: decorator
@inline function lowHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u64>(a, b, 0, 2);
}

/** The upper halves of two vectors. */
// @ts-ignore: decorator
@inline function highHalves(a: v128, b: v128): v128 {
  return v128.shuffle<u64>(a, b, 1, 3);
}

/** Transforms. From |coefficients| <= q; at most 0.66 q in size afterwards. */
export function transform(polynomial: usize): void {
  for (let at = polynomial; at < polynomial + 64; at += 16) forwardWide(at);
  for (let i: usize = 0; i < 8; i++) forwardNarrow(polynomial + 64 * i, i);
}

/** Distances 128, 64 and 32. */
// @ts-ignore: decorator
@inline function forwardWide(at: usize): void {
  let a0 = v128.load(at, 0), a1 = v128.load(at, 64), a2 = v128.load(at, 128), a3 = v128.load(at, 192);
  let a4 = v128.load(at, 256), a5 = v128.load(at, 320), a6 = v128.load(at, 384), a7 = v128.load(at, 448);
  let t = timesZeta(a4, 1); a4 = i16x8.sub(a0, t); a0 = i16x8.add(a0, t);
  t = timesZeta(a5, 1); a5 = i16x8.sub(a1, t); a1 = i16x8.add(a1, t);
  t = timesZeta(a6, 1); a6 = i16x8.sub(a2, t); a2 = i16x8.add(a2, t);
  t = timesZeta(a7, 1); a7 = i16x8.sub(a3, t); a3 = i16x8.add(a3, t);
  t = timesZeta(a2, 2); a2 = i16x8.sub(a0, t); a0 = i16x8.add(a0, t);
  t = timesZeta(a3, 2); a3 = i16x8.sub(a1, t); a1 = i16x8.add(a1, t);
  t = timesZeta(a6, 3); a6 = i16x8.sub(a4, t); a4 = i16x8.add(a4, t);
  t = timesZeta(a7, 3); a7 = i16x8.sub(a5, t); a5 = i16x8.add(a5, t);
  t = timesZeta(a1, 4); a1 = i16x8.sub(a0, t); a0 = i16x8.add(a0, t);
  t = timesZeta(a3, 5); a3 = i16x8.sub(a2, t); a2 = i16x8.add(a2, t);
  t = timesZeta(a5, 6); a5 = i16x8.sub(a4, t); a4 = i16x8.add(a4, t);
  t = timesZeta(a7, 7); a7 = i16x8.sub(a6, t); a6 = i16x8.add(a6, t);
  v128.store(at, a0, 0); v128.store(at, a1, 64); v128.store(at, a2, 128); v128.store(at, a3, 192);
  v128.store(at, a4, 256); v128.store(at, a5, 320); v128.store(at, a6, 384); v128.store(at, a7, 448);
}

/** Distances 16, 8, 4 and 2 in the 32 coefficients of block i. */
// @ts-ignore: decorator
@inline function forwardNarrow(at: usize, i: usize): void {
  let a0 = v128.load(at, 0), a1 = v128.load(at, 16), a2 = v128.load(at, 32), a3 = v128.load(at, 48);
  let t = timesZeta(a2, 8 + i); a2 = i16x8.sub(a0, t); a0 = i16x8.add(a0, t);
  t = timesZeta(a3, 8 + i); a3 = i16x8.sub(a1, t); a1 = i16x8.add(a1, t);
  t = timesZeta(a1, 16 + 2 * i); a1 = i16x8.sub(a0, t); a0 = i16x8.add(a0, t);
  t = timesZeta(a3, 17 + 2 * i); a3 = i16x8.sub(a2, t); a2 = i16x8.add(a2, t);
  forwardLast(at, a0, a1, 2 * i);
  forwardLast(at + 32, a2, a3, 2 * i + 1);
}

/** Distances 4 and 2 in the vectors a and b, the pair of number `pair`. */
// @ts-ignore: decorator
@inline function forwardLast(at: usize, a: v128, b: v128, pair: usize): void {
  let low = lowHalves(a, b), high = highHalves(a, b);
  let t = timesFactors(high, FORWARD_4 + FACTORS_BYTES * pair);
  high = i16x8.sub(low, t); low = i16x8.add(low, t);
  a = lowHalves(low, high); b = highHalves(low, high);
  let even = v128.shuffle<u32>(a, b, 0, 2, 4, 6), odd = v128.shuffle<u32>(a, b, 1, 3, 5, 7);
  t = timesFactors(odd, FORWARD_2 + FACTORS_BYTES * pair);
  odd = reduced(i16x8.sub(even, t)); even = reduced(i16x8.add(even, t));
  v128.store(at, v128.shuffle<u32>(even, odd, 0, 4, 1, 5), 0);
  v128.store(at, v128.shuffle<u32>(even, odd, 2, 6, 3, 7), 16);
}

/** Transforms back and multiplies by 2^16. From |coefficients| <= 0.8 q; at most 0.64 q in size afterwards. */
export function transformBack(polynomial: usize): void {
  for (let i: usize = 0; i < 8; i++) backNarrow(polynomial + 64 * i, i);
  for (let at = polynomial; at < polynomial + 64; at += 16) backWide(at);
}

/** Distances 2, 4, 8 and 16; the sums of distance 8 reach 6.4 q and are reduced. */
// @ts-ignore: decorator
@inline function backNarrow(at: usize, i: usize): void {
  backFirst(at, 2 * i);
  backFirst(at + 32, 2 * i + 1);
  let a0 = v128.load(at, 0), a1 = v128.load(at, 16), a2 = v128.load(at, 32), a3 = v128.load(at, 48);
  let t = i16x8.sub(a1, a0); a0 = reduced(i16x8.add(a0, a1)); a1 = timesZeta(t, 31 - 2 * i);
  t = i16x8.sub(a3, a2); a2 = reduced(i16x8.add(a2, a3)); a3 = timesZeta(t, 30 - 2 * i);
  t = i16x8.sub(a2, a0); a0 = i16x8.add(a0, a2); a2 = timesZeta(t, 15 - i);
  t = i16x8.sub(a3, a1); a1 = i16x8.add(a1, a3); a3 = timesZeta(t, 15 - i);
  v128.store(at, a0, 0); v128.store(at, a1, 16); v128.store(at, a2, 32); v128.store(at, a3, 48);
}

/** Distances 2 and 4 in two vectors, the pair of number `pair`. */
// @ts-ignore: decorator
@inline function backFirst(at: usize, pair: usize): void {
  let a = v128.load(at, 0), b = v128.load(at, 16);
  let even = v128.shuffle<u32>(a, b, 0, 2, 4, 6), odd = v128.shuffle<u32>(a, b, 1, 3, 5, 7);
  let t = i16x8.sub(odd, even); even = i16x8.add(even, odd);
  odd = timesFactors(t, INVERSE_2 + FACTORS_BYTES * pair);
  a = v128.shuffle<u32>(even, odd, 0, 4, 1, 5); b = v128.shuffle<u32>(even, odd, 2, 6, 3, 7);
  let low = lowHalves(a, b), high = highHalves(a, b);
  t = i16x8.sub(high, low); low = i16x8.add(low, high);
  high = timesFactors(t, INVERSE_4 + FACTORS_BYTES * pair);
  v128.store(at, lowHalves(low, high), 0);
  v128.store(at, highHalves(low, high), 16);
}

/** Distances 32, 64 and 128, and the scale; the sums of distance 32 reach 3.3 q and are reduced. */
// @ts-ignore: decorator
@inline function backWide(at: usize): void {
  let a0 = v128.load(at, 0), a1 = v128.load(at, 64), a2 = v128.load(at, 128), a3 = v128.load(at, 192);
  let a4 = v128.load(at, 256), a5 = v128.load(at, 320), a6 = v128.load(at, 384), a7 = v128.load(at, 448);
  let t = i16x8.sub(a1, a0); a0 = reduced(i16x8.add(a0, a1)); a1 = timesZeta(t, 7);
  t = i16x8.sub(a3, a2); a2 = reduced(i16x8.add(a2, a3)); a3 = timesZeta(t, 6);
  t = i16x8.sub(a5, a4); a4 = reduced(i16x8.add(a4, a5)); a5 = timesZeta(t, 5);
  t = i16x8.sub(a7, a6); a6 = reduced(i16x8.add(a6, a7)); a7 = timesZeta(t, 4);
  t = i16x8.sub(a2, a0); a0 = i16x8.add(a0, a2); a2 = timesZeta(t, 3);
  t = i16x8.sub(a3, a1); a1 = i16x8.add(a1, a3); a3 = timesZeta(t, 3);
  t = i16x8.sub(a6, a4); a4 = i16x8.add(a4, a6); a6 = timesZeta(t, 2);
  t = i16x8.sub(a7, a5); a5 = i16x8.add(a5, a7); a7 = timesZeta(t, 2);
  v128.store(at, scaled(i16x8.add(a0, a4)), 0); v128.store(at, lastScaled(i16x8.sub(a4, a0)), 256);
  v128.store(at, scaled(i16x8.add(a1, a5)), 64); v128.store(at, lastScaled(i16x8.sub(a5, a1)), 320);
  v128.store(at, scaled(i16x8.add(a2, a6)), 128); v128.store(at, lastScaled(i16x8.sub(a6, a2)), 384);
  v128.store(at, scaled(i16x8.add(a3, a7)), 192); v128.store(at, lastScaled(i16x8.sub(a7, a3)), 448);
}

// @ts-ignore: decorator
@inline function scaled(a: v128): v128 {
  return timesFactor(a, i16x8.splat(<i16>SCALE), i16x8.splat(companion(SCALE)));
}

// @ts-ignore: decorator
@inline function lastScaled(a: v128): v128 {
  return timesFactor(a, i16x8.splat(<i16>LAST_SCALED), i16x8.splat(companion(LAST_SCALED)));
}
