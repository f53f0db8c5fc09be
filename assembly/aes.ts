/**
 * AES-256 (FIPS 197) in constant time. What flows through here: blocks, four, five or eight side by side so that
 * the processor is not kept waiting for one of them, go through fourteen rounds of lookups in registers and fixed
 * byte permutations (aes-nibbles.ts, aes-order.ts). Neither time nor addresses depend on key or data.
 */
import {
  doubleTable0, doubleTable1, inverseTable, quotientTable, singleTable0, singleTable1, substituteLast, toBasis,
} from './aes-nibbles';
import { nextRow, previousRow, shiftRows, turn } from './aes-order';
import { SCHEDULE_BYTES } from './aes-schedule';
import { highNibbles, lookup, lowNibbles } from './nibbles';

/**
 * Encrypts `count` blocks in place at `at`. It may encrypt up to three blocks that follow, so room must be there
 * for them: a few at once take hardly longer than one.
 */
export function encryptBlocks(schedule: usize, at: usize, count: i32): void {
  for (; count > 10 || (count > 5 && count < 9); count -= 8, at += 128) encryptEight(schedule, at);
  for (; count > 4; count -= 5, at += 80) encryptFive(schedule, at);
  if (count > 0) encryptFour(schedule, at);
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

function encryptFour(schedule: usize, at: usize): void {
  const inverse = inverseTable(), quotient = quotientTable();
  const single0 = singleTable0(), single1 = singleTable1(), double0 = doubleTable0(), double1 = doubleTable1();
  const first = v128.load(schedule);
  let a = v128.xor(toBasis(turn(v128.load(at, 0))), first);
  let b = v128.xor(toBasis(turn(v128.load(at, 16))), first);
  let c = v128.xor(toBasis(turn(v128.load(at, 32))), first);
  let d = v128.xor(toBasis(turn(v128.load(at, 48))), first);
  const last = schedule + SCHEDULE_BYTES - 16;
  for (let round = schedule + 16; round < last; round += 16) {
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

function encryptFive(schedule: usize, at: usize): void {
  const inverse = inverseTable(), quotient = quotientTable();
  const single0 = singleTable0(), single1 = singleTable1(), double0 = doubleTable0(), double1 = doubleTable1();
  const first = v128.load(schedule);
  let a = v128.xor(toBasis(turn(v128.load(at, 0))), first);
  let b = v128.xor(toBasis(turn(v128.load(at, 16))), first);
  let c = v128.xor(toBasis(turn(v128.load(at, 32))), first);
  let d = v128.xor(toBasis(turn(v128.load(at, 48))), first);
  let e = v128.xor(toBasis(turn(v128.load(at, 64))), first);
  const last = schedule + SCHEDULE_BYTES - 16;
  for (let round = schedule + 16; round < last; round += 16) {
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

function encryptEight(schedule: usize, at: usize): void {
  const inverse = inverseTable(), quotient = quotientTable();
  const single0 = singleTable0(), single1 = singleTable1(), double0 = doubleTable0(), double1 = doubleTable1();
  const first = v128.load(schedule);
  let a = v128.xor(toBasis(turn(v128.load(at, 0))), first);
  let b = v128.xor(toBasis(turn(v128.load(at, 16))), first);
  let c = v128.xor(toBasis(turn(v128.load(at, 32))), first);
  let d = v128.xor(toBasis(turn(v128.load(at, 48))), first);
  let e = v128.xor(toBasis(turn(v128.load(at, 64))), first);
  let f = v128.xor(toBasis(turn(v128.load(at, 80))), first);
  let g = v128.xor(toBasis(turn(v128.load(at, 96))), first);
  let h = v128.xor(toBasis(turn(v128.load(at, 112))), first);
  const last = schedule + SCHEDULE_BYTES - 16;
  for (let round = schedule + 16; round < last; round += 16) {
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
