/**
 * X25519 (RFC 7748 section 5). What flows through here: a scalar and a u-coordinate of 32 bytes come in; the
 * Montgomery ladder takes the same 255 steps for every scalar and swaps under masks; the u-coordinate of the
 * product goes out. Multiples of the base point come from the Edwards table: u = (Z + Y) / (Z - Y).
 */
import { pointWipe } from './edwards25519';
import { baseMultiply, baseWipe } from './edwards25519-base';
import {
  fieldAdd, fieldCopy, FIELD_BYTES, fieldFromBytes, fieldMultiply, fieldMultiplySmall, fieldSet, fieldSquare,
  fieldSubtract, fieldSwap, fieldToBytes,
} from './field25519';
import { fieldInvert } from './field25519-power';
import { inputArea, outputArea } from './memory';

/** (486662 - 2) / 4. */
const A24: i64 = 121665;

const WORK_BYTES: i32 = 880;
const WORK: usize = memory.data(880, 16);
const SCALAR: usize = WORK;
const X1: usize = WORK + 32;
const X2: usize = X1 + FIELD_BYTES;
const Z2: usize = X2 + FIELD_BYTES;
const X3: usize = Z2 + FIELD_BYTES;
const Z3: usize = X3 + FIELD_BYTES;
const A: usize = Z3 + FIELD_BYTES;
const B: usize = A + FIELD_BYTES;
const C: usize = B + FIELD_BYTES;
const D: usize = C + FIELD_BYTES;
const E: usize = D + FIELD_BYTES;

/** Scalar, then u-coordinate from the input area; the product's u-coordinate to the output area. 1 when it is zero. */
export function x25519Multiply(): i32 {
  takeScalar();
  fieldFromBytes(X1, inputArea() + 32);
  ladder();
  fieldInvert(Z2, Z2);
  fieldMultiply<i64>(X2, X2, Z2);
  fieldToBytes(outputArea(), X2);
  wipe();
  return outputIsZero();
}

/** Scalar from the input area; the u-coordinate of its multiple of the base point to the output area. */
export function x25519PublicKey(): void {
  takeScalar();
  baseMultiply(X1, SCALAR); // X, Y, Z in X1, X2, Z2
  fieldAdd(A, Z2, X2);
  fieldSubtract(B, Z2, X2);
  fieldInvert(B, B);
  fieldMultiply<i64>(A, A, B);
  fieldToBytes(outputArea(), A);
  wipe();
}

function takeScalar(): void {
  memory.copy(SCALAR, inputArea(), 32);
  store<u8>(SCALAR, load<u8>(SCALAR) & 248);
  store<u8>(SCALAR, (load<u8>(SCALAR, 31) & 127) | 64, 31);
}

/** X2 / Z2 = u of the scalar times the point X1. */
function ladder(): void {
  fieldSet(X2, 1);
  fieldSet(Z2, 0);
  fieldCopy(X3, X1);
  fieldSet(Z3, 1);
  let swapped: i32 = 0;
  for (let t = 254; t >= 0; t--) {
    const bit = <i32>((load<u8>(SCALAR + (t >> 3)) >> <u8>(t & 7)) & 1);
    swap(swapped ^ bit);
    swapped = bit;
    step();
  }
  swap(swapped);
}

// @ts-ignore: decorator
@inline function swap(bit: i32): void {
  fieldSwap(X2, X3, bit);
  fieldSwap(Z2, Z3, bit);
}

/** One differential addition and one doubling, in the names of RFC 7748. */
function step(): void {
  fieldAdd(A, X2, Z2);
  fieldSubtract(B, X2, Z2);
  fieldAdd(C, X3, Z3);
  fieldSubtract(D, X3, Z3);
  fieldMultiply<i64>(D, D, A); // DA
  fieldMultiply<i64>(C, C, B); // CB
  fieldSquare(A, A); // AA
  fieldSquare(B, B); // BB
  fieldSubtract(E, A, B);
  fieldAdd(X3, D, C);
  fieldSquare(X3, X3);
  fieldSubtract(Z3, D, C);
  fieldSquare(Z3, Z3);
  fieldMultiply<i64>(Z3, Z3, X1);
  fieldMultiply<i64>(X2, A, B);
  fieldMultiplySmall(B, E, A24);
  fieldAdd(B, B, A);
  fieldMultiply<i64>(Z2, B, E);
}

function outputIsZero(): i32 {
  const out = outputArea();
  const any = load<u64>(out) | load<u64>(out, 8) | load<u64>(out, 16) | load<u64>(out, 24);
  return <i32>(((any | (0 - any)) >> 63) ^ 1);
}

function wipe(): void {
  memory.fill(WORK, 0, WORK_BYTES);
  baseWipe();
  pointWipe();
}
