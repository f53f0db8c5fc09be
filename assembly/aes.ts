/**
 * AES-256 (FIPS 197) in constant time. What flows through here: states that aes-counter.ts has brought through the
 * first rounds, four, five or eight side by side so that the processor is not kept waiting for one of them, go through
 * the others: lookups in registers and fixed byte permutations (aes-nibbles.ts, aes-order.ts). Neither time nor
 * addresses depend on key or data.
 */
import { ROUNDS_STARTED } from './aes-counter';
import {
  doubleTable0, doubleTable1, inverseTable, quotientTable, singleTable0, singleTable1, substituteLast,
} from './aes-nibbles';
import { nextRow, previousRow, shiftRows, turn } from './aes-order';
import { SCHEDULE_BYTES } from './aes-schedule';
import { highNibbles, lookup, lowNibbles } from './nibbles';

/**
 * Turns `count` states at `at` into encrypted blocks. It may do so with up to three that follow, so room must be there
 * for them: a few at once take hardly longer than one.
 */
export function finishBlocks(schedule: usize, at: usize, count: i32): void {
  for (; count > 10 || (count > 5 && count < 9); count -= 8, at += 128) finishEight(schedule, at);
  for (; count > 4; count -= 5, at += 80) finishFive(schedule, at);
  if (count > 0) finishFour(schedule, at);
}

/**
 * SubBytes, ShiftRows, MixColumns and AddRoundKey (FIPS 197 section 5.1), in the basis of the tables. With
 * p = 2x + nextRow(x), MixColumns is p + nextRow(p) + previousRow(x).
 */
// @ts-ignore: decorator
@inline function cipherRound(
  block: v128, key: v128, inverse: v128, quotient: v128, single0: v128, single1: v128, double0: v128, double1: v128,
): v128 {
  const x = shiftRows(block);
  const i = highNibbles(x), k = lowNibbles(x);
  const j = v128.xor(i, k);
  const ak = lookup(quotient, k);
  const iak = v128.xor(lookup(inverse, i), ak);
  const jak = v128.xor(lookup(inverse, j), ak);
  const io = v128.xor(lookup(inverse, iak), j);
  const jo = v128.xor(lookup(inverse, jak), i);
  const single = v128.xor(lookup(single0, io), lookup(single1, jo));
  const double = v128.xor(lookup(double0, io), lookup(double1, jo));
  const p = v128.xor(double, nextRow(single));
  return v128.xor(v128.xor(v128.xor(p, key), previousRow(single)), nextRow(p));
}

// @ts-ignore: decorator
@inline function lastRound(block: v128, key: v128, inverse: v128, quotient: v128): v128 {
  return turn(v128.xor(substituteLast(shiftRows(block), inverse, quotient), key));
}

function finishFour(schedule: usize, at: usize): void {
  const inverse = inverseTable(), quotient = quotientTable();
  const single0 = singleTable0(), single1 = singleTable1(), double0 = doubleTable0(), double1 = doubleTable1();
  let a = v128.load(at, 0);
  let b = v128.load(at, 16);
  let c = v128.load(at, 32);
  let d = v128.load(at, 48);
  const last = schedule + SCHEDULE_BYTES - 16;
  for (let round = schedule + 16 * (1 + ROUNDS_STARTED); round < last; round += 16) {
    const key = v128.load(round);
    a = cipherRound(a, key, inverse, quotient, single0, single1, double0, double1);
    b = cipherRound(b, key, inverse, quotient, single0, single1, double0, double1);
    c = cipherRound(c, key, inverse, quotient, single0, single1, double0, double1);
    d = cipherRound(d, key, inverse, quotient, single0, single1, double0, double1);
  }
  const key = v128.load(last);
  v128.store(at, lastRound(a, key, inverse, quotient), 0);
  v128.store(at, lastRound(b, key, inverse, quotient), 16);
  v128.store(at, lastRound(c, key, inverse, quotient), 32);
  v128.store(at, lastRound(d, key, inverse, quotient), 48);
}

function finishFive(schedule: usize, at: usize): void {
  const inverse = inverseTable(), quotient = quotientTable();
  const single0 = singleTable0(), single1 = singleTable1(), double0 = doubleTable0(), double1 = doubleTable1();
  let a = v128.load(at, 0);
  let b = v128.load(at, 16);
  let c = v128.load(at, 32);
  let d = v128.load(at, 48);
  let e = v128.load(at, 64);
  const last = schedule + SCHEDULE_BYTES - 16;
  for (let round = schedule + 16 * (1 + ROUNDS_STARTED); round < last; round += 16) {
    const key = v128.load(round);
    a = cipherRound(a, key, inverse, quotient, single0, single1, double0, double1);
    b = cipherRound(b, key, inverse, quotient, single0, single1, double0, double1);
    c = cipherRound(c, key, inverse, quotient, single0, single1, double0, double1);
    d = cipherRound(d, key, inverse, quotient, single0, single1, double0, double1);
    e = cipherRound(e, key, inverse, quotient, single0, single1, double0, double1);
  }
  const key = v128.load(last);
  v128.store(at, lastRound(a, key, inverse, quotient), 0);
  v128.store(at, lastRound(b, key, inverse, quotient), 16);
  v128.store(at, lastRound(c, key, inverse, quotient), 32);
  v128.store(at, lastRound(d, key, inverse, quotient), 48);
  v128.store(at, lastRound(e, key, inverse, quotient), 64);
}

function finishEight(schedule: usize, at: usize): void {
  const inverse = inverseTable(), quotient = quotientTable();
  const single0 = singleTable0(), single1 = singleTable1(), double0 = doubleTable0(), double1 = doubleTable1();
  let a = v128.load(at, 0);
  let b = v128.load(at, 16);
  let c = v128.load(at, 32);
  let d = v128.load(at, 48);
  let e = v128.load(at, 64);
  let f = v128.load(at, 80);
  let g = v128.load(at, 96);
  let h = v128.load(at, 112);
  const last = schedule + SCHEDULE_BYTES - 16;
  for (let round = schedule + 16 * (1 + ROUNDS_STARTED); round < last; round += 16) {
    const key = v128.load(round);
    a = cipherRound(a, key, inverse, quotient, single0, single1, double0, double1);
    b = cipherRound(b, key, inverse, quotient, single0, single1, double0, double1);
    c = cipherRound(c, key, inverse, quotient, single0, single1, double0, double1);
    d = cipherRound(d, key, inverse, quotient, single0, single1, double0, double1);
    e = cipherRound(e, key, inverse, quotient, single0, single1, double0, double1);
    f = cipherRound(f, key, inverse, quotient, single0, single1, double0, double1);
    g = cipherRound(g, key, inverse, quotient, single0, single1, double0, double1);
    h = cipherRound(h, key, inverse, quotient, single0, single1, double0, double1);
  }
  const key = v128.load(last);
  v128.store(at, lastRound(a, key, inverse, quotient), 0);
  v128.store(at, lastRound(b, key, inverse, quotient), 16);
  v128.store(at, lastRound(c, key, inverse, quotient), 32);
  v128.store(at, lastRound(d, key, inverse, quotient), 48);
  v128.store(at, lastRound(e, key, inverse, quotient), 64);
  v128.store(at, lastRound(f, key, inverse, quotient), 80);
  v128.store(at, lastRound(g, key, inverse, quotient), 96);
  v128.store(at, lastRound(h, key, inverse, quotient), 112);
}
