/**
 * Powers in the field of 2^255 - 19. What flows through here: one chain of squarings gives f^(2^250 - 1), from
 * which inverses (p - 2 = 2^255 - 21) and square roots ((p - 5) / 8 = 2^252 - 3) are a few steps away. The
 * exponents are fixed, so the steps are the same for every element.
 */
import { FIELD_BYTES, fieldMultiply, fieldSquare } from './field25519';

const T0: usize = memory.data(80, 16);
const T1: usize = memory.data(80, 16);
const T2: usize = memory.data(80, 16);
const T3: usize = memory.data(80, 16);

/** out = f^(2^count). */
function squareTimes(out: usize, f: usize, count: i32): void {
  fieldSquare(out, f);
  for (let i = 1; i < count; i++) fieldSquare(out, out);
}

/** T1 = f^(2^250 - 1), T0 = f^11. */
function powerChain(f: usize): void {
  fieldSquare(T0, f);
  squareTimes(T1, T0, 2);
  fieldMultiply<i64>(T1, f, T1); // 9
  fieldMultiply<i64>(T0, T0, T1); // 11
  fieldSquare(T2, T0);
  fieldMultiply<i64>(T1, T1, T2); // 2^5 - 1
  squareTimes(T2, T1, 5);
  fieldMultiply<i64>(T1, T2, T1); // 2^10 - 1
  squareTimes(T2, T1, 10);
  fieldMultiply<i64>(T2, T2, T1); // 2^20 - 1
  squareTimes(T3, T2, 20);
  fieldMultiply<i64>(T2, T3, T2); // 2^40 - 1
  squareTimes(T2, T2, 10);
  fieldMultiply<i64>(T1, T2, T1); // 2^50 - 1
  squareTimes(T2, T1, 50);
  fieldMultiply<i64>(T2, T2, T1); // 2^100 - 1
  squareTimes(T3, T2, 100);
  fieldMultiply<i64>(T2, T3, T2); // 2^200 - 1
  squareTimes(T2, T2, 50);
  fieldMultiply<i64>(T1, T2, T1); // 2^250 - 1
}

/** out = 1 / f, and 0 for 0. */
export function fieldInvert(out: usize, f: usize): void {
  powerChain(f);
  squareTimes(T1, T1, 5);
  fieldMultiply<i64>(out, T1, T0);
}

/** out = f^((p - 5) / 8). */
export function fieldPower58(out: usize, f: usize): void {
  powerChain(f);
  squareTimes(T1, T1, 2);
  fieldMultiply<i64>(out, T1, f);
}

/** Overwrites the intermediate powers. */
export function fieldPowerWipe(): void {
  memory.fill(T0, 0, FIELD_BYTES);
  memory.fill(T1, 0, FIELD_BYTES);
  memory.fill(T2, 0, FIELD_BYTES);
  memory.fill(T3, 0, FIELD_BYTES);
}
