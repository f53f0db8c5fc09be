/**
 * The base point (RFC 8032 section 5.1). What flows through here: at first use two tables are made from the
 * encoding of B, one of rows 256^i B, 2 * 256^i B, … 8 * 256^i B for multiplication by secrets, one of odd
 * multiples of B and 2^128 B for verification; then a secret scalar becomes 64 signed digits, and each digit takes
 * its entry from its row by reading the whole row, in order, under masks.
 */
import {
  AFFINE_BYTES, pointAddAffine, pointClear, pointDoubleTimes, pointLoad, pointRestore, pointSave,
} from './edwards25519';
import { DECODED_X, DECODED_Y, pointDecode } from './edwards25519-decode';
import { tableMultiplesAffine, tableOddAffine } from './edwards25519-table';

/** Width of the digits that go with the tables of odd multiples of B and 2^128 B. */
export const BASE_WIDTH: i32 = 8;

const ROWS: i32 = 32;
const ROW_ENTRIES: i32 = 8;
/** Odd multiples of B, followed by as many of 2^128 B. */
export const BASE_ENTRIES: i32 = 64;

/** The encoding of B: y = 4/5, x even. */
const BASE: usize = memory.data<u64>([0x6666666666666658, 0x6666666666666666, 0x6666666666666666, 0x6666666666666666]);

const ROW_TABLE: usize = memory.data(36864, 16);
const ODD_TABLE: usize = memory.data(18432, 16);
const DIGITS: usize = memory.data(64, 16);
const SELECTED: usize = memory.data(144, 16);
const ROW_FIRST: usize = memory.data(400, 16);

let tablesReady: bool = false;

/** Odd multiples of B, then as many of 2^128 B; affine. The first call uses the accumulator. */
export function baseOddTable(): usize {
  prepareTables();
  return ODD_TABLE;
}

/** Makes the accumulator the product of B and the secret 32-byte scalar, which is below 2^255. */
export function baseMultiply(scalar: usize): void {
  prepareTables();
  recode(scalar);
  pointClear();
  for (let i = 1; i < 64; i += 2) addDigit(i);
  pointDoubleTimes(4);
  for (let i = 0; i < 64; i += 2) addDigit(i);
}

/** Overwrites digits and the entry selected last. */
export function baseWipe(): void {
  memory.fill(DIGITS, 0, 64);
  memory.fill(SELECTED, 0, AFFINE_BYTES);
}

function prepareTables(): void {
  if (tablesReady) return;
  loadBase();
  for (let row = 0; row < ROWS; row++) {
    pointSave(ROW_FIRST);
    tableMultiplesAffine(ROW_TABLE + row * ROW_ENTRIES * AFFINE_BYTES, ROW_ENTRIES);
    pointRestore(ROW_FIRST);
    pointDoubleTimes(8);
  }
  loadBase();
  tableOddAffine(ODD_TABLE, BASE_ENTRIES);
  loadBase();
  pointDoubleTimes(128);
  tableOddAffine(ODD_TABLE + BASE_ENTRIES * AFFINE_BYTES, BASE_ENTRIES);
  tablesReady = true;
}

function loadBase(): void {
  pointDecode(BASE);
  pointLoad(DECODED_X, DECODED_Y);
}

/** Sixty-four digits from -8 to 8, the scalar's base-16 digits with every excess over 7 carried on. */
function recode(scalar: usize): void {
  for (let i: usize = 0; i < 32; i++) {
    const byte = load<u8>(scalar + i);
    store<u8>(DIGITS + 2 * i, byte & 15);
    store<u8>(DIGITS + 2 * i, byte >> 4, 1);
  }
  let carry: i32 = 0;
  for (let i: usize = 0; i < 63; i++) {
    const digit = <i32>load<i8>(DIGITS + i) + carry;
    carry = (digit + 8) >> 4;
    store<i8>(DIGITS + i, <i8>(digit - (carry << 4)));
  }
  store<i8>(DIGITS, <i8>(<i32>load<i8>(DIGITS, 63) + carry), 63);
}

function addDigit(i: i32): void {
  select(ROW_TABLE + (i >> 1) * ROW_ENTRIES * AFFINE_BYTES, <i32>load<i8>(DIGITS + i));
  pointAddAffine(SELECTED, 0);
}

/** Leaves digit * (first entry of `row`) in SELECTED, reading all entries. */
function select(row: usize, digit: i32): void {
  const sign = digit >> 31;
  const magnitude = (digit ^ sign) - sign;
  const m0 = maskWhereEqual(magnitude, 0), m1 = maskWhereEqual(magnitude, 1), m2 = maskWhereEqual(magnitude, 2);
  const m3 = maskWhereEqual(magnitude, 3), m4 = maskWhereEqual(magnitude, 4), m5 = maskWhereEqual(magnitude, 5);
  const m6 = maskWhereEqual(magnitude, 6), m7 = maskWhereEqual(magnitude, 7), m8 = maskWhereEqual(magnitude, 8);
  for (let at = 0; at < AFFINE_BYTES; at += 16) {
    const low = v128.or(
      v128.or(entry(row, at, 0, m1), entry(row, at, 1, m2)),
      v128.or(entry(row, at, 2, m3), entry(row, at, 3, m4)),
    );
    const high = v128.or(
      v128.or(entry(row, at, 4, m5), entry(row, at, 5, m6)),
      v128.or(entry(row, at, 6, m7), entry(row, at, 7, m8)),
    );
    v128.store(SELECTED + at, v128.or(low, high));
  }
  addIdentity(m0);
  negateWhere(i32x4.splat(sign));
}

/** All ones in every lane when a and b, both small and not negative, are the same. */
// @ts-ignore: decorator
@inline function maskWhereEqual(a: i32, b: i32): v128 {
  return i32x4.splat(((a ^ b) - 1) >> 31);
}

// @ts-ignore: decorator
@inline function entry(row: usize, at: i32, index: i32, mask: v128): v128 {
  return v128.and(v128.load(row + at + index * AFFINE_BYTES), mask);
}

/** Puts the affine identity (1, 1, 0) where the mask is set and nothing was selected. */
// @ts-ignore: decorator
@inline function addIdentity(mask: v128): void {
  const one = v128.and(mask, i32x4(1, 0, 0, 0));
  v128.store(SELECTED, v128.or(v128.load(SELECTED), one));
  v128.store(SELECTED, v128.or(v128.load(SELECTED, 48), one), 48);
}

/** Where the mask is set: y+x and y-x change places, 2dxy changes its sign. */
// @ts-ignore: decorator
@inline function negateWhere(mask: v128): void {
  for (let at: usize = SELECTED; at < SELECTED + 48; at += 16) {
    const plus = v128.load(at), minus = v128.load(at, 48), product = v128.load(at, 96);
    v128.store(at, v128.bitselect(minus, plus, mask));
    v128.store(at, v128.bitselect(plus, minus, mask), 48);
    v128.store(at, i32x4.sub(v128.xor(product, mask), mask), 96);
  }
}
