/**
 * Decoding of points (RFC 8032 section 5.1.3), for public data. What flows through here: 32 bytes become x and y,
 * in one spelling only: y must be below p, and a zero x has no sign.
 */
import {
  EDWARDS_D, fieldAdd, fieldFromBytes, fieldIsOdd, fieldIsZero, fieldMultiply, fieldNegate, fieldSet,
  fieldSquare, fieldSubtract, SQRT_MINUS_ONE,
} from './field25519';
import { fieldPower58 } from './field25519-power';

/** The coordinates of the point decoded last. */
export const DECODED_X: usize = memory.data(80, 16);
export const DECODED_Y: usize = memory.data(80, 16);

const ONE: usize = memory.data(80, 16);
const U: usize = memory.data(80, 16);
const V: usize = memory.data(80, 16);
const T: usize = memory.data(80, 16);

/** Decodes into DECODED_X and DECODED_Y; false for what no encoder writes and for what is not on the curve. */
export function pointDecode(bytes: usize): bool {
  if (!isBelowPrime(bytes)) return false;
  fieldFromBytes(DECODED_Y, bytes);
  if (!recoverX()) return false;
  const sign = load<u8>(bytes, 31) >> 7;
  if (sign == 1 && fieldIsZero(DECODED_X) == 1) return false;
  if (fieldIsOdd(DECODED_X) != sign) fieldNegate(DECODED_X, DECODED_X);
  return true;
}

/** Whether the number in the low 255 bits is below p = 2^255 - 19. */
export function isBelowPrime(bytes: usize): bool {
  const high = load<u64>(bytes, 24) | 0x8000000000000000;
  if ((high & load<u64>(bytes, 16) & load<u64>(bytes, 8)) != 0xffffffffffffffff) return true;
  return load<u64>(bytes) < 0xffffffffffffffed;
}

/** x with x^2 = (y^2 - 1) / (d y^2 + 1), if there is one: u v^3 (u v^7)^((p-5)/8), possibly times sqrt(-1). */
function recoverX(): bool {
  fieldSet(ONE, 1);
  fieldSquare(T, DECODED_Y);
  fieldMultiply<i64>(V, T, EDWARDS_D);
  fieldAdd(V, V, ONE);
  fieldSubtract(U, T, ONE);

  fieldSquare(T, V);
  fieldMultiply<i64>(T, T, V); // v^3
  fieldMultiply<i64>(DECODED_X, U, T); // u v^3
  fieldSquare(T, T);
  fieldMultiply<i64>(T, T, V);
  fieldMultiply<i64>(T, T, U); // u v^7
  fieldPower58(T, T);
  fieldMultiply<i64>(DECODED_X, DECODED_X, T);

  fieldSquare(T, DECODED_X);
  fieldMultiply<i64>(T, T, V); // v x^2, which is u or -u if u / v is a square
  fieldSubtract(V, T, U);
  if (fieldIsZero(V) == 1) return true;
  fieldAdd(V, T, U);
  if (fieldIsZero(V) == 0) return false;
  fieldMultiply<i64>(DECODED_X, DECODED_X, SQRT_MINUS_ONE);
  return true;
}
