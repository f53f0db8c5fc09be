/**
 * Decoding of four public points side by side (RFC 8032 section 5.1.3). What flows through here: four encodings, of
 * which the caller has checked that y is below p, become the accumulators of edwards25519x4.ts; the steps are those
 * of edwards25519-decode.ts, and u and v have a factor 2 more, which their quotient does not show.
 */
import { CURVE_2D, quadPointAffine, QUAD_X, QUAD_Y } from './edwards25519x4';
import { fieldIsOdd, fieldIsZero } from './field25519';
import {
  quadAdd, quadExtract, quadInsertBytes, quadMultiply, quadSelect, quadSet, quadSquare, quadSubtract,
} from './field25519x4';
import { quadPower58 } from './field25519x4-power';

/** A square root of -1. */
const SQRT_MINUS_ONE: usize = memory.data<u32>([
  0xf07500b0, 0xf07500b0, 0xf07500b0, 0xf07500b0, 0xfc3609d3, 0xfc3609d3, 0xfc3609d3, 0xfc3609d3,
  0xf23c0c4f, 0xf23c0c4f, 0xf23c0c4f, 0xf23c0c4f, 0x00d6f4c0, 0x00d6f4c0, 0x00d6f4c0, 0x00d6f4c0,
  0xf97a0318, 0xf97a0318, 0xf97a0318, 0xf97a0318, 0xfbf8f5ea, 0xfbf8f5ea, 0xfbf8f5ea, 0xfbf8f5ea,
  0x06800994, 0x06800994, 0x06800994, 0x06800994, 0xfbe10cad, 0xfbe10cad, 0xfbe10cad, 0xfbe10cad,
  0x04020fc2, 0x04020fc2, 0x04020fc2, 0x04020fc2, 0x005700c9, 0x005700c9, 0x005700c9, 0x005700c9,
], 16);

const TWO: usize = memory.data(160, 16);
const U: usize = memory.data(160, 16);
const V: usize = memory.data(160, 16);
const T: usize = memory.data(160, 16);
const X: usize = memory.data(160, 16);
const ELEMENT: usize = memory.data(80, 16);

/**
 * Makes the accumulators the points at `encodings`, 32 bytes each. Returns a bit for each lane that could be decoded;
 * the others hold the identity.
 */
export function quadPointDecode(encodings: usize): i32 {
  for (let lane = 0; lane < 4; lane++) quadInsertBytes(QUAD_Y, lane, encodings + 32 * lane);
  recoverX();
  const straight = lanesOfZero(-1);
  const crossed = lanesOfZero(1);
  quadMultiply(T, X, SQRT_MINUS_ONE);
  quadSelect(X, T, X, maskOf(crossed & ~straight));
  const decoded = (straight | crossed) & setSigns(encodings);
  // What is off the curve must not reach the formulas: they are complete on it alone, and a Z of 0 would make the one
  // inversion of a batch 0 for every signature in the lane.
  quadSet(U, 0);
  quadSet(V, 1);
  quadSelect(QUAD_X, QUAD_X, U, maskOf(decoded));
  quadSelect(QUAD_Y, QUAD_Y, V, maskOf(decoded));
  quadPointAffine();
  return decoded;
}

/** X = u v^3 (u v^7)^((p-5)/8), for u = 2 (y^2 - 1) and v = 2 (d y^2 + 1); T = v X^2. */
function recoverX(): void {
  quadSet(TWO, 2);
  quadSquare(T, QUAD_Y);
  quadMultiply(V, T, CURVE_2D);
  quadAdd(V, V, TWO);
  quadAdd(U, T, T);
  quadSubtract(U, U, TWO);

  quadSquare(T, V);
  quadMultiply(T, T, V); // v^3
  quadMultiply(X, U, T); // u v^3
  quadSquare(T, T);
  quadMultiply(T, T, V);
  quadMultiply(T, T, U); // u v^7
  quadPower58(T, T);
  quadMultiply(X, X, T);
  quadSquare(T, X);
  quadMultiply(T, T, V);
}

/** A bit for each lane where T + sign * u is zero. */
function lanesOfZero(sign: i32): i32 {
  if (sign > 0) quadAdd(QUAD_X, T, U);
  else quadSubtract(QUAD_X, T, U);
  let lanes = 0;
  for (let lane = 0; lane < 4; lane++) {
    quadExtract(ELEMENT, QUAD_X, lane);
    lanes |= fieldIsZero(ELEMENT) << lane;
  }
  return lanes;
}

/** Writes X with the encodings' signs; a bit for each lane but those where zero has one. */
function setSigns(encodings: usize): i32 {
  let opposite = 0, allowed = 0;
  for (let lane = 0; lane < 4; lane++) {
    const sign = load<u8>(encodings + 32 * lane, 31) >> 7;
    quadExtract(ELEMENT, X, lane);
    opposite |= (fieldIsOdd(ELEMENT) ^ sign) << lane;
    allowed |= i32(sign == 0 || fieldIsZero(ELEMENT) == 0) << lane;
  }
  quadSubtract(T, T, T);
  quadSubtract(T, T, X);
  quadSelect(QUAD_X, T, X, maskOf(opposite));
  return allowed;
}

/** All ones in the lanes whose bits are set. */
// @ts-ignore: decorator
@inline function maskOf(lanes: i32): v128 {
  return i32x4.neg(v128.and(i32x4.splat(1), i32x4(lanes, lanes >> 1, lanes >> 2, lanes >> 3)));
}
