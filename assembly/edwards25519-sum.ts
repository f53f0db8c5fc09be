/**
 * A sum of a few multiples of public points (Straus), as for a signature judged alone: one chain of doublings for
 * all. What flows through here: each multiple is recoded, and every digit that is not zero becomes a step, filed under
 * the doubling after which it is due: the address of the table entry, with two low bits for its kind and sign. Then
 * the steps are taken from the highest place to the lowest. All of it is public.
 */
import { AFFINE_BYTES, CACHED_BYTES, pointAddAffine, pointAddCached, pointClear, pointDouble } from './edwards25519';
import { DIGIT_BYTES, scalarDigits } from './scalar25519';

/** Most steps of one place: one for each multiple, two for a split one. */
const STEPS: i32 = 32;
const PLACES: i32 = 257;
const SPLIT: i32 = 128;

const NEGATIVE: u32 = 1;
const CACHED: u32 = 2;

const STEP_BYTES: i32 = 4;
const LIST_BYTES: i32 = STEPS * STEP_BYTES;

const DIGITS: usize = memory.data(256, 16);
const LISTS: usize = memory.data(32896, 16);
const LENGTHS: usize = memory.data(1028, 16);

let highest: i32 = -1;

/** Begins an empty sum. */
export function sumBegin(): void {
  memory.fill(LENGTHS, 0, 4 * PLACES);
  highest = -1;
}

/**
 * Adds scalar * P, or takes it away when `negative` is 1, for a public scalar below 2^253. `table` holds `entries`
 * odd multiples of P, then of 2^128 P, affine, enough for digits of `width` bits.
 */
export function sumAddSplit(scalar: usize, table: usize, entries: i32, width: i32, negative: i32): void {
  const count = scalarDigits(DIGITS, scalar, width);
  for (let i = 0; i < count; i++) {
    const place = placeOf(i), upper = place >> 7;
    const entry = table + (upper * entries + indexOf(i)) * AFFINE_BYTES;
    file(place - upper * SPLIT, <u32>entry | signOf(i, negative));
  }
}

/** The same for a table of cached odd multiples of P alone. */
export function sumAddCached(scalar: usize, table: usize, width: i32, negative: i32): void {
  const count = scalarDigits(DIGITS, scalar, width);
  for (let i = 0; i < count; i++)
    file(placeOf(i), <u32>(table + indexOf(i) * CACHED_BYTES) | CACHED | signOf(i, negative));
}

/** Leaves the sum in the accumulator. */
export function sumCompute(): void {
  pointClear();
  for (let place = highest; place >= 0; place--) {
    pointDouble();
    const list = LISTS + place * LIST_BYTES;
    const end = list + STEP_BYTES * load<i32>(LENGTHS + 4 * place);
    for (let at = list; at < end; at += STEP_BYTES) take(load<u32>(at));
  }
}

// @ts-ignore: decorator
@inline function take(step: u32): void {
  const entry = <usize>(step & ~(NEGATIVE | CACHED));
  if ((step & CACHED) != 0) pointAddCached(entry, step & NEGATIVE);
  else pointAddAffine(entry, step & NEGATIVE);
}

function file(place: i32, step: u32): void {
  const length = load<i32>(LENGTHS + 4 * place);
  assert(length < STEPS, "too many multiples in one sum");
  store<u32>(LISTS + place * LIST_BYTES + length * STEP_BYTES, step);
  store<i32>(LENGTHS + 4 * place, length + 1);
  highest = max(highest, place);
}

// @ts-ignore: decorator
@inline function placeOf(i: i32): i32 {
  return <i32>load<i16>(DIGITS + i * DIGIT_BYTES);
}

/** Of the odd multiples, the place of the digit's magnitude. */
// @ts-ignore: decorator
@inline function indexOf(i: i32): i32 {
  const digit = <i32>load<i16>(DIGITS + i * DIGIT_BYTES, 2), minus = digit >> 31;
  return ((digit ^ minus) - minus) >> 1;
}

// @ts-ignore: decorator
@inline function signOf(i: i32, negative: i32): u32 {
  return <u32>(negative ^ (<i32>load<i16>(DIGITS + i * DIGIT_BYTES, 2) >>> 31));
}
