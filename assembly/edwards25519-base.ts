/**
 * Multiples of the base point by secrets (RFC 8032 section 5.1). What flows through here: at first use a table is
 * made of 52 rows, row r holding 32^r B, 2 * 32^r B, … 16 * 32^r B, four rows side by side (edwards25519x4.ts);
 * then a scalar becomes 52 signed digits, and in 13 steps four digits at a time take their entries from their rows
 * by reading the whole rows, in order, under masks. The four sums are added up at the end.
 */
import { DECODED_X, DECODED_Y, pointDecode } from './edwards25519-decode';
import {
  QUAD_AFFINE_BYTES, quadAffineNegate, QUAD_CACHED_BYTES, quadPointAddAffine, quadPointAddCached,
  quadPointAddTwoAffine, quadPointDoubleTimes, quadPointExtract, quadPointInsert, quadPointRestore,
  quadPointRestoreLanes, quadPointSave, quadPointStoreCached, quadPointWipe, QUAD_HALF,
} from './edwards25519x4';
import { quadRowAppendMultiples, quadRowBegin, quadRowEntry, quadRowToAffine } from './edwards25519x4-table';
import { QUAD_BYTES } from './field25519x4';

const DIGIT_BITS: i32 = 5;
const STEPS: i32 = 13;
const ROW_ENTRIES: i32 = 16;
const ROW_BYTES: i32 = ROW_ENTRIES * QUAD_AFFINE_BYTES;

/** The encoding of B: y = 4/5, x even. */
export const BASE: usize = memory.data<u64>([
  0x6666666666666658, 0x6666666666666666, 0x6666666666666666, 0x6666666666666666,
]);

const TABLE: usize = memory.data(99840, 16);
/** The point that a row begins with. */
const ROW_POINT: usize = memory.data(800, 16);

/** The scalar with zeros behind it, its 52 digits as i32, the entries selected last, and sums being added up. */
const SECRETS_BYTES: i32 = 1856;
const SECRETS: usize = memory.data(1856, 16);
const SCALAR: usize = SECRETS;
const DIGITS: usize = SECRETS + 48;
const FIRST: usize = DIGITS + 208;
const SELECTED: usize = FIRST + QUAD_AFFINE_BYTES;
const OTHERS: usize = SELECTED + QUAD_AFFINE_BYTES;

let tableReady: bool = false;

/** Writes X, Y, Z (ten i64 limbs each) of the product of B and the secret 32-byte scalar. */
export function baseMultiply(projective: usize, scalar: usize): void {
  if (!tableReady) makeTable();
  recode(scalar);
  select(FIRST, 0);
  select(SELECTED, 1);
  quadPointAddTwoAffine(FIRST, SELECTED);
  for (let step = 2; step < STEPS; step++) {
    select(SELECTED, step);
    quadPointAddAffine(SELECTED);
  }
  addNeighbours(2);
  addNeighbours(1);
  quadPointExtract(projective, 0);
}

/** Overwrites all that a multiplication leaves. */
export function baseWipe(): void {
  memory.fill(SECRETS, 0, SECRETS_BYTES);
  quadPointWipe();
}

function makeTable(): void {
  pointDecode(BASE);
  for (let lane = 0; lane < 4; lane++) quadPointInsert(lane, DECODED_X, DECODED_Y);
  for (let lane = 1; lane < 4; lane++) {
    quadPointSave(ROW_POINT);
    quadPointDoubleTimes(DIGIT_BITS);
    quadPointRestoreLanes(ROW_POINT, i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(lane)));
  }
  for (let step = 0; step < STEPS; step++) {
    quadPointSave(ROW_POINT);
    quadRowBegin();
    quadRowAppendMultiples(ROW_ENTRIES);
    quadRowToAffine();
    memory.copy(TABLE + step * ROW_BYTES, quadRowEntry(0), ROW_BYTES);
    quadPointRestore(ROW_POINT);
    quadPointDoubleTimes(4 * DIGIT_BITS);
  }
  tableReady = true;
}

/** Digits from -16 to 15, the scalar's base-32 digits with every excess carried on; the last one is 0 or 1. */
function recode(scalar: usize): void {
  memory.copy(SCALAR, scalar, 32);
  let carry: i32 = 0;
  for (let i = 0; i < 4 * STEPS; i++) {
    const at = DIGIT_BITS * i;
    const digit = ((<i32>load<u16>(SCALAR + (at >> 3)) >> (at & 7)) & 31) + carry;
    carry = (digit + 16) >> DIGIT_BITS;
    store<i32>(DIGITS + 4 * i, digit - (carry << DIGIT_BITS));
  }
}

/** Writes to each lane of `out` the digit of this step times the first entry of its row, reading all entries. */
function select(out: usize, step: i32): void {
  const row = TABLE + step * ROW_BYTES, digits = v128.load(DIGITS + 16 * step);
  const signs = i32x4.shr_s(digits, 31);
  const magnitudes = i32x4.sub(v128.xor(digits, signs), signs);
  selectCoordinate(out, row, magnitudes);
  selectCoordinate(out + QUAD_BYTES, row + QUAD_BYTES, magnitudes);
  selectCoordinate(out + 2 * QUAD_BYTES, row + 2 * QUAD_BYTES, magnitudes);
  addIdentity(out, i32x4.eq(magnitudes, i32x4.splat(0)));
  quadAffineNegate(out, signs);
}

function selectCoordinate(out: usize, entry: usize, magnitudes: v128): void {
  let s0 = i32x4.splat(0), s1 = i32x4.splat(0), s2 = i32x4.splat(0), s3 = i32x4.splat(0), s4 = i32x4.splat(0);
  let s5 = i32x4.splat(0), s6 = i32x4.splat(0), s7 = i32x4.splat(0), s8 = i32x4.splat(0), s9 = i32x4.splat(0);
  for (let number = 1; number <= ROW_ENTRIES; number++) {
    const mask = i32x4.eq(magnitudes, i32x4.splat(number));
    s0 = v128.or(s0, v128.and(v128.load(entry, 0), mask));
    s1 = v128.or(s1, v128.and(v128.load(entry, 16), mask));
    s2 = v128.or(s2, v128.and(v128.load(entry, 32), mask));
    s3 = v128.or(s3, v128.and(v128.load(entry, 48), mask));
    s4 = v128.or(s4, v128.and(v128.load(entry, 64), mask));
    s5 = v128.or(s5, v128.and(v128.load(entry, 80), mask));
    s6 = v128.or(s6, v128.and(v128.load(entry, 96), mask));
    s7 = v128.or(s7, v128.and(v128.load(entry, 112), mask));
    s8 = v128.or(s8, v128.and(v128.load(entry, 128), mask));
    s9 = v128.or(s9, v128.and(v128.load(entry, 144), mask));
    entry += QUAD_AFFINE_BYTES;
  }
  v128.store(out, s0, 0); v128.store(out, s1, 16); v128.store(out, s2, 32); v128.store(out, s3, 48);
  v128.store(out, s4, 64); v128.store(out, s5, 80); v128.store(out, s6, 96); v128.store(out, s7, 112);
  v128.store(out, s8, 128); v128.store(out, s9, 144);
}

/** Puts the affine identity (1/2, 1/2, 0) where the mask is set and nothing was selected. */
function addIdentity(affine: usize, mask: v128): void {
  for (let at: usize = 0; at < 160; at += 16) {
    const half = v128.and(v128.load(QUAD_HALF + at), mask);
    v128.store(affine + at, v128.or(v128.load(affine + at), half));
    v128.store(affine + at, v128.or(v128.load(affine + at, 160), half), 160);
  }
}

/** Adds to each accumulator the one `distance` (1 or 2) lanes further. */
function addNeighbours(distance: i32): void {
  quadPointStoreCached(OTHERS);
  for (let at: usize = OTHERS; at < OTHERS + QUAD_CACHED_BYTES; at += 16) {
    const lanes = v128.load(at);
    const byOne = v128.shuffle<i32>(lanes, lanes, 1, 2, 3, 0);
    v128.store(at, distance == 1 ? byOne : v128.shuffle<i32>(byOne, byOne, 1, 2, 3, 0));
  }
  quadPointAddCached(OTHERS);
}
