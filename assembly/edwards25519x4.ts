/**
 * Four points of edwards25519 side by side (field25519x4.ts). What flows through here: four running points, the
 * accumulators, are cleared or loaded, doubled, and have four others added to them. Points to add come in two
 * forms: `cached` (Y+X, Y-X, 2Z, 2dT; 640 bytes for four) and `affine` ((y+x)/2, (y-x)/2, dxy; 480 bytes for four).
 * With the halves an addition gives all coordinates divided by four, which is the same point. A single affine
 * point for a table is `packed`: the lanes of its three coordinates in 120 of 128 bytes.
 *
 * The formulas are those of edwards25519.ts, complete, with the same steps for every point. Units are counted in
 * the comments where they reach their limit.
 */
import { FIELD_BYTES } from './field25519';
import {
  quadAdd, quadCopy, QUAD_BYTES, quadExtract, quadInsert, quadMultiply, quadSelect, quadSet, quadSquare,
  quadSubtract, quadWipe,
} from './field25519x4';

/** Four cached points. */
export const QUAD_CACHED_BYTES: i32 = 4 * QUAD_BYTES;
/** Four affine points. */
export const QUAD_AFFINE_BYTES: i32 = 3 * QUAD_BYTES;
/** X, Y, Z of the accumulators. */
export const QUAD_PROJECTIVE_BYTES: i32 = 3 * QUAD_BYTES;
/** The accumulators put aside. */
export const QUAD_SAVED_BYTES: i32 = 5 * QUAD_BYTES;
/** One affine point of a table. */
export const PACKED_BYTES: i32 = 128;

const WORK_BYTES: i32 = 1760;
const WORK: usize = memory.data(1760, 16);
const X: usize = WORK;
const Y: usize = WORK + QUAD_BYTES;
export const QUAD_X: usize = X;
export const QUAD_Y: usize = Y;
const Z: usize = WORK + 2 * QUAD_BYTES;
const E: usize = WORK + 3 * QUAD_BYTES;
const H: usize = WORK + 4 * QUAD_BYTES;
const A: usize = WORK + 5 * QUAD_BYTES;
const B: usize = WORK + 6 * QUAD_BYTES;
const C: usize = WORK + 7 * QUAD_BYTES;
const D: usize = WORK + 8 * QUAD_BYTES;
const F: usize = WORK + 9 * QUAD_BYTES;
const G: usize = WORK + 10 * QUAD_BYTES;

/** 2d of the curve, in all four places. */
export const CURVE_2D: usize = memory.data<u32>([
  0xf598f159, 0xf598f159, 0xf598f159, 0xf598f159, 0x0d37050a, 0x0d37050a, 0x0d37050a, 0x0d37050a,
  0xf8ab0ebd, 0xf8ab0ebd, 0xf8ab0ebd, 0xf8ab0ebd, 0xf3500a0f, 0xf3500a0f, 0xf3500a0f, 0xf3500a0f,
  0x00070015, 0x00070015, 0x00070015, 0x00070015, 0xfde8f44c, 0xfde8f44c, 0xfde8f44c, 0xfde8f44c,
  0x07400f2f, 0x07400f2f, 0x07400f2f, 0x07400f2f, 0xff9dfc66, 0xff9dfc66, 0xff9dfc66, 0xff9dfc66,
  0x0ee3f6e0, 0x0ee3f6e0, 0x0ee3f6e0, 0x0ee3f6e0, 0x004801b6, 0x004801b6, 0x004801b6, 0x004801b6,
], 16);
/** 1/(2d). */
const INVERSE_2D: usize = memory.data<u32>([
  0xf728fc18, 0xf728fc18, 0xf728fc18, 0xf728fc18, 0x00f20eda, 0x00f20eda, 0x00f20eda, 0x00f20eda,
  0xf50cf12f, 0xf50cf12f, 0xf50cf12f, 0xf50cf12f, 0x098404f3, 0x098404f3, 0x098404f3, 0x098404f3,
  0xf82d0eeb, 0xf82d0eeb, 0xf82d0eeb, 0xf82d0eeb, 0x0dbaf9ed, 0x0dbaf9ed, 0x0dbaf9ed, 0x0dbaf9ed,
  0x058808a6, 0x058808a6, 0x058808a6, 0x058808a6, 0xfce40656, 0xfce40656, 0xfce40656, 0xfce40656,
  0xfb480a6b, 0xfb480a6b, 0xfb480a6b, 0xfb480a6b, 0x00c1f210, 0x00c1f210, 0x00c1f210, 0x00c1f210,
], 16);
/** 1/2 in all four places: what both halves of the affine identity are. */
export const QUAD_HALF: usize = memory.data<u32>([
  0x0000fff7, 0x0000fff7, 0x0000fff7, 0x0000fff7, 0x00000000, 0x00000000, 0x00000000, 0x00000000,
  0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000,
  0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000,
  0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000,
  0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00800000, 0x00800000, 0x00800000, 0x00800000,
], 16);

/** The identity, packed. */
export const PACKED_IDENTITY: usize = memory.data<u32>([
  0x0000fff7, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00800000,
  0x0000fff7, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00800000,
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
], 64);

/** Makes the accumulators the identity (0, 1). */
export function quadPointClear(): void {
  quadSet(X, 0);
  quadSet(Y, 1);
  quadSet(Z, 1);
  quadSet(E, 0);
  quadSet(H, 1);
}

/** Puts a point with affine coordinates x, y (ten i64 limbs each, one unit) into one lane of the accumulators. */
export function quadPointInsert(lane: i32, x: usize, y: usize): void {
  quadInsert(X, lane, x);
  quadInsert(Y, lane, y);
  quadInsert(E, lane, x);
  quadInsert(H, lane, y);
  store<i32>(Z + 4 * lane, 1);
  for (let i = 16; i < QUAD_BYTES; i += 16) store<i32>(Z + i + 4 * lane, 0);
}

/** Makes the accumulators the points whose affine coordinates were written to QUAD_X and QUAD_Y. */
export function quadPointAffine(): void {
  quadSet(Z, 1);
  quadCopy(E, X);
  quadCopy(H, Y);
}

/** Doubles the accumulators. */
export function quadPointDouble(): void {
  quadAdd(C, Z, Z);
  quadAdd(E, Y, Y);
  quadSquare(A, X);
  quadSquare(B, Y);
  quadMultiply(C, C, Z);
  quadMultiply(E, E, X);
  quadAdd(H, A, B);
  quadSubtract(G, B, A);
  quadSubtract(F, C, G);
  multiplyOut(); // F has three units, G and H two, E one
}

/** Doubles the accumulators `count` times. */
export function quadPointDoubleTimes(count: i32): void {
  for (let i = 0; i < count; i++) quadPointDouble();
}

/** Adds four cached points. */
export function quadPointAddCached(cached: usize): void {
  quadMultiply(C, E, H);
  quadSubtract(A, Y, X);
  quadAdd(B, Y, X);
  quadMultiply(A, A, cached + QUAD_BYTES); // two units each
  quadMultiply(B, B, cached);
  quadMultiply(C, C, cached + 3 * QUAD_BYTES);
  quadMultiply(D, Z, cached + 2 * QUAD_BYTES);
  finishAddition();
}

/** Adds four affine points. */
export function quadPointAddAffine(affine: usize): void {
  quadMultiply(C, E, H);
  quadSubtract(A, Y, X);
  quadAdd(B, Y, X);
  quadMultiply(A, A, affine + QUAD_BYTES); // two units each
  quadMultiply(B, B, affine);
  quadMultiply(C, C, affine + 2 * QUAD_BYTES);
  quadCopy(D, Z);
  finishAddition();
}

// @ts-ignore: decorator
@inline function finishAddition(): void {
  quadSubtract(E, B, A);
  quadAdd(H, B, A);
  quadSubtract(F, D, C);
  quadAdd(G, D, C);
  multiplyOut();
}

/** X = EF, Y = GH, Z = FG; T = EH waits. */
// @ts-ignore: decorator
@inline function multiplyOut(): void {
  quadMultiply(X, E, F);
  quadMultiply(Y, G, H);
  quadMultiply(Z, F, G);
}

/** Makes the accumulators the sums of four affine points and four others, for less than two additions. */
export function quadPointAddTwoAffine(affine: usize, other: usize): void {
  // The first is taken as X = x/2, Y = y/2, Z = 1/2, T = xy/2: then Y+X and Y-X are its halves as they stand.
  quadMultiply(A, affine + QUAD_BYTES, other + QUAD_BYTES);
  quadMultiply(B, affine, other);
  quadMultiply(C, affine + 2 * QUAD_BYTES, INVERSE_2D);
  quadMultiply(C, C, other + 2 * QUAD_BYTES);
  quadCopy(D, QUAD_HALF);
  finishAddition();
}

/** Writes four affine points as cached ones, in the same terms. */
export function quadCachedFromAffine(cached: usize, affine: usize): void {
  quadCopy(cached, affine);
  quadCopy(cached + QUAD_BYTES, affine + QUAD_BYTES);
  quadSet(cached + 2 * QUAD_BYTES, 1);
  quadCopy(cached + 3 * QUAD_BYTES, affine + 2 * QUAD_BYTES);
}

/** Writes the accumulators as cached points. */
export function quadPointStoreCached(cached: usize): void {
  quadAdd(cached, Y, X);
  quadSubtract(cached + QUAD_BYTES, Y, X);
  quadAdd(cached + 2 * QUAD_BYTES, Z, Z);
  quadMultiply(C, E, H);
  quadMultiply(cached + 3 * QUAD_BYTES, C, CURVE_2D);
}

/** Writes the accumulators as X, Y, Z. */
export function quadPointStore(projective: usize): void {
  memory.copy(projective, X, QUAD_PROJECTIVE_BYTES);
}

/** Writes X, Y, Z of one lane as ten i64 limbs each. */
export function quadPointExtract(projective: usize, lane: i32): void {
  quadExtract(projective, X, lane);
  quadExtract(projective + FIELD_BYTES, Y, lane);
  quadExtract(projective + 2 * FIELD_BYTES, Z, lane);
}

/** Puts the accumulators aside. */
export function quadPointSave(saved: usize): void {
  memory.copy(saved, X, QUAD_SAVED_BYTES);
}

/** Takes back what was put aside. */
export function quadPointRestore(saved: usize): void {
  memory.copy(X, saved, QUAD_SAVED_BYTES);
}

/** Takes back what was put aside in the lanes where the mask is set. */
export function quadPointRestoreLanes(saved: usize, mask: v128): void {
  for (let at = 0; at < QUAD_SAVED_BYTES; at += QUAD_BYTES) quadSelect(X + at, saved + at, X + at, mask);
}

/** Writes four affine points, given X, Y and 1 / Z; in place if need be. Their halves have two units. */
export function quadAffineFromProjective(affine: usize, projective: usize, inverse: usize): void {
  quadMultiply(A, inverse, QUAD_HALF);
  quadMultiply(B, projective + QUAD_BYTES, A); // y / 2
  quadMultiply(A, projective, A); // x / 2
  quadMultiply(C, projective, inverse);
  quadMultiply(C, C, B); // x y / 2
  quadMultiply(affine + 2 * QUAD_BYTES, C, CURVE_2D);
  quadAdd(affine, B, A);
  quadSubtract(affine + QUAD_BYTES, B, A);
}

/** Negates four affine points in the lanes where the mask is set: the halves change places, dxy its sign. */
export function quadAffineNegate(affine: usize, mask: v128): void {
  for (let at = affine; at < affine + QUAD_BYTES; at += 16) {
    const plus = v128.load(at), minus = v128.load(at, 160), product = v128.load(at, 320);
    v128.store(at, v128.bitselect(minus, plus, mask));
    v128.store(at, v128.bitselect(plus, minus, mask), 160);
    v128.store(at, i16x8.sub(v128.xor(product, mask), mask), 320);
  }
}

/** Takes one of four affine points out of its lane. */
export function quadPackLane(packed: usize, affine: usize, lane: i32): void {
  const from = affine + 4 * lane;
  for (let i: usize = 0; i < 30; i++) store<i32>(packed + 4 * i, load<i32>(from + 16 * i));
}

/** Overwrites the accumulators and everything that was computed on the way. */
export function quadPointWipe(): void {
  memory.fill(WORK, 0, WORK_BYTES);
  quadWipe();
}
