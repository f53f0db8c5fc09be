/**
 * The prime-order group of edwards25519 for the host, as threshold signatures need it (RFC 9591 section 6.1): its
 * scalars, its elements, and their products. What flows through here: 32-byte scalars, which are taken modulo L, and
 * 32-byte encodings come in; encodings go out. Whatever may be secret is computed in constant time and overwritten;
 * `groupSum` and `groupAdmit` are for public data alone.
 */
import {
  CACHED_BYTES, pointAddCached, pointEncode, pointIsIdentity, pointLoad, pointStore, pointStoreCached,
  pointWipe, PROJECTIVE_BYTES,
} from './edwards25519';
import { baseMultiply, baseWipe } from './edwards25519-base';
import { DECODED_X, DECODED_Y, pointDecode } from './edwards25519-decode';
import { pointMultiply, pointMultiplyWipe } from './edwards25519-multiply';
import { sumAddCached, sumBegin, sumCompute } from './edwards25519-sum';
import { tableOddCached } from './edwards25519-table';
import { FIELD_BYTES } from './field25519';
import { fieldInvert } from './field25519-power';
import { inputArea, outputArea } from './memory';
import {
  scalarInvert, scalarIsCanonical, scalarMultiplyAdd, scalarNormalise, scalarOrder, scalarReduce, scalarWipe,
} from './scalar25519';

/** Most terms of one sum. */
export const GROUP_TERMS: i32 = 32;

const TERM_BYTES: i32 = 64;
/** Width of the digits in sums: eight odd multiples of each element. */
const WIDTH: i32 = 5;
const ENTRIES: i32 = 8;

const SECRETS_BYTES: i32 = 352;
const SECRETS: usize = memory.data(352, 16);
const SCALAR: usize = SECRETS;
const POINT: usize = SECRETS + 32;
const INVERSE: usize = POINT + PROJECTIVE_BYTES;
const OTHER: usize = memory.data(320, 16);
const TABLES: usize = memory.data(81920, 16);

/** a, b, c from the input area; a b + c modulo L to the output area. */
export function groupScalarMultiplyAdd(): void {
  scalarMultiplyAdd(outputArea(), inputArea(), inputArea() + 32, inputArea() + 64);
  scalarWipe();
}

/** The inverse modulo L of the scalar in the input area, and 0 of 0. */
export function groupScalarInvert(): void {
  scalarInvert(outputArea(), inputArea());
  scalarWipe();
}

/** The 64 bytes in the input area modulo L. */
export function groupScalarReduce(): void {
  scalarReduce(outputArea(), inputArea());
  scalarWipe();
}

/** 1 when the 32 bytes in the input area, which are public, are a scalar below L. */
export function groupScalarAdmit(): i32 {
  return i32(scalarIsCanonical(inputArea()));
}

/** The product of the secret scalar in the input area and the base point. */
export function groupBaseMultiply(): void {
  scalarNormalise(SCALAR, inputArea());
  baseMultiply(POINT, SCALAR);
  encode();
  wipe();
}

/** The product of the secret scalar and the point in the input area; 0 when that is no encoding of a point. */
export function groupMultiply(): i32 {
  if (!pointDecode(inputArea() + 32)) return 0;
  scalarNormalise(SCALAR, inputArea());
  pointMultiply(SCALAR, DECODED_X, DECODED_Y);
  pointStore(POINT);
  encode();
  wipe();
  return 1;
}

/** The sum of the two points in the input area; 0 when one is no encoding of a point. */
export function groupAdd(): i32 {
  if (!pointDecode(inputArea())) return 0;
  pointLoad(DECODED_X, DECODED_Y);
  pointStoreCached(OTHER);
  if (!pointDecode(inputArea() + 32)) return 0;
  pointLoad(DECODED_X, DECODED_Y);
  pointAddCached(OTHER, 0);
  pointStore(POINT);
  encode();
  wipe();
  return 1;
}

/** The sum of `count` products, each of a scalar and a point, all public; 0 when one is no encoding of a point. */
export function groupSum(count: i32): i32 {
  assert(count >= 0 && count <= GROUP_TERMS, "sum of too many terms");
  sumBegin();
  for (let term = 0; term < count; term++) {
    const scalar = inputArea() + term * TERM_BYTES;
    if (!pointDecode(scalar + 32)) return 0;
    scalarNormalise(SCALAR, scalar);
    addMultiple(SCALAR, TABLES + term * ENTRIES * CACHED_BYTES);
  }
  sumCompute();
  pointStore(POINT);
  encode();
  return 1;
}

/**
 * 1 when the 32 bytes in the input area, which are public, encode an element of the group: canonical, not the
 * identity, and L times it is the identity (RFC 9591 section 3.1, DeserializeElement).
 */
export function groupAdmit(): i32 {
  if (!pointDecode(inputArea())) return 0;
  pointLoad(DECODED_X, DECODED_Y);
  if (pointIsIdentity()) return 0;
  sumBegin();
  addMultiple(scalarOrder(), TABLES);
  sumCompute();
  return i32(pointIsIdentity());
}

/** Adds to the running sum a multiple of the point decoded last. */
function addMultiple(scalar: usize, table: usize): void {
  pointLoad(DECODED_X, DECODED_Y);
  tableOddCached(table, ENTRIES);
  sumAddCached(scalar, table, WIDTH, 0);
}

/** Writes the encoding of POINT to the output area. */
function encode(): void {
  fieldInvert(INVERSE, POINT + 2 * FIELD_BYTES);
  pointEncode(outputArea(), POINT, INVERSE);
}

/** Overwrites what depends on secret scalars; the points that came in are overwritten by the host. */
function wipe(): void {
  memory.fill(SECRETS, 0, SECRETS_BYTES);
  pointMultiplyWipe();
  baseWipe();
  pointWipe();
  scalarWipe();
}
