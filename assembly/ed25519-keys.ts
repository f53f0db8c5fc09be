/**
 * Public keys that were checked and prepared. What flows through here: 32 bytes are looked up; a key not seen yet
 * is decoded, refused if it is of small order, and gets odd multiples of A and of 2^128 A, which halve the
 * doublings of every verification. Slots are reused in turn, except those the running operation has taken.
 */
import { AFFINE_BYTES, pointDoubleTimes, pointIsIdentity, pointLoad } from './edwards25519';
import { DECODED_X, DECODED_Y, pointDecode } from './edwards25519-decode';
import { tableOddAffine } from './edwards25519-table';

/** Width of the digits that go with the tables. */
export const KEY_WIDTH: i32 = 5;
/** Odd multiples of A, followed by as many of 2^128 A. */
export const KEY_ENTRIES: i32 = 8;

const SLOTS: i32 = 320;
const BUCKETS: i32 = 512;
const TABLE_BYTES: i32 = 2 * KEY_ENTRIES * AFFINE_BYTES;

const ENCODINGS: usize = memory.data(10240, 16);
const TABLES: usize = memory.data(737280, 16);
/** For every slot the operation that used it last, and the next slot of its bucket, counted from 1. */
const USED: usize = memory.data(1280, 16);
const NEXT: usize = memory.data(640, 16);
const HEADS: usize = memory.data(1024, 16);

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
  return take(prepare(encoding));
}

/** The tables of the key in `slot`. */
export function keyTable(slot: i32): usize {
  return TABLES + slot * TABLE_BYTES;
}

function take(slot: i32): i32 {
  store<u32>(USED + 4 * slot, operation);
  return slot;
}

/** Gives the key decoded last a slot and makes its tables. */
function prepare(encoding: usize): i32 {
  const slot = freeSlot();
  unlink(slot);
  memory.copy(ENCODINGS + 32 * slot, encoding, 32);
  link(slot);
  const table = keyTable(slot);
  pointLoad(DECODED_X, DECODED_Y);
  tableOddAffine(table, KEY_ENTRIES);
  pointLoad(DECODED_X, DECODED_Y);
  pointDoubleTimes(128);
  tableOddAffine(table + KEY_ENTRIES * AFFINE_BYTES, KEY_ENTRIES);
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
