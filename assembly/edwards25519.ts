/**
 * The curve edwards25519 (RFC 8032 section 5.1). What flows through here: one running point, the accumulator, is
 * cleared or loaded, doubled, and has other points added to it or taken from it; at the end it is compared with the
 * identity or compressed. Points to add come in two forms: `cached` (Y+X, Y-X, 2Z, 2dT; i64 limbs, 320 bytes) and
 * `affine` (y+x, y-x, 2dxy; i32 limbs, 144 bytes). Formulas of Hisil, Wong, Carter and Dawson 2008, sections 3.1
 * to 3.3: complete for this curve, so no case is special. The extended coordinate T = E * H is multiplied out only
 * when an addition needs it. Every operation takes the same steps for every point and either sign.
 */
import {
  EDWARDS_2D, FIELD_BYTES, fieldAdd, fieldCopy, fieldIsOdd, fieldIsZero, fieldMultiply, fieldNarrow,
  fieldReduce, fieldSet, fieldSquare, fieldSubtract, fieldToBytes, fieldWipe, NARROW_BYTES,
} from './field25519';
import { fieldPowerWipe } from './field25519-power';

export const CACHED_BYTES: i32 = 4 * FIELD_BYTES;
export const AFFINE_BYTES: i32 = 3 * NARROW_BYTES;
/** X, Y, Z of a point that is looked at but no longer added to. */
export const PROJECTIVE_BYTES: i32 = 3 * FIELD_BYTES;
/** An accumulator put aside. */
const SAVED_BYTES: i32 = 5 * FIELD_BYTES;

const WORK_BYTES: i32 = 880;
const WORK: usize = memory.data(880, 16);
const X: usize = WORK;
const Y: usize = WORK + FIELD_BYTES;
const Z: usize = WORK + 2 * FIELD_BYTES;
const E: usize = WORK + 3 * FIELD_BYTES;
const H: usize = WORK + 4 * FIELD_BYTES;
const A: usize = WORK + 5 * FIELD_BYTES;
const B: usize = WORK + 6 * FIELD_BYTES;
const C: usize = WORK + 7 * FIELD_BYTES;
const D: usize = WORK + 8 * FIELD_BYTES;
/** F and G lie side by side: subtraction lets them change places. */
const F: usize = WORK + 9 * FIELD_BYTES;
const G: usize = F + FIELD_BYTES;

/** Makes the accumulator the identity (0, 1). */
export function pointClear(): void {
  fieldSet(X, 0);
  fieldSet(Y, 1);
  fieldSet(Z, 1);
  fieldSet(E, 0);
  fieldSet(H, 1);
}

/** Makes the accumulator the point with affine coordinates x, y (one unit each). */
export function pointLoad(x: usize, y: usize): void {
  fieldCopy(X, x);
  fieldCopy(Y, y);
  fieldSet(Z, 1);
  fieldCopy(E, x);
  fieldCopy(H, y);
}

/** Doubles the accumulator. */
export function pointDouble(): void {
  fieldAdd(F, X, Y);
  fieldSquare(A, X);
  fieldSquare(B, Y);
  fieldSquare(C, Z);
  fieldSquare(F, F);
  fieldAdd(C, C, C);
  fieldAdd(H, A, B);
  fieldSubtract(E, F, H);
  fieldSubtract(G, B, A);
  fieldSubtract(F, C, G);
  multiplyOut();
}

/** Doubles the accumulator `count` times. */
export function pointDoubleTimes(count: i32): void {
  for (let i = 0; i < count; i++) pointDouble();
}

/** Adds a cached point, or subtracts it when `negative` is 1 and not 0. */
export function pointAddCached(cached: usize, negative: i32): void {
  const opposite = FIELD_BYTES & -negative;
  fieldMultiply<i64>(C, E, H);
  fieldSubtract(A, Y, X);
  fieldAdd(B, Y, X);
  fieldMultiply<i64>(A, A, cached + FIELD_BYTES - opposite);
  fieldMultiply<i64>(B, B, cached + opposite);
  fieldMultiply<i64>(C, C, cached + 3 * FIELD_BYTES);
  fieldMultiply<i64>(D, Z, cached + 2 * FIELD_BYTES);
  finishAddition(negative);
}

/** Adds an affine point, or subtracts it when `negative` is 1 and not 0. */
export function pointAddAffine(affine: usize, negative: i32): void {
  const opposite = NARROW_BYTES & -negative;
  fieldMultiply<i64>(C, E, H);
  fieldSubtract(A, Y, X);
  fieldAdd(B, Y, X);
  fieldMultiply<i32>(A, A, affine + NARROW_BYTES - opposite);
  fieldMultiply<i32>(B, B, affine + opposite);
  fieldMultiply<i32>(C, C, affine + 2 * NARROW_BYTES);
  fieldAdd(D, Z, Z);
  finishAddition(negative);
}

/** From A = (Y1-X1)(Y2-X2), B = (Y1+X1)(Y2+X2), C = 2d T1 T2 and D = 2 Z1 Z2; to subtract, F and G change places. */
// @ts-ignore: decorator
@inline function finishAddition(negative: i32): void {
  const crossing = FIELD_BYTES & -negative;
  fieldSubtract(E, B, A);
  fieldAdd(H, B, A);
  fieldSubtract(F + crossing, D, C);
  fieldAdd(G - crossing, D, C);
  multiplyOut();
}

/** X = EF, Y = GH, Z = FG; T = EH waits. */
// @ts-ignore: decorator
@inline function multiplyOut(): void {
  fieldMultiply<i64>(X, E, F);
  fieldMultiply<i64>(Y, G, H);
  fieldMultiply<i64>(Z, F, G);
}

/** Writes the accumulator as a cached point. */
export function pointStoreCached(cached: usize): void {
  fieldAdd(cached, Y, X);
  fieldSubtract(cached + FIELD_BYTES, Y, X);
  fieldAdd(cached + 2 * FIELD_BYTES, Z, Z);
  fieldMultiply<i64>(C, E, H);
  fieldMultiply<i64>(cached + 3 * FIELD_BYTES, C, EDWARDS_2D);
}

/** Puts the accumulator aside. */
export function pointSave(saved: usize): void {
  memory.copy(saved, X, SAVED_BYTES);
}

/** Takes back what was put aside. */
export function pointRestore(saved: usize): void {
  memory.copy(X, saved, SAVED_BYTES);
}

/** Writes the accumulator as X, Y, Z. */
export function pointStore(projective: usize): void {
  memory.copy(projective, X, PROJECTIVE_BYTES);
}

/** Whether the accumulator is the identity; its value is public. */
export function pointIsIdentity(): bool {
  fieldSubtract(A, Y, Z);
  return (fieldIsZero(X) & fieldIsZero(A)) == 1;
}

/** Writes the 32-byte encoding (RFC 8032 section 5.1.2) of the X, Y, Z at `projective`, given 1 / Z. */
export function pointEncode(bytes: usize, projective: usize, inverse: usize): void {
  fieldMultiply<i64>(A, projective, inverse);
  fieldMultiply<i64>(B, projective + FIELD_BYTES, inverse);
  fieldToBytes(bytes, B);
  store<u8>(bytes, load<u8>(bytes, 31) | <u8>(fieldIsOdd(A) << 7), 31);
}

/** Writes the affine form of the point with affine coordinates x, y. */
export function affineFromCoordinates(affine: usize, x: usize, y: usize): void {
  fieldAdd(A, y, x);
  fieldReduce(A, A);
  fieldNarrow(affine, A);
  fieldSubtract(A, y, x);
  fieldNarrow(affine + NARROW_BYTES, A);
  fieldMultiply<i64>(A, x, y);
  fieldMultiply<i64>(A, A, EDWARDS_2D);
  fieldNarrow(affine + 2 * NARROW_BYTES, A);
}

/** Overwrites the accumulator and everything that was computed on the way. */
export function pointWipe(): void {
  memory.fill(WORK, 0, WORK_BYTES);
  fieldWipe();
  fieldPowerWipe();
}
