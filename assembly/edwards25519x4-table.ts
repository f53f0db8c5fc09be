/**
 * Rows of multiples, four points side by side (edwards25519x4.ts). What flows through here: the accumulators are
 * appended to the row again and again; then, with one inversion for all of it, the row becomes affine, and its
 * owner takes what it needs from it.
 */
import { quadMultiply, quadCopy, QUAD_BYTES } from './field25519x4';
import { quadInvert } from './field25519x4-power';
import {
  PACKED_BYTES, quadAffineFromProjective, quadPackLane, quadPointAddCached, quadPointDouble, quadPointStore,
  quadPointStoreCached, QUAD_PROJECTIVE_BYTES,
} from './edwards25519x4';

/** Most entries of a row, each of four points. */
const ROW_ENTRIES: i32 = 64;

const ROW: usize = memory.data(30720, 16);
const PRODUCTS: usize = memory.data(10240, 16);
const FIRST: usize = memory.data(640, 16);
const STEP: usize = memory.data(640, 16);
const INVERSE: usize = memory.data(160, 16);
const INVERSE_OF_ONE: usize = memory.data(160, 16);

let entries: i32 = 0;

/** Begins an empty row. */
export function quadRowBegin(): void {
  entries = 0;
}

/** Appends P, 2P, 3P, … of the accumulators, `count` entries. */
export function quadRowAppendMultiples(count: i32): void {
  quadPointStoreCached(STEP);
  append();
  for (let i = 1; i < count; i++) {
    quadPointAddCached(STEP);
    append();
  }
}

/** Appends P, 3P, 5P, … of the accumulators, `count` entries, at least two. */
export function quadRowAppendOdd(count: i32): void {
  append();
  quadPointStoreCached(FIRST);
  quadPointDouble();
  quadPointStoreCached(STEP);
  quadPointAddCached(FIRST);
  append();
  for (let i = 2; i < count; i++) {
    quadPointAddCached(STEP);
    append();
  }
}

/** Divides all entries by their Z: one inversion of the product, taken apart from the last to the first. */
export function quadRowToAffine(): void {
  quadCopy(PRODUCTS, zOf(0));
  for (let i = 1; i < entries; i++) quadMultiply(productOf(i), productOf(i - 1), zOf(i));
  quadInvert(INVERSE, productOf(entries - 1));
  for (let i = entries - 1; i > 0; i--) {
    quadMultiply(INVERSE_OF_ONE, INVERSE, productOf(i - 1));
    quadMultiply(INVERSE, INVERSE, zOf(i));
    quadAffineFromProjective(quadRowEntry(i), quadRowEntry(i), INVERSE_OF_ONE);
  }
  quadAffineFromProjective(ROW, ROW, INVERSE);
}

/** Entry i of the row: four affine points once `quadRowToAffine` has run. */
export function quadRowEntry(i: i32): usize {
  return ROW + i * QUAD_PROJECTIVE_BYTES;
}

function append(): void {
  assert(entries < ROW_ENTRIES, "row too long");
  quadPointStore(quadRowEntry(entries));
  entries++;
}

// @ts-ignore: decorator
@inline function zOf(i: i32): usize {
  return quadRowEntry(i) + 2 * QUAD_BYTES;
}

// @ts-ignore: decorator
@inline function productOf(i: i32): usize {
  return PRODUCTS + i * QUAD_BYTES;
}

/** Takes entries from..from + count - 1 of a lane as packed points: they are public. */
export function quadRowPack(table: usize, lane: i32, from: i32, count: i32): void {
  for (let i = 0; i < count; i++) quadPackLane(table + i * PACKED_BYTES, quadRowEntry(from + i), lane);
}
