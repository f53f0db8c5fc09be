/**
 * Odd multiples of the base point B and of 2^128 B, for verification: everything here is public. What flows
 * through here: the tables are made at first use, in the form for single sums (edwards25519-sum.ts) and in the
 * form for sums four at a time (edwards25519x4-sum.ts), each when it is asked for.
 */
import { AFFINE_BYTES, pointDoubleTimes, pointLoad } from './edwards25519';
import { BASE } from './edwards25519-base';
import { DECODED_X, DECODED_Y, pointDecode } from './edwards25519-decode';
import { tableOddAffine } from './edwards25519-table';
import { PACKED_BYTES, quadPointDoubleTimes, quadPointInsert } from './edwards25519x4';
import { quadRowAppendOdd, quadRowBegin, quadRowPack, quadRowToAffine } from './edwards25519x4-table';

/** Width of the digits that go with the tables. */
export const BASE_WIDTH: i32 = 8;
/** Odd multiples of B, followed by as many of 2^128 B. */
export const BASE_ENTRIES: i32 = 64;

const TABLE: usize = memory.data(18432, 16);
const PACKED: usize = memory.data(16384, 64);

let tableReady: bool = false;
let packedReady: bool = false;

/** Affine points. The first call uses the accumulator. */
export function baseOddTable(): usize {
  if (!tableReady) {
    pointDecode(BASE);
    fillTable(TABLE, 0);
    fillTable(TABLE + BASE_ENTRIES * AFFINE_BYTES, 128);
    tableReady = true;
  }
  return TABLE;
}

/** Packed points. The first call uses the accumulators. */
export function baseOddPacked(): usize {
  if (!packedReady) {
    pointDecode(BASE);
    fillPacked(PACKED, 0);
    fillPacked(PACKED + BASE_ENTRIES * PACKED_BYTES, 128);
    packedReady = true;
  }
  return PACKED;
}

function fillTable(table: usize, doublings: i32): void {
  pointLoad(DECODED_X, DECODED_Y);
  pointDoubleTimes(doublings);
  tableOddAffine(table, BASE_ENTRIES);
}

function fillPacked(table: usize, doublings: i32): void {
  for (let lane = 0; lane < 4; lane++) quadPointInsert(lane, DECODED_X, DECODED_Y);
  quadPointDoubleTimes(doublings);
  quadRowBegin();
  quadRowAppendOdd(BASE_ENTRIES);
  quadRowToAffine();
  quadRowPack(table, 0, 0, BASE_ENTRIES);
}
