/**
 * Sums of multiples of public points (Straus): one chain of doublings for all. What flows through here: each
 * multiple is recoded, and every digit that is not zero becomes a step, filed under the doubling after which it is
 * due: the address of the table entry, with two low bits for its kind and sign. Then the steps are taken from the
 * highest place to the lowest. A list for each place, and not digits to be looked through, keeps memory traffic
 * and mispredicted branches low when there are many points. All of it is public.
 */
import { AFFINE_BYTES, CACHED_BYTES, pointAddAffine, pointAddCached, pointClear, pointDouble } from './edwards25519';
import { scalarRecode } from './scalar25519';

/** Most multiples of one sum: for every place that many steps. */
const MULTIPLES: i32 = 200;
const PLACES: i32 = 129;
const SPLIT: i32 = 128;
const DIGITS: i32 = 257;

const NEGATIVE: u32 = 1;
const CACHED: u32 = 2;

const STEP_BYTES: i32 = 4;
const LIST_BYTES: i32 = MULTIPLES * STEP_BYTES;

const RECODED: usize = memory.data(264, 16);
const LISTS: usize = memory.data(103200, 16);
const LENGTHS: usize = memory.data(516, 16);

let multiples: i32 = 0;
/** Keeps `touch` from being optimised away. */
let touched: i32 = 0;

/** Begins an empty sum. */
export function sumBegin(): void {
  memory.fill(LENGTHS, 0, 4 * PLACES);
  multiples = 0;
}

/**
 * Adds scalar * P, or takes it away when `negative` is 1, for a scalar below 2^255. `table` holds `entries` odd
 * multiples of P, then of 2^128 P, affine, enough for digits of `width` bits.
 */
export function sumAddSplit(scalar: usize, table: usize, entries: i32, width: i32, negative: i32): void {
  takePlaces(2);
  scalarRecode(RECODED, scalar, width);
  for (let place = 0; place < DIGITS - 1; place++) {
    const digit = <i32>load<i8>(RECODED + place);
    if (digit == 0) continue;
    const high = place >> 7;
    const entry = table + (high * entries + (magnitude(digit) >> 1)) * AFFINE_BYTES;
    file(place - high * SPLIT, <u32>entry | sign(digit, negative));
  }
}

/** The same for a scalar below 2^128 and a table of cached odd multiples of P alone. */
export function sumAddCached(scalar: usize, table: usize, width: i32, negative: i32): void {
  takePlaces(1);
  scalarRecode(RECODED, scalar, width);
  for (let place = 0; place < PLACES; place++) {
    const digit = <i32>load<i8>(RECODED + place);
    if (digit == 0) continue;
    file(place, <u32>(table + (magnitude(digit) >> 1) * CACHED_BYTES) | CACHED | sign(digit, negative));
  }
}

/** Leaves the sum in the accumulator. */
export function sumCompute(): void {
  pointClear();
  for (let place = PLACES - 1; place >= 0; place--) {
    pointDouble();
    const list = LISTS + place * LIST_BYTES;
    const end = list + STEP_BYTES * load<i32>(LENGTHS + 4 * place);
    touch(list, end);
    for (let at = list; at < end; at += STEP_BYTES) take(load<u32>(at));
  }
}

/** Reads a word of every line of the entries that are due: their misses overlap here, and not later one by one. */
function touch(list: usize, end: usize): void {
  let seen: i32 = 0;
  for (let at = list; at < end; at += STEP_BYTES) {
    const entry = <usize>(load<u32>(at) & ~(NEGATIVE | CACHED));
    seen |= load<i32>(entry) | load<i32>(entry, 64) | load<i32>(entry, 128);
  }
  touched = seen;
}

// @ts-ignore: decorator
@inline function take(step: u32): void {
  const entry = <usize>(step & ~(NEGATIVE | CACHED));
  if ((step & CACHED) != 0) pointAddCached(entry, step & NEGATIVE);
  else pointAddAffine(entry, step & NEGATIVE);
}

function takePlaces(count: i32): void {
  multiples += count;
  assert(multiples <= MULTIPLES, "sum of too many multiples");
}

// @ts-ignore: decorator
@inline function file(place: i32, step: u32): void {
  const length = load<i32>(LENGTHS + 4 * place);
  store<u32>(LISTS + place * LIST_BYTES + length * STEP_BYTES, step);
  store<i32>(LENGTHS + 4 * place, length + 1);
}

// @ts-ignore: decorator
@inline function magnitude(digit: i32): i32 {
  return digit < 0 ? -digit : digit;
}

// @ts-ignore: decorator
@inline function sign(digit: i32, negative: i32): u32 {
  return <u32>(negative ^ (digit >>> 31));
}
