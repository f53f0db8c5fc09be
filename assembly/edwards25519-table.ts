/**
 * Tables of multiples, for public points. What flows through here: the accumulator becomes a row of points, either
 * cached ones at once or, with one inversion for the row, affine ones that make each later addition cheaper.
 */
import { fieldCopy, fieldMultiply, FIELD_BYTES } from './field25519';
import { fieldInvert } from './field25519-power';
import {
  AFFINE_BYTES, affineFromCoordinates, CACHED_BYTES, pointAddCached, pointDouble, pointStore, pointStoreCached,
  PROJECTIVE_BYTES,
} from './edwards25519';

/** Most points of one row. */
const ROW_POINTS: i32 = 64;

const ROW: usize = memory.data(15360, 16);
const PRODUCTS: usize = memory.data(5120, 16);
const STEP: usize = memory.data(320, 16);
const INVERSE: usize = memory.data(80, 16);
const AFFINE_X: usize = memory.data(80, 16);
const AFFINE_Y: usize = memory.data(80, 16);

/** Writes P, 3P, 5P, … of the accumulator P as `count` cached points. */
export function tableOddCached(table: usize, count: i32): void {
  pointStoreCached(table);
  const first = table;
  pointDouble();
  pointStoreCached(STEP);
  for (let i = 1; i < count; i++) {
    // The accumulator holds 2P, then 3P, 5P and so on.
    pointAddCached(i == 1 ? first : STEP, 0);
    table += CACHED_BYTES;
    pointStoreCached(table);
  }
}

/** Writes P, 3P, 5P, … of the accumulator P as `count` affine points. */
export function tableOddAffine(table: usize, count: i32): void {
  pointStore(ROW);
  pointStoreCached(PRODUCTS);
  pointDouble();
  pointStoreCached(STEP);
  pointAddCached(PRODUCTS, 0);
  for (let i = 1; i < count; i++) {
    pointStore(ROW + i * PROJECTIVE_BYTES);
    pointAddCached(STEP, 0);
  }
  rowToAffine(table, count);
}

/** Writes P, 2P, 3P, … of the accumulator P as `count` affine points. */
export function tableMultiplesAffine(table: usize, count: i32): void {
  pointStoreCached(STEP);
  for (let i = 0; i < count; i++) {
    pointStore(ROW + i * PROJECTIVE_BYTES);
    pointAddCached(STEP, 0);
  }
  rowToAffine(table, count);
}

/** Divides all points of the row by their Z: one inversion of the product, taken apart from the last to the first. */
function rowToAffine(table: usize, count: i32): void {
  assert(count > 0 && count <= ROW_POINTS, "row too long");
  fieldCopy(PRODUCTS, zOf(0));
  for (let i = 1; i < count; i++)
    fieldMultiply<i64>(PRODUCTS + i * FIELD_BYTES, PRODUCTS + (i - 1) * FIELD_BYTES, zOf(i));
  fieldInvert(INVERSE, PRODUCTS + (count - 1) * FIELD_BYTES);
  for (let i = count - 1; i >= 0; i--) {
    const point = ROW + i * PROJECTIVE_BYTES;
    if (i > 0) fieldMultiply<i64>(AFFINE_Y, INVERSE, PRODUCTS + (i - 1) * FIELD_BYTES);
    else fieldCopy(AFFINE_Y, INVERSE);
    fieldMultiply<i64>(INVERSE, INVERSE, zOf(i));
    fieldMultiply<i64>(AFFINE_X, point, AFFINE_Y);
    fieldMultiply<i64>(AFFINE_Y, point + FIELD_BYTES, AFFINE_Y);
    affineFromCoordinates(table + i * AFFINE_BYTES, AFFINE_X, AFFINE_Y);
  }
}

// @ts-ignore: decorator
@inline function zOf(i: i32): usize {
  return ROW + i * PROJECTIVE_BYTES + 2 * FIELD_BYTES;
}
