/**
 * Ed25519 batch verification under the same rule (ed25519-verify.ts). What flows through here: signatures that
 * passed the checks on bytes are added with a random 128-bit z each; then any range of them is judged by
 * [8](sum(z S) B - sum(z R) - sum over keys of (sum(z k)) A) = 0, one chain of 128 doublings for all. A range with
 * a wrong signature passes with probability 2^-128; the host narrows down to the culprits. All of it is public
 * but z, and z is of no use once the range is judged.
 */
import { CACHED_BYTES, pointLoad } from './edwards25519';
import { DECODED_X, DECODED_Y } from './edwards25519-decode';
import { sumAddCached, sumBegin, sumCompute } from './edwards25519-sum';
import { tableOddCached } from './edwards25519-table';
import { keysBegin } from './ed25519-keys';
import {
  addBaseMultiple, admittedSlot, HEADER_BYTES, HEADER_S, subtractKeyMultiple, takeChallenge, vanishesTimesEight,
} from './ed25519-verify';
import { inputArea } from './memory';
import { scalarMultiplyAdd } from './scalar25519';

/** Most signatures of one batch. */
export const ED25519_BATCH_ITEMS: i32 = 64;

/** Width of the digits of z: four odd multiples of each R. */
const R_WIDTH: i32 = 4;
const R_ENTRIES: i32 = 4;
const R_TABLE_BYTES: i32 = R_ENTRIES * CACHED_BYTES;
const COEFFICIENT_BYTES: i32 = 16;

/** Of each signature: z, S and k, its key's slot and odd multiples of R. */
const COEFFICIENTS: usize = memory.data(2048, 16);
const S_VALUES: usize = memory.data(2048, 16);
const CHALLENGES: usize = memory.data(2048, 16);
const SLOTS: usize = memory.data(256, 16);
const R_TABLES: usize = memory.data(81920, 16);

/** Of the range being judged: the factor of B, and of each different key its slot and factor. */
const BASE_FACTOR: usize = memory.data(32, 16);
const KEY_SLOTS: usize = memory.data(256, 16);
const KEY_FACTORS: usize = memory.data(2048, 16);

let items: i32 = 0;
let keys: i32 = 0;

/** Begins an empty batch. */
export function ed25519BatchStart(): void {
  keysBegin();
  items = 0;
}

/**
 * Ends what `ed25519VerifyStart` began by adding it to the batch, with the 16 random bytes that follow the header
 * in the input area. 0 when the bytes alone show that the signature is bad; then it is not added.
 */
export function ed25519BatchAdd(): i32 {
  assert(items < ED25519_BATCH_ITEMS, "batch is full");
  takeChallenge(CHALLENGES + 32 * items);
  const slot = admittedSlot();
  if (slot < 0) return 0;
  const z = COEFFICIENTS + 32 * items;
  memory.copy(z, inputArea() + HEADER_BYTES, COEFFICIENT_BYTES);
  memory.copy(S_VALUES + 32 * items, HEADER_S, 32);
  store<i32>(SLOTS + 4 * items, slot);
  pointLoad(DECODED_X, DECODED_Y);
  tableOddCached(R_TABLES + items * R_TABLE_BYTES, R_ENTRIES);
  items++;
  return 1;
}

/** 1 when the signatures from `from` up to, not including, `to` are all good. */
export function ed25519BatchCheck(from: i32, to: i32): i32 {
  assert(from >= 0 && from <= to && to <= items, "range outside the batch");
  collectFactors(from, to);
  sumBegin();
  for (let item = from; item < to; item++)
    sumAddCached(COEFFICIENTS + 32 * item, R_TABLES + item * R_TABLE_BYTES, R_WIDTH, 1);
  for (let key = 0; key < keys; key++) subtractKeyMultiple(KEY_FACTORS + 32 * key, load<i32>(KEY_SLOTS + 4 * key));
  addBaseMultiple(BASE_FACTOR);
  sumCompute();
  return i32(vanishesTimesEight());
}

/** Overwrites the coefficients. */
export function ed25519BatchWipe(): void {
  memory.fill(COEFFICIENTS, 0, 2048);
  items = 0;
}

/** Sums z S over the range, and z k over the signatures of each key. */
function collectFactors(from: i32, to: i32): void {
  keys = 0;
  memory.fill(BASE_FACTOR, 0, 32);
  for (let item = from; item < to; item++) {
    const z = COEFFICIENTS + 32 * item;
    const factor = KEY_FACTORS + 32 * keyIndex(load<i32>(SLOTS + 4 * item));
    scalarMultiplyAdd(BASE_FACTOR, z, S_VALUES + 32 * item, BASE_FACTOR);
    scalarMultiplyAdd(factor, z, CHALLENGES + 32 * item, factor);
  }
}

/** The place of a key among those of the range. */
function keyIndex(slot: i32): i32 {
  for (let key = 0; key < keys; key++) if (load<i32>(KEY_SLOTS + 4 * key) == slot) return key;
  store<i32>(KEY_SLOTS + 4 * keys, slot);
  memory.fill(KEY_FACTORS + 32 * keys, 0, 32);
  return keys++;
}
