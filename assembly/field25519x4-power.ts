/**
 * Powers of four elements side by side (field25519x4.ts). What flows through here: the chain of squarings of
 * field25519-power.ts, once for all four. The exponents are fixed, and so are the steps.
 */
import { quadMultiply, quadSquare } from './field25519x4';

const T0: usize = memory.data(160, 16);
const T1: usize = memory.data(160, 16);
const T2: usize = memory.data(160, 16);
const T3: usize = memory.data(160, 16);

/** out = 1 / f, and 0 for 0. */
export function quadInvert(out: usize, f: usize): void {
  powerChain(f);
  squareTimes(T1, T1, 5);
  quadMultiply(out, T1, T0);
}

/** out = f^((p - 5) / 8). */
export function quadPower58(out: usize, f: usize): void {
  powerChain(f);
  squareTimes(T1, T1, 2);
  quadMultiply(out, T1, f);
}

/** T1 = f^(2^250 - 1), T0 = f^11. */
function powerChain(f: usize): void {
  quadSquare(T0, f);
  squareTimes(T1, T0, 2);
  quadMultiply(T1, f, T1); // 9
  quadMultiply(T0, T0, T1); // 11
  quadSquare(T2, T0);
  quadMultiply(T1, T1, T2); // 2^5 - 1
  squareTimes(T2, T1, 5);
  quadMultiply(T1, T2, T1); // 2^10 - 1
  squareTimes(T2, T1, 10);
  quadMultiply(T2, T2, T1); // 2^20 - 1
  squareTimes(T3, T2, 20);
  quadMultiply(T2, T3, T2); // 2^40 - 1
  squareTimes(T2, T2, 10);
  quadMultiply(T1, T2, T1); // 2^50 - 1
  squareTimes(T2, T1, 50);
  quadMultiply(T2, T2, T1); // 2^100 - 1
  squareTimes(T3, T2, 100);
  quadMultiply(T2, T3, T2); // 2^200 - 1
  squareTimes(T2, T2, 50);
  quadMultiply(T1, T2, T1); // 2^250 - 1
}

/** out = f^(2^count). */
function squareTimes(out: usize, f: usize, count: i32): void {
  quadSquare(out, f);
  for (let i = 1; i < count; i++) quadSquare(out, out);
}
