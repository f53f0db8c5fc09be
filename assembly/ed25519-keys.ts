/**
 * Public keys that were checked, and prepared as they are used. What flows through here: 32 bytes are looked up; a
 * key not seen yet is decoded and refused if it is of small order. A key that comes back gets tables of odd
 * multiples of A and of 2^128 A, which halve the doublings of every verification: one for single sums
 * (edwards25519-sum.ts), one for sums four at a time (edwards25519x4-sum.ts), each when it is first worth it. Slots
 * are reused in turn, except those the running operation has taken.
 */
import { AFFINE_BYTES, pointDoubleTimes, pointIsIdentity, pointLoad } from './edwards25519';
import { DECODED_X, DECODED_Y, pointDecode } from './edwards25519-decode';
import { tableOddAffine } from './edwards25519-table';
import {
  PACKED_BYTES, quadPointDoubleTimes, quadPointInsert, quadPointRestore, quadPointSave,
} from './edwards25519x4';
import { quadRowAppendOdd, quadRowBegin, quadRowPack, quadRowToAffine } from './edwards25519x4-table';
import { fieldCopy, FIELD_BYTES } from './field25519';

/** Width of the digits that go with the tables for single sums. */
export const KEY_WIDTH: i32 = 5;
/** Odd multiples of A, followed by as many of 2^128 A. */
export const KEY_ENTRIES: i32 = 8;
/** The same of the tables for sums four at a time. */
export const PACKED_WIDTH: i32 = 6;
export const PACKED_ENTRIES: i32 = 16;

const SLOTS: i32 = 320;
const BUCKETS: i32 = 512;
const TABLE_BYTES: i32 = 2 * KEY_ENTRIES * AFFINE_BYTES;
const PACKED_TABLE_BYTES: i32 = 2 * PACKED_ENTRIES * PACKED_BYTES;
/** How often a key is judged alone before a table is made for it. */
const PLAIN_USES: i32 = 2;

const ENCODINGS: usize = memory.data(10240, 16);
/** x and y. */
const POINTS: usize = memory.data(51200, 16);
const TABLES: usize = memory.data(737280, 16);
const PACKED: usize = memory.data(1310720, 64);
/** For every slot the operation that used it last, and the next slot of its bucket, counted from 1. */
const USED: usize = memory.data(1280, 16);
const NEXT: usize = memory.data(640, 16);
const HEADS: usize = memory.data(1024, 16);
/** For every slot how often it was judged alone, up to PLAIN_USES + 1, when it has its table; and 1 when packed. */
const USES: usize = memory.data(320, 16);
const IS_PACKED: usize = memory.data(320, 16);
const SAVED: usize = memory.data(800, 16);

let operation: u32 = 0;
let hand: i32 = 0;

/** Begins an operation: slots taken from now on stay until the next call. */
export function keysBegin(): void {
  operation++;
}

/** The slot of the key at `encoding`; -1 for one that is not canonical, not on the curve or of small order. */
export function keySlot(encoding: usize): i32 {
  for (let i = head(encoding); i != 0; i = load<u16>(NEXT + 2 * (i - 1)))
    if (sameKey(encoding, ENCODINGS + 32 * (i - 1))) return take(i - 1);
  if (!pointDecode(encoding)) return -1;
  pointLoad(DECODED_X, DECODED_Y);
  pointDoubleTimes(3);
  if (pointIsIdentity()) return -1;
  return take(enter(encoding));
}

/** The coordinates x, y of the key in `slot`. */
export function keyPoint(slot: i32): usize {
  return POINTS + slot * 2 * FIELD_BYTES;
}

/** The table for single sums, or 0 for a key that is too new to be worth one. Counts as a use. */
export function keyTable(slot: i32): usize {
  const table = TABLES + slot * TABLE_BYTES;
  const uses = <i32>load<u8>(USES + slot);
  if (uses > PLAIN_USES) return table;
  store<u8>(USES + slot, uses + 1);
  if (uses < PLAIN_USES) return 0;
  pointLoad(keyPoint(slot), keyPoint(slot) + FIELD_BYTES);
  tableOddAffine(table, KEY_ENTRIES);
  pointLoad(keyPoint(slot), keyPoint(slot) + FIELD_BYTES);
  pointDoubleTimes(128);
  tableOddAffine(table + KEY_ENTRIES * AFFINE_BYTES, KEY_ENTRIES);
  return table;
}

/** The table for sums four at a time; only after `packKeys`. */
export function keyPacked(slot: i32): usize {
  return PACKED + slot * PACKED_TABLE_BYTES;
}

/** Makes the packed tables that the `count` slots at `slots` (i32 each) lack, four keys side by side. */
export function packKeys(slots: usize, count: i32): void {
  let s0 = -1, s1 = -1, s2 = -1;
  for (let i = 0; i < count; i++) {
    const slot = load<i32>(slots + 4 * i);
    if (load<u8>(IS_PACKED + slot) != 0) continue;
    store<u8>(IS_PACKED + slot, 1);
    if (s0 < 0) s0 = slot;
    else if (s1 < 0) s1 = slot;
    else if (s2 < 0) s2 = slot;
    else {
      packFour(s0, s1, s2, slot);
      s0 = s1 = s2 = -1;
    }
  }
  if (s0 >= 0) packFour(s0, s1 < 0 ? s0 : s1, s2 < 0 ? s0 : s2, s0);
}

function packFour(s0: i32, s1: i32, s2: i32, s3: i32): void {
  insertKey(0, s0);
  insertKey(1, s1);
  insertKey(2, s2);
  insertKey(3, s3);
  quadPointSave(SAVED);
  packHalves(0, s0, s1, s2, s3);
  quadPointRestore(SAVED);
  quadPointDoubleTimes(128);
  packHalves(PACKED_ENTRIES * PACKED_BYTES, s0, s1, s2, s3);
}

function insertKey(lane: i32, slot: i32): void {
  quadPointInsert(lane, keyPoint(slot), keyPoint(slot) + FIELD_BYTES);
}

function packHalves(half: usize, s0: i32, s1: i32, s2: i32, s3: i32): void {
  quadRowBegin();
  quadRowAppendOdd(PACKED_ENTRIES);
  quadRowToAffine();
  quadRowPack(keyPacked(s0) + half, 0, 0, PACKED_ENTRIES);
  quadRowPack(keyPacked(s1) + half, 1, 0, PACKED_ENTRIES);
  quadRowPack(keyPacked(s2) + half, 2, 0, PACKED_ENTRIES);
  quadRowPack(keyPacked(s3) + half, 3, 0, PACKED_ENTRIES);
}

function take(slot: i32): i32 {
  store<u32>(USED + 4 * slot, operation);
  return slot;
}

/** Gives the key decoded last a slot. */
function enter(encoding: usize): i32 {
  const slot = freeSlot();
  unlink(slot);
  memory.copy(ENCODINGS + 32 * slot, encoding, 32);
  link(slot);
  fieldCopy(keyPoint(slot), DECODED_X);
  fieldCopy(keyPoint(slot) + FIELD_BYTES, DECODED_Y);
  store<u8>(USES + slot, 0);
  store<u8>(IS_PACKED + slot, 0);
  return slot;
}
/** The next slot in turn that the running operation has not taken. */
function freeSlot(): i32 {
  for (let tries = 0; tries < SLOTS; tries++) {
    const slot = hand;
    hand = (hand + 1) % SLOTS;
    if (load<u32>(USED + 4 * slot) != operation) return slot;
  }
  assert(false, "one operation takes more keys than there are slots");
  return -1;
}

// @ts-ignore: decorator
@inline function bucket(encoding: usize): usize {
  return HEADS + 2 * (load<u16>(encoding, 1) % BUCKETS);
}

// @ts-ignore: decorator
@inline function head(encoding: usize): i32 {
  return load<u16>(bucket(encoding));
}

function link(slot: i32): void {
  const at = bucket(ENCODINGS + 32 * slot);
  store<u16>(NEXT + 2 * slot, load<u16>(at));
  store<u16>(at, slot + 1);
}

/** Takes the slot out of its bucket; a slot that was never used is in none. */
function unlink(slot: i32): void {
  let at = bucket(ENCODINGS + 32 * slot);
  while (load<u16>(at) != 0 && load<u16>(at) != slot + 1) at = NEXT + 2 * (load<u16>(at) - 1);
  if (load<u16>(at) != 0) store<u16>(at, load<u16>(NEXT + 2 * slot));
}

function sameKey(a: usize, b: usize): bool {
  return v128.all_true<u8>(v128.eq<u8>(v128.load(a), v128.load(b))) && v128.all_true<u8>(v128.eq<u8>(v128.load(a, 16), v128.load(b, 16)));
}
