/**
 * Expanded keys of AES-256-GCM, each in a numbered slot: the AES round keys and the tables of its hash key. What
 * flows through here: 32 key bytes become a slot that any number of messages share; releasing a slot wipes it.
 */
import { finishBlocks } from './aes';
import { startCounters } from './aes-counter';
import { expandKey, SCHEDULE_BYTES } from './aes-schedule';
import { makeTables, TABLES_BYTES } from './ghash-tables';
import { clear } from './memory';

/** Keys that can stand ready at once. */
export const KEY_SLOTS: i32 = 64;

const SLOT_BYTES: i32 = SCHEDULE_BYTES + TABLES_BYTES;
const SLOTS: usize = memory.data(KEY_SLOTS * SLOT_BYTES, 16);
/** The cipher may write three blocks more than it is given. */
const HASH_KEY: usize = memory.data(4 * 16, 16);

/** Address of the AES round keys of a slot. */
export function slotSchedule(slot: i32): usize {
  assert(slot >= 0 && slot < KEY_SLOTS, "no such key slot");
  return SLOTS + slot * SLOT_BYTES;
}

/** Address of the GHASH tables of a slot. */
export function slotTables(slot: i32): usize {
  return slotSchedule(slot) + SCHEDULE_BYTES;
}

/** Fills a slot from the 32 bytes at `key`. The hash key is the block of zeros, encrypted. */
export function fillSlot(slot: i32, key: usize): void {
  expandKey(key, slotSchedule(slot));
  startCounters(slotSchedule(slot), HASH_KEY, i8x16.splat(0), 0, 1);
  finishBlocks(slotSchedule(slot), HASH_KEY, 1);
  makeTables(v128.load(HASH_KEY), slotTables(slot));
  clear(HASH_KEY, 64);
}

export function wipeSlot(slot: i32): void {
  memory.fill(slotSchedule(slot), 0, SLOT_BYTES);
}
