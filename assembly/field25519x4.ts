/**
 * Four elements of the field of 2^255 - 19 side by side. What flows through here: lane i of each vector belongs to
 * element i; an element is twenty signed limbs of 13 bits, two to a 32-bit lane, ten vectors or 160 bytes for the
 * four. i32x4.dot_i16x8_s then makes eight products of limbs and adds them in pairs, in one instruction where a
 * 64-bit multiplication makes one. Sums and differences are left unreduced.
 *
 * Bounds: call a limb "one unit" when it stays within 2^12 + 32 in magnitude. Products come out with one unit and
 * need units(f) * units(g) <= 6: a column adds at most 20 products, and 20 * 6 * (2^12 + 32)^2 + 2^23 < 2^31. A
 * limb must fit 16 bits: no more than 7 units.
 *
 * A product multiplies pairs (f_2m, f_2m+1) with pairs (g_j, g_j-1), which gives terms of column 2m + j. The
 * columns of each half of f and each parity follow one another, so that the operands of a pass stay in registers.
 * No operation here branches on, or addresses memory by, the value of an element.
 */
import { fieldReduce, fieldToBytes } from './field25519';

/** Bytes of four elements. */
export const QUAD_BYTES: i32 = 160;

/** The pairs (g_j, g_j-1) of the second factor, and the 39 columns of the product. */
const PAIRS: usize = memory.data(336, 16);
const COLUMNS: usize = memory.data(624, 16);
/** One element in bytes, with room to read a word from any of them. */
const PACKED: usize = memory.data(48, 16);

// @ts-ignore: decorator
@inline function add(a: v128, b: v128): v128 {
  return i32x4.add(a, b);
}

// @ts-ignore: decorator
@inline function dot(a: v128, b: v128): v128 {
  return i32x4.dot_i16x8_s(a, b);
}

/** The lower limb of each lane of a, the upper one of b. */
// @ts-ignore: decorator
@inline function blend(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 0, 9, 2, 11, 4, 13, 6, 15);
}

/** Both limbs of each lane in the other order. */
// @ts-ignore: decorator
@inline function turn(a: v128): v128 {
  return v128.shuffle<i16>(a, a, 1, 0, 3, 2, 5, 4, 7, 6);
}

/** Two limbs that were raised by half a limb and masked, as one vector of pairs. */
// @ts-ignore: decorator
@inline function join(s0: v128, s1: v128, halves: v128): v128 {
  return i16x8.sub(blend(s0, i32x4.shl(s1, 16)), halves);
}

/** The same of limbs still to be masked. */
// @ts-ignore: decorator
@inline function pack(s0: v128, s1: v128, masks: v128, halves: v128): v128 {
  return i16x8.sub(v128.and(blend(s0, i32x4.shl(s1, 16)), masks), halves);
}

/** out = f * g. */
export function quadMultiply(out: usize, f: usize, g: usize): void {
  preparePairs(g);
  const a0 = v128.load(f, 0), a1 = v128.load(f, 16), a2 = v128.load(f, 32), a3 = v128.load(f, 48), a4 = v128.load(f, 64);
  { // lower half of f, even columns
    const p0 = v128.load(PAIRS, 0);
    v128.store(COLUMNS, dot(a0, p0), 0);
    const p2 = v128.load(PAIRS, 32);
    v128.store(COLUMNS, add(dot(a1, p0), dot(a0, p2)), 32);
    const p4 = v128.load(PAIRS, 64);
    v128.store(COLUMNS, add(add(dot(a2, p0), dot(a1, p2)), dot(a0, p4)), 64);
    const p6 = v128.load(PAIRS, 96);
    v128.store(COLUMNS, add(add(add(dot(a3, p0), dot(a2, p2)), dot(a1, p4)), dot(a0, p6)), 96);
    const p8 = v128.load(PAIRS, 128);
    v128.store(COLUMNS, add(add(add(add(dot(a4, p0), dot(a3, p2)), dot(a2, p4)), dot(a1, p6)), dot(a0, p8)), 128);
    const p10 = v128.load(PAIRS, 160);
    v128.store(COLUMNS, add(add(add(add(dot(a4, p2), dot(a3, p4)), dot(a2, p6)), dot(a1, p8)), dot(a0, p10)), 160);
    const p12 = v128.load(PAIRS, 192);
    v128.store(COLUMNS, add(add(add(add(dot(a4, p4), dot(a3, p6)), dot(a2, p8)), dot(a1, p10)), dot(a0, p12)), 192);
    const p14 = v128.load(PAIRS, 224);
    v128.store(COLUMNS, add(add(add(add(dot(a4, p6), dot(a3, p8)), dot(a2, p10)), dot(a1, p12)), dot(a0, p14)), 224);
    const p16 = v128.load(PAIRS, 256);
    v128.store(COLUMNS, add(add(add(add(dot(a4, p8), dot(a3, p10)), dot(a2, p12)), dot(a1, p14)), dot(a0, p16)), 256);
    const p18 = v128.load(PAIRS, 288);
    v128.store(COLUMNS, add(add(add(add(dot(a4, p10), dot(a3, p12)), dot(a2, p14)), dot(a1, p16)), dot(a0, p18)), 288);
    const p20 = v128.load(PAIRS, 320);
    v128.store(COLUMNS, add(add(add(add(dot(a4, p12), dot(a3, p14)), dot(a2, p16)), dot(a1, p18)), dot(a0, p20)), 320);
    v128.store(COLUMNS, add(add(add(dot(a4, p14), dot(a3, p16)), dot(a2, p18)), dot(a1, p20)), 352);
    v128.store(COLUMNS, add(add(dot(a4, p16), dot(a3, p18)), dot(a2, p20)), 384);
    v128.store(COLUMNS, add(dot(a4, p18), dot(a3, p20)), 416);
    v128.store(COLUMNS, dot(a4, p20), 448);
  }
  { // lower half of f, odd columns
    const p1 = v128.load(PAIRS, 16);
    v128.store(COLUMNS, dot(a0, p1), 16);
    const p3 = v128.load(PAIRS, 48);
    v128.store(COLUMNS, add(dot(a1, p1), dot(a0, p3)), 48);
    const p5 = v128.load(PAIRS, 80);
    v128.store(COLUMNS, add(add(dot(a2, p1), dot(a1, p3)), dot(a0, p5)), 80);
    const p7 = v128.load(PAIRS, 112);
    v128.store(COLUMNS, add(add(add(dot(a3, p1), dot(a2, p3)), dot(a1, p5)), dot(a0, p7)), 112);
    const p9 = v128.load(PAIRS, 144);
    v128.store(COLUMNS, add(add(add(add(dot(a4, p1), dot(a3, p3)), dot(a2, p5)), dot(a1, p7)), dot(a0, p9)), 144);
    const p11 = v128.load(PAIRS, 176);
    v128.store(COLUMNS, add(add(add(add(dot(a4, p3), dot(a3, p5)), dot(a2, p7)), dot(a1, p9)), dot(a0, p11)), 176);
    const p13 = v128.load(PAIRS, 208);
    v128.store(COLUMNS, add(add(add(add(dot(a4, p5), dot(a3, p7)), dot(a2, p9)), dot(a1, p11)), dot(a0, p13)), 208);
    const p15 = v128.load(PAIRS, 240);
    v128.store(COLUMNS, add(add(add(add(dot(a4, p7), dot(a3, p9)), dot(a2, p11)), dot(a1, p13)), dot(a0, p15)), 240);
    const p17 = v128.load(PAIRS, 272);
    v128.store(COLUMNS, add(add(add(add(dot(a4, p9), dot(a3, p11)), dot(a2, p13)), dot(a1, p15)), dot(a0, p17)), 272);
    const p19 = v128.load(PAIRS, 304);
    v128.store(COLUMNS, add(add(add(add(dot(a4, p11), dot(a3, p13)), dot(a2, p15)), dot(a1, p17)), dot(a0, p19)), 304);
    v128.store(COLUMNS, add(add(add(dot(a4, p13), dot(a3, p15)), dot(a2, p17)), dot(a1, p19)), 336);
    v128.store(COLUMNS, add(add(dot(a4, p15), dot(a3, p17)), dot(a2, p19)), 368);
    v128.store(COLUMNS, add(dot(a4, p17), dot(a3, p19)), 400);
    v128.store(COLUMNS, dot(a4, p19), 432);
  }
  const a5 = v128.load(f, 80), a6 = v128.load(f, 96), a7 = v128.load(f, 112), a8 = v128.load(f, 128), a9 = v128.load(f, 144);
  { // upper half of f, even columns
    const p0 = v128.load(PAIRS, 0);
    v128.store(COLUMNS, add(v128.load(COLUMNS, 160), dot(a5, p0)), 160);
    const p2 = v128.load(PAIRS, 32);
    v128.store(COLUMNS, add(add(v128.load(COLUMNS, 192), dot(a6, p0)), dot(a5, p2)), 192);
    const p4 = v128.load(PAIRS, 64);
    v128.store(COLUMNS, add(add(add(v128.load(COLUMNS, 224), dot(a7, p0)), dot(a6, p2)), dot(a5, p4)), 224);
    const p6 = v128.load(PAIRS, 96);
    v128.store(COLUMNS, add(add(add(add(v128.load(COLUMNS, 256), dot(a8, p0)), dot(a7, p2)), dot(a6, p4)), dot(a5, p6)), 256);
    const p8 = v128.load(PAIRS, 128);
    v128.store(COLUMNS, add(add(add(add(add(v128.load(COLUMNS, 288), dot(a9, p0)), dot(a8, p2)), dot(a7, p4)), dot(a6, p6)), dot(a5, p8)), 288);
    const p10 = v128.load(PAIRS, 160);
    v128.store(COLUMNS, add(add(add(add(add(v128.load(COLUMNS, 320), dot(a9, p2)), dot(a8, p4)), dot(a7, p6)), dot(a6, p8)), dot(a5, p10)), 320);
    const p12 = v128.load(PAIRS, 192);
    v128.store(COLUMNS, add(add(add(add(add(v128.load(COLUMNS, 352), dot(a9, p4)), dot(a8, p6)), dot(a7, p8)), dot(a6, p10)), dot(a5, p12)), 352);
    const p14 = v128.load(PAIRS, 224);
    v128.store(COLUMNS, add(add(add(add(add(v128.load(COLUMNS, 384), dot(a9, p6)), dot(a8, p8)), dot(a7, p10)), dot(a6, p12)), dot(a5, p14)), 384);
    const p16 = v128.load(PAIRS, 256);
    v128.store(COLUMNS, add(add(add(add(add(v128.load(COLUMNS, 416), dot(a9, p8)), dot(a8, p10)), dot(a7, p12)), dot(a6, p14)), dot(a5, p16)), 416);
    const p18 = v128.load(PAIRS, 288);
    v128.store(COLUMNS, add(add(add(add(add(v128.load(COLUMNS, 448), dot(a9, p10)), dot(a8, p12)), dot(a7, p14)), dot(a6, p16)), dot(a5, p18)), 448);
    const p20 = v128.load(PAIRS, 320);
    v128.store(COLUMNS, add(add(add(add(dot(a9, p12), dot(a8, p14)), dot(a7, p16)), dot(a6, p18)), dot(a5, p20)), 480);
    v128.store(COLUMNS, add(add(add(dot(a9, p14), dot(a8, p16)), dot(a7, p18)), dot(a6, p20)), 512);
    v128.store(COLUMNS, add(add(dot(a9, p16), dot(a8, p18)), dot(a7, p20)), 544);
    v128.store(COLUMNS, add(dot(a9, p18), dot(a8, p20)), 576);
    v128.store(COLUMNS, dot(a9, p20), 608);
  }
  { // upper half of f, odd columns
    const p1 = v128.load(PAIRS, 16);
    v128.store(COLUMNS, add(v128.load(COLUMNS, 176), dot(a5, p1)), 176);
    const p3 = v128.load(PAIRS, 48);
    v128.store(COLUMNS, add(add(v128.load(COLUMNS, 208), dot(a6, p1)), dot(a5, p3)), 208);
    const p5 = v128.load(PAIRS, 80);
    v128.store(COLUMNS, add(add(add(v128.load(COLUMNS, 240), dot(a7, p1)), dot(a6, p3)), dot(a5, p5)), 240);
    const p7 = v128.load(PAIRS, 112);
    v128.store(COLUMNS, add(add(add(add(v128.load(COLUMNS, 272), dot(a8, p1)), dot(a7, p3)), dot(a6, p5)), dot(a5, p7)), 272);
    const p9 = v128.load(PAIRS, 144);
    v128.store(COLUMNS, add(add(add(add(add(v128.load(COLUMNS, 304), dot(a9, p1)), dot(a8, p3)), dot(a7, p5)), dot(a6, p7)), dot(a5, p9)), 304);
    const p11 = v128.load(PAIRS, 176);
    v128.store(COLUMNS, add(add(add(add(add(v128.load(COLUMNS, 336), dot(a9, p3)), dot(a8, p5)), dot(a7, p7)), dot(a6, p9)), dot(a5, p11)), 336);
    const p13 = v128.load(PAIRS, 208);
    v128.store(COLUMNS, add(add(add(add(add(v128.load(COLUMNS, 368), dot(a9, p5)), dot(a8, p7)), dot(a7, p9)), dot(a6, p11)), dot(a5, p13)), 368);
    const p15 = v128.load(PAIRS, 240);
    v128.store(COLUMNS, add(add(add(add(add(v128.load(COLUMNS, 400), dot(a9, p7)), dot(a8, p9)), dot(a7, p11)), dot(a6, p13)), dot(a5, p15)), 400);
    const p17 = v128.load(PAIRS, 272);
    v128.store(COLUMNS, add(add(add(add(add(v128.load(COLUMNS, 432), dot(a9, p9)), dot(a8, p11)), dot(a7, p13)), dot(a6, p15)), dot(a5, p17)), 432);
    const p19 = v128.load(PAIRS, 304);
    v128.store(COLUMNS, add(add(add(add(dot(a9, p11), dot(a8, p13)), dot(a7, p15)), dot(a6, p17)), dot(a5, p19)), 464);
    v128.store(COLUMNS, add(add(add(dot(a9, p13), dot(a8, p15)), dot(a7, p17)), dot(a6, p19)), 496);
    v128.store(COLUMNS, add(add(dot(a9, p15), dot(a8, p17)), dot(a7, p19)), 528);
    v128.store(COLUMNS, add(dot(a9, p17), dot(a8, p19)), 560);
    v128.store(COLUMNS, dot(a9, p19), 592);
  }
  reduceColumns(out);
}

/** out = f^2; products that occur twice are made once, with a doubled factor. */
export function quadSquare(out: usize, f: usize): void {
  const LOW = i32x4.splat(0xffff);
  const a0 = v128.load(f, 0), a1 = v128.load(f, 16), a2 = v128.load(f, 32), a3 = v128.load(f, 48), a4 = v128.load(f, 64);
  { // the square of the lower half
    const d0 = i16x8.add(a0, a0), d1 = i16x8.add(a1, a1), d2 = i16x8.add(a2, a2), d3 = i16x8.add(a3, a3), d4 = i16x8.add(a4, a4);
    v128.store(COLUMNS, dot(v128.and(a0, LOW), a0), 0);
    const p1 = turn(d0);
    v128.store(COLUMNS, dot(v128.and(a0, LOW), p1), 16);
    const p2 = blend(d1, d0);
    v128.store(COLUMNS, dot(a0, blend(p2, a0)), 32);
    const p3 = turn(d1);
    v128.store(COLUMNS, dot(a0, p3), 48);
    const p4 = blend(d2, d1);
    v128.store(COLUMNS, add(dot(a0, p4), dot(v128.and(a1, LOW), a1)), 64);
    const p5 = turn(d2);
    v128.store(COLUMNS, add(dot(a0, p5), dot(v128.and(a1, LOW), p3)), 80);
    const p6 = blend(d3, d2);
    v128.store(COLUMNS, add(dot(a0, p6), dot(a1, blend(p4, a1))), 96);
    const p7 = turn(d3);
    v128.store(COLUMNS, add(dot(a0, p7), dot(a1, p5)), 112);
    const p8 = blend(d4, d3);
    v128.store(COLUMNS, add(add(dot(a0, p8), dot(a1, p6)), dot(v128.and(a2, LOW), a2)), 128);
    const p9 = turn(d4);
    v128.store(COLUMNS, add(add(dot(a0, p9), dot(a1, p7)), dot(v128.and(a2, LOW), p5)), 144);
    const p10 = v128.andnot(d4, LOW);
    v128.store(COLUMNS, add(add(dot(a0, p10), dot(a1, p8)), dot(a2, blend(p6, a2))), 160);
    v128.store(COLUMNS, add(dot(a1, p9), dot(a2, p7)), 176);
    v128.store(COLUMNS, add(add(dot(a1, p10), dot(a2, p8)), dot(v128.and(a3, LOW), a3)), 192);
    v128.store(COLUMNS, add(dot(a2, p9), dot(v128.and(a3, LOW), p7)), 208);
    v128.store(COLUMNS, add(dot(a2, p10), dot(a3, blend(p8, a3))), 224);
    v128.store(COLUMNS, dot(a3, p9), 240);
    v128.store(COLUMNS, add(dot(a3, p10), dot(v128.and(a4, LOW), a4)), 256);
    v128.store(COLUMNS, dot(v128.and(a4, LOW), p9), 272);
    v128.store(COLUMNS, dot(a4, blend(p10, a4)), 288);
  }
  v128.store(COLUMNS, i32x4.splat(0), 304);
  const a5 = v128.load(f, 80), a6 = v128.load(f, 96), a7 = v128.load(f, 112), a8 = v128.load(f, 128), a9 = v128.load(f, 144);
  // the square of the upper half, and twice the product of both
  const d0 = i16x8.add(a5, a5), d1 = i16x8.add(a6, a6), d2 = i16x8.add(a7, a7), d3 = i16x8.add(a8, a8), d4 = i16x8.add(a9, a9);
  v128.store(COLUMNS, dot(v128.and(a5, LOW), a5), 320);
  const p1 = turn(d0);
  v128.store(COLUMNS, dot(v128.and(a5, LOW), p1), 336);
  const p2 = blend(d1, d0);
  v128.store(COLUMNS, dot(a5, blend(p2, a5)), 352);
  const p3 = turn(d1);
  v128.store(COLUMNS, dot(a5, p3), 368);
  const p4 = blend(d2, d1);
  v128.store(COLUMNS, add(dot(a5, p4), dot(v128.and(a6, LOW), a6)), 384);
  const p5 = turn(d2);
  v128.store(COLUMNS, add(dot(a5, p5), dot(v128.and(a6, LOW), p3)), 400);
  const p6 = blend(d3, d2);
  v128.store(COLUMNS, add(dot(a5, p6), dot(a6, blend(p4, a6))), 416);
  const p7 = turn(d3);
  v128.store(COLUMNS, add(dot(a5, p7), dot(a6, p5)), 432);
  const p8 = blend(d4, d3);
  v128.store(COLUMNS, add(add(dot(a5, p8), dot(a6, p6)), dot(v128.and(a7, LOW), a7)), 448);
  const p9 = turn(d4);
  v128.store(COLUMNS, add(add(dot(a5, p9), dot(a6, p7)), dot(v128.and(a7, LOW), p5)), 464);
  const p10 = v128.andnot(d4, LOW);
  v128.store(COLUMNS, add(add(dot(a5, p10), dot(a6, p8)), dot(a7, blend(p6, a7))), 480);
  v128.store(COLUMNS, add(dot(a6, p9), dot(a7, p7)), 496);
  v128.store(COLUMNS, add(add(dot(a6, p10), dot(a7, p8)), dot(v128.and(a8, LOW), a8)), 512);
  v128.store(COLUMNS, add(dot(a7, p9), dot(v128.and(a8, LOW), p7)), 528);
  v128.store(COLUMNS, add(dot(a7, p10), dot(a8, blend(p8, a8))), 544);
  v128.store(COLUMNS, dot(a8, p9), 560);
  v128.store(COLUMNS, add(dot(a8, p10), dot(v128.and(a9, LOW), a9)), 576);
  v128.store(COLUMNS, dot(v128.and(a9, LOW), p9), 592);
  v128.store(COLUMNS, dot(a9, blend(p10, a9)), 608);
  const p0 = v128.and(d0, LOW);
  v128.store(COLUMNS, add(v128.load(COLUMNS, 160), dot(a0, p0)), 160);
  v128.store(COLUMNS, add(add(v128.load(COLUMNS, 192), dot(a1, p0)), dot(a0, p2)), 192);
  v128.store(COLUMNS, add(add(add(v128.load(COLUMNS, 224), dot(a2, p0)), dot(a1, p2)), dot(a0, p4)), 224);
  v128.store(COLUMNS, add(add(add(add(v128.load(COLUMNS, 256), dot(a3, p0)), dot(a2, p2)), dot(a1, p4)), dot(a0, p6)), 256);
  v128.store(COLUMNS, add(add(add(add(add(v128.load(COLUMNS, 288), dot(a4, p0)), dot(a3, p2)), dot(a2, p4)), dot(a1, p6)), dot(a0, p8)), 288);
  v128.store(COLUMNS, add(add(add(add(add(v128.load(COLUMNS, 320), dot(a4, p2)), dot(a3, p4)), dot(a2, p6)), dot(a1, p8)), dot(a0, p10)), 320);
  v128.store(COLUMNS, add(add(add(add(v128.load(COLUMNS, 352), dot(a4, p4)), dot(a3, p6)), dot(a2, p8)), dot(a1, p10)), 352);
  v128.store(COLUMNS, add(add(add(v128.load(COLUMNS, 384), dot(a4, p6)), dot(a3, p8)), dot(a2, p10)), 384);
  v128.store(COLUMNS, add(add(v128.load(COLUMNS, 416), dot(a4, p8)), dot(a3, p10)), 416);
  v128.store(COLUMNS, add(v128.load(COLUMNS, 448), dot(a4, p10)), 448);
  v128.store(COLUMNS, add(v128.load(COLUMNS, 176), dot(a0, p1)), 176);
  v128.store(COLUMNS, add(add(v128.load(COLUMNS, 208), dot(a1, p1)), dot(a0, p3)), 208);
  v128.store(COLUMNS, add(add(add(v128.load(COLUMNS, 240), dot(a2, p1)), dot(a1, p3)), dot(a0, p5)), 240);
  v128.store(COLUMNS, add(add(add(add(v128.load(COLUMNS, 272), dot(a3, p1)), dot(a2, p3)), dot(a1, p5)), dot(a0, p7)), 272);
  v128.store(COLUMNS, add(add(add(add(add(v128.load(COLUMNS, 304), dot(a4, p1)), dot(a3, p3)), dot(a2, p5)), dot(a1, p7)), dot(a0, p9)), 304);
  v128.store(COLUMNS, add(add(add(add(v128.load(COLUMNS, 336), dot(a4, p3)), dot(a3, p5)), dot(a2, p7)), dot(a1, p9)), 336);
  v128.store(COLUMNS, add(add(add(v128.load(COLUMNS, 368), dot(a4, p5)), dot(a3, p7)), dot(a2, p9)), 368);
  v128.store(COLUMNS, add(add(v128.load(COLUMNS, 400), dot(a4, p7)), dot(a3, p9)), 400);
  v128.store(COLUMNS, add(v128.load(COLUMNS, 432), dot(a4, p9)), 432);
  reduceColumns(out);
}

// @ts-ignore: decorator
@inline function preparePairs(g: usize): void {
  const LOW = i32x4.splat(0xffff);
  const b0 = v128.load(g, 0), b1 = v128.load(g, 16), b2 = v128.load(g, 32), b3 = v128.load(g, 48), b4 = v128.load(g, 64);
  const b5 = v128.load(g, 80), b6 = v128.load(g, 96), b7 = v128.load(g, 112), b8 = v128.load(g, 128), b9 = v128.load(g, 144);
  v128.store(PAIRS, v128.and(b0, LOW));
  v128.store(PAIRS, turn(b0), 16); v128.store(PAIRS, blend(b1, b0), 32);
  v128.store(PAIRS, turn(b1), 48); v128.store(PAIRS, blend(b2, b1), 64);
  v128.store(PAIRS, turn(b2), 80); v128.store(PAIRS, blend(b3, b2), 96);
  v128.store(PAIRS, turn(b3), 112); v128.store(PAIRS, blend(b4, b3), 128);
  v128.store(PAIRS, turn(b4), 144); v128.store(PAIRS, blend(b5, b4), 160);
  v128.store(PAIRS, turn(b5), 176); v128.store(PAIRS, blend(b6, b5), 192);
  v128.store(PAIRS, turn(b6), 208); v128.store(PAIRS, blend(b7, b6), 224);
  v128.store(PAIRS, turn(b7), 240); v128.store(PAIRS, blend(b8, b7), 256);
  v128.store(PAIRS, turn(b8), 272); v128.store(PAIRS, blend(b9, b8), 288);
  v128.store(PAIRS, turn(b9), 304); v128.store(PAIRS, v128.andnot(b9, LOW), 320);
}

/**
 * Folds the columns from 20 on down by 2^260 = 608, after one carry among them, and carries the sums into limbs of
 * one unit: two chains side by side, each ending in the beginning of the other. Limbs are raised by half a limb
 * while they are carried, so that masks leave signed ones.
 */
// @ts-ignore: decorator
@inline function reduceColumns(out: usize): void {
  const MASK = i32x4.splat(0x1fff), HALF = i32x4.splat(0x1000), FOLD = i32x4.splat(608);
  const MASKS = i32x4.splat(0x1fff1fff), HALVES = i32x4.splat(0x10001000);
  const h0 = v128.load(COLUMNS, 320);
  const s0 = add(add(v128.load(COLUMNS, 0), i32x4.mul(v128.and(h0, MASK), FOLD)), HALF);
  const h10 = v128.load(COLUMNS, 480);
  const s10 = add(add(v128.load(COLUMNS, 160), i32x4.mul(add(v128.and(h10, MASK), i32x4.shr_s(v128.load(COLUMNS, 464), 13)), FOLD)), HALF);
  const h1 = v128.load(COLUMNS, 336);
  const s1 = add(add(add(v128.load(COLUMNS, 16), i32x4.mul(add(v128.and(h1, MASK), i32x4.shr_s(h0, 13)), FOLD)), HALF), i32x4.shr_s(s0, 13));
  const h11 = v128.load(COLUMNS, 496);
  const s11 = add(add(add(v128.load(COLUMNS, 176), i32x4.mul(add(v128.and(h11, MASK), i32x4.shr_s(h10, 13)), FOLD)), HALF), i32x4.shr_s(s10, 13));
  const h2 = v128.load(COLUMNS, 352);
  const s2 = add(add(add(v128.load(COLUMNS, 32), i32x4.mul(add(v128.and(h2, MASK), i32x4.shr_s(h1, 13)), FOLD)), HALF), i32x4.shr_s(s1, 13));
  const h12 = v128.load(COLUMNS, 512);
  const s12 = add(add(add(v128.load(COLUMNS, 192), i32x4.mul(add(v128.and(h12, MASK), i32x4.shr_s(h11, 13)), FOLD)), HALF), i32x4.shr_s(s11, 13));
  const h3 = v128.load(COLUMNS, 368);
  const s3 = add(add(add(v128.load(COLUMNS, 48), i32x4.mul(add(v128.and(h3, MASK), i32x4.shr_s(h2, 13)), FOLD)), HALF), i32x4.shr_s(s2, 13));
  const h13 = v128.load(COLUMNS, 528);
  const s13 = add(add(add(v128.load(COLUMNS, 208), i32x4.mul(add(v128.and(h13, MASK), i32x4.shr_s(h12, 13)), FOLD)), HALF), i32x4.shr_s(s12, 13));
  v128.store(out, pack(s12, s13, MASKS, HALVES), 96);
  const h4 = v128.load(COLUMNS, 384);
  const s4 = add(add(add(v128.load(COLUMNS, 64), i32x4.mul(add(v128.and(h4, MASK), i32x4.shr_s(h3, 13)), FOLD)), HALF), i32x4.shr_s(s3, 13));
  const h14 = v128.load(COLUMNS, 544);
  const s14 = add(add(add(v128.load(COLUMNS, 224), i32x4.mul(add(v128.and(h14, MASK), i32x4.shr_s(h13, 13)), FOLD)), HALF), i32x4.shr_s(s13, 13));
  const h5 = v128.load(COLUMNS, 400);
  const s5 = add(add(add(v128.load(COLUMNS, 80), i32x4.mul(add(v128.and(h5, MASK), i32x4.shr_s(h4, 13)), FOLD)), HALF), i32x4.shr_s(s4, 13));
  v128.store(out, pack(s4, s5, MASKS, HALVES), 32);
  const h15 = v128.load(COLUMNS, 560);
  const s15 = add(add(add(v128.load(COLUMNS, 240), i32x4.mul(add(v128.and(h15, MASK), i32x4.shr_s(h14, 13)), FOLD)), HALF), i32x4.shr_s(s14, 13));
  v128.store(out, pack(s14, s15, MASKS, HALVES), 112);
  const h6 = v128.load(COLUMNS, 416);
  const s6 = add(add(add(v128.load(COLUMNS, 96), i32x4.mul(add(v128.and(h6, MASK), i32x4.shr_s(h5, 13)), FOLD)), HALF), i32x4.shr_s(s5, 13));
  const h16 = v128.load(COLUMNS, 576);
  const s16 = add(add(add(v128.load(COLUMNS, 256), i32x4.mul(add(v128.and(h16, MASK), i32x4.shr_s(h15, 13)), FOLD)), HALF), i32x4.shr_s(s15, 13));
  const h7 = v128.load(COLUMNS, 432);
  const s7 = add(add(add(v128.load(COLUMNS, 112), i32x4.mul(add(v128.and(h7, MASK), i32x4.shr_s(h6, 13)), FOLD)), HALF), i32x4.shr_s(s6, 13));
  v128.store(out, pack(s6, s7, MASKS, HALVES), 48);
  const h17 = v128.load(COLUMNS, 592);
  const s17 = add(add(add(v128.load(COLUMNS, 272), i32x4.mul(add(v128.and(h17, MASK), i32x4.shr_s(h16, 13)), FOLD)), HALF), i32x4.shr_s(s16, 13));
  v128.store(out, pack(s16, s17, MASKS, HALVES), 128);
  const h8 = v128.load(COLUMNS, 448);
  const s8 = add(add(add(v128.load(COLUMNS, 128), i32x4.mul(add(v128.and(h8, MASK), i32x4.shr_s(h7, 13)), FOLD)), HALF), i32x4.shr_s(s7, 13));
  const h18 = v128.load(COLUMNS, 608);
  const s18 = add(add(add(v128.load(COLUMNS, 288), i32x4.mul(add(v128.and(h18, MASK), i32x4.shr_s(h17, 13)), FOLD)), HALF), i32x4.shr_s(s17, 13));
  const h9 = v128.load(COLUMNS, 464);
  const s9 = add(add(add(v128.load(COLUMNS, 144), i32x4.mul(add(v128.and(h9, MASK), i32x4.shr_s(h8, 13)), FOLD)), HALF), i32x4.shr_s(s8, 13));
  v128.store(out, pack(s8, s9, MASKS, HALVES), 64);
  const s19 = add(add(add(v128.load(COLUMNS, 304), i32x4.mul(i32x4.shr_s(h18, 13), FOLD)), HALF), i32x4.shr_s(s18, 13));
  v128.store(out, pack(s18, s19, MASKS, HALVES), 144);
  const t10 = add(v128.and(s10, MASK), i32x4.shr_s(s9, 13));
  const t11 = add(v128.and(s11, MASK), i32x4.shr_s(t10, 13));
  v128.store(out, join(v128.and(t10, MASK), t11, HALVES), 80);
  const t0 = add(v128.and(s0, MASK), i32x4.mul(i32x4.shr_s(s19, 13), FOLD));
  const t1 = add(v128.and(s1, MASK), i32x4.shr_s(t0, 13));
  v128.store(out, pack(t0, t1, MASKS, HALVES));
  const t2 = add(v128.and(s2, MASK), i32x4.shr_s(t1, 13));
  v128.store(out, join(t2, v128.and(s3, MASK), HALVES), 16);
}

/** out = f + g; the units add up. */
export function quadAdd(out: usize, f: usize, g: usize): void {
  v128.store(out, i16x8.add(v128.load(f, 0), v128.load(g, 0)), 0);
  v128.store(out, i16x8.add(v128.load(f, 16), v128.load(g, 16)), 16);
  v128.store(out, i16x8.add(v128.load(f, 32), v128.load(g, 32)), 32);
  v128.store(out, i16x8.add(v128.load(f, 48), v128.load(g, 48)), 48);
  v128.store(out, i16x8.add(v128.load(f, 64), v128.load(g, 64)), 64);
  v128.store(out, i16x8.add(v128.load(f, 80), v128.load(g, 80)), 80);
  v128.store(out, i16x8.add(v128.load(f, 96), v128.load(g, 96)), 96);
  v128.store(out, i16x8.add(v128.load(f, 112), v128.load(g, 112)), 112);
  v128.store(out, i16x8.add(v128.load(f, 128), v128.load(g, 128)), 128);
  v128.store(out, i16x8.add(v128.load(f, 144), v128.load(g, 144)), 144);
}

/** out = f - g; the units add up. */
export function quadSubtract(out: usize, f: usize, g: usize): void {
  v128.store(out, i16x8.sub(v128.load(f, 0), v128.load(g, 0)), 0);
  v128.store(out, i16x8.sub(v128.load(f, 16), v128.load(g, 16)), 16);
  v128.store(out, i16x8.sub(v128.load(f, 32), v128.load(g, 32)), 32);
  v128.store(out, i16x8.sub(v128.load(f, 48), v128.load(g, 48)), 48);
  v128.store(out, i16x8.sub(v128.load(f, 64), v128.load(g, 64)), 64);
  v128.store(out, i16x8.sub(v128.load(f, 80), v128.load(g, 80)), 80);
  v128.store(out, i16x8.sub(v128.load(f, 96), v128.load(g, 96)), 96);
  v128.store(out, i16x8.sub(v128.load(f, 112), v128.load(g, 112)), 112);
  v128.store(out, i16x8.sub(v128.load(f, 128), v128.load(g, 128)), 128);
  v128.store(out, i16x8.sub(v128.load(f, 144), v128.load(g, 144)), 144);
}

export function quadCopy(out: usize, f: usize): void {
  memory.copy(out, f, QUAD_BYTES);
}

/** out = a number below 2^12 in all four places. */
export function quadSet(out: usize, value: i32): void {
  memory.fill(out, 0, QUAD_BYTES);
  v128.store(out, i32x4.splat(value));
}

/** out = f in the lanes where the mask is set, g in the others. */
export function quadSelect(out: usize, f: usize, g: usize, mask: v128): void {
  for (let i = 0; i < QUAD_BYTES; i += 16)
    v128.store(out + i, v128.bitselect(v128.load(f + i), v128.load(g + i), mask));
}

/** Puts one element of ten i64 limbs into a lane. */
export function quadInsert(quad: usize, lane: i32, f: usize): void {
  fieldToBytes(PACKED, f);
  insertPacked(quad, lane);
}

/** Puts the low 255 bits of 32 little-endian bytes into a lane. */
export function quadInsertBytes(quad: usize, lane: i32, bytes: usize): void {
  memory.copy(PACKED, bytes, 32);
  store<u8>(PACKED, load<u8>(PACKED, 31) & 127, 31);
  insertPacked(quad, lane);
}

function insertPacked(quad: usize, lane: i32): void {
  let carry: i32 = 0;
  for (let i: usize = 0; i < 20; i++) {
    const limb = limbAt(i) + carry;
    // The highest limb is of eight bits and stays below half.
    carry = (limb + 0x1000) >> 13;
    store<i16>(quad + 16 * (i >> 1) + 4 * lane + 2 * (i & 1), <i16>(limb - (carry << 13)));
  }
}

/** The 13 bits of the packed element that make limb i. */
// @ts-ignore: decorator
@inline function limbAt(i: usize): i32 {
  const at = 13 * i;
  return (load<i32>(PACKED + (at >> 3)) >> <i32>(at & 7)) & 0x1fff;
}

/** Takes the element of a lane as ten i64 limbs of one unit; f has at most 4 units. */
export function quadExtract(out: usize, quad: usize, lane: i32): void {
  // Limbs 2i and 2i + 1 weigh 2^(26 i), which is 2^(i / 2) times the weight of limb i of the other form.
  for (let i: usize = 0; i < 10; i++) {
    const pair = load<i32>(quad + 16 * i + 4 * lane);
    const value = <i64>((pair << 16) >> 16) + (<i64>(pair >> 16) << 13);
    store<i64>(out + 8 * i, value << (i >> 1));
  }
  fieldReduce(out, out);
}

/** Overwrites what products left behind. */
export function quadWipe(): void {
  memory.fill(PAIRS, 0, 336);
  memory.fill(COLUMNS, 0, 624);
  memory.fill(PACKED, 0, 48);
}
