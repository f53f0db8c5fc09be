/**
 * Ed25519 batch verification under the same rule (ed25519-verify.ts). What flows through here: signatures that
 * passed the checks on bytes are added with a random 128-bit z each. Then a range of them is judged by
 * [8](sum(z S) B - sum(z R) - sum over keys of (sum(z k)) A) = 0, in four quarters at once that share their chain of
 * 128 doublings. A quarter that fails is summed up again with z, 2z, 3z, …: if that sum is n times the first one,
 * the n-th signature is the only culprit; if it is no such multiple there are several, and the quarter is judged in
 * quarters again. Either judgement is wrong with probability below 2^-120. All of it is public but z, and z is of no use once
 * the batch is judged.
 */
import { BASE_ENTRIES, BASE_WIDTH, baseOddPacked } from './edwards25519-base-odd';
import { PACKED_BYTES } from './edwards25519x4';
import { quadPointDecode } from './edwards25519x4-decode';
import {
  sumsAdd, sumsBegin, sumsCompute, sumsFindMultiples, sumsMultiple, sumsSave, sumsVanish,
} from './edwards25519x4-sum';
import { quadRowAppendOdd, quadRowBegin, quadRowPack, quadRowToAffine } from './edwards25519x4-table';
import { keyPacked, keysBegin, PACKED_ENTRIES, PACKED_WIDTH, packKeys } from './ed25519-keys';
import { admittedSlot, HEADER_BYTES, HEADER_R, HEADER_S, takeChallenge } from './ed25519-verify';
import { inputArea, outputArea } from './memory';
import { scalarMultiplyAdd } from './scalar25519';

/** Most signatures of one batch. */
export const ED25519_BATCH_ITEMS: i32 = 64;

const QUARTERS: i32 = 4;
const ALL_QUARTERS: i32 = 15;
/** Width of the digits of z: four odd multiples of each R. */
const R_WIDTH: i32 = 4;
const R_ENTRIES: i32 = 4;
const R_TABLE_BYTES: i32 = R_ENTRIES * PACKED_BYTES;
const COEFFICIENT_BYTES: i32 = 16;

/** Of each signature: z, S and k, its key's slot, R and its odd multiples. */
const COEFFICIENTS: usize = memory.data(2048, 16);
/** Multiples of z. */
const WEIGHTED: usize = memory.data(2048, 16);
const S_VALUES: usize = memory.data(2048, 16);
const CHALLENGES: usize = memory.data(2048, 16);
const SLOTS: usize = memory.data(256, 16);
const R_ENCODINGS: usize = memory.data(2048, 16);
const R_TABLES: usize = memory.data(32768, 64);

/** Of the quarter being collected: the factor of B, and of each different key its slot and factor. */
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
  memory.copy(COEFFICIENTS + 32 * items, inputArea() + HEADER_BYTES, COEFFICIENT_BYTES);
  memory.copy(S_VALUES + 32 * items, HEADER_S, 32);
  store<i32>(SLOTS + 4 * items, slot);
  memory.copy(R_ENCODINGS + 32 * items, HEADER_R, 32);
  items++;
  return 1;
}

/** Judges the batch: for every signature, in the order added, a byte in the output area, 1 when it is good. */
export function ed25519BatchFinish(): void {
  memory.fill(outputArea(), 1, items);
  if (items > 0) {
    packKeys(SLOTS, items);
    makeTables();
    judge(0, items);
  }
  memory.fill(COEFFICIENTS, 0, 2048);
  memory.fill(WEIGHTED, 0, 2048);
  items = 0;
}

/** Decodes all R and makes their odd multiples, four of them side by side, with one inversion. */
function makeTables(): void {
  quadRowBegin();
  for (let first = 0; first < items; first += QUARTERS) {
    const decoded = quadPointDecode(R_ENCODINGS + 32 * first);
    for (let lane = 0; lane < QUARTERS; lane++)
      if ((decoded & (1 << lane)) == 0) refuse(first + lane);
    quadRowAppendOdd(R_ENTRIES);
  }
  quadRowToAffine();
  for (let item = 0; item < items; item++)
    quadRowPack(R_TABLES + item * R_TABLE_BYTES, item & 3, (item >> 2) * R_ENTRIES, R_ENTRIES);
}

/** Gives the verdict, and takes the signature from sums to come by z = 0. Lanes beyond the last item are none. */
function refuse(item: i32): void {
  if (item >= items) return;
  store<u8>(outputArea() + item, 0);
  memory.fill(COEFFICIENTS + 32 * item, 0, 32);
}

/** Judges the signatures from `from` up to, not including, `to`: a quarter of them in each lane. */
function judge(from: i32, to: i32): void {
  const length = (to - from + QUARTERS - 1) / QUARTERS;
  sumQuarters(from, to, length, ALL_QUARTERS, COEFFICIENTS);
  const failed = sumsThatFail();
  if (failed == 0) return;
  const unclear = length == 1 ? refuseEach(from, failed) : refuseSingle(from, to, length, failed);
  for (let quarter = 0; quarter < QUARTERS; quarter++)
    if ((unclear & (1 << quarter)) != 0) judge(from + quarter * length, min(from + (quarter + 1) * length, to));
}

/** Refuses the one signature of each quarter that failed. */
function refuseEach(from: i32, failed: i32): i32 {
  for (let quarter = 0; quarter < QUARTERS; quarter++)
    if ((failed & (1 << quarter)) != 0) refuse(from + quarter);
  return 0;
}

/** Refuses the culprit of each quarter that failed by one alone, and returns the quarters with several. */
function refuseSingle(from: i32, to: i32, length: i32, failed: i32): i32 {
  sumsSave();
  for (let item = from; item < to; item++) weigh(item, (item - from) % length + 1);
  sumQuarters(from, to, length, failed, WEIGHTED);
  sumsFindMultiples(failed, length);
  let unclear = 0;
  for (let quarter = 0; quarter < QUARTERS; quarter++) {
    if ((failed & (1 << quarter)) == 0) continue;
    const number = sumsMultiple(quarter);
    if (number == 0) unclear |= 1 << quarter;
    else refuse(from + quarter * length + number - 1);
  }
  return unclear;
}

/** Writes `weight` times the z of an item. */
function weigh(item: i32, weight: u64): void {
  let carry: u64 = 0;
  for (let at = 32 * item; at < 32 * item + 32; at += 4) {
    const word = weight * load<u32>(COEFFICIENTS + at) + carry;
    store<u32>(WEIGHTED + at, <u32>word);
    carry = word >> 32;
  }
}

/** Sums up the quarters whose bits are set, with the given coefficients. */
function sumQuarters(from: i32, to: i32, length: i32, quarters: i32, coefficients: usize): void {
  sumsBegin();
  for (let quarter = 0; quarter < QUARTERS; quarter++) {
    const first = min(from + quarter * length, to), last = min(first + length, to);
    if ((quarters & (1 << quarter)) != 0 && first < last) collect(quarter, first, last, coefficients);
  }
  sumsCompute();
}

/** Adds what the signatures of one quarter bring to its sum. */
function collect(quarter: i32, from: i32, to: i32, coefficients: usize): void {
  collectFactors(from, to, coefficients);
  for (let item = from; item < to; item++)
    sumsAdd(quarter, coefficients + 32 * item, R_TABLES + item * R_TABLE_BYTES, 0, R_WIDTH, 1);
  for (let key = 0; key < keys; key++) {
    const table = keyPacked(load<i32>(KEY_SLOTS + 4 * key));
    sumsAdd(quarter, KEY_FACTORS + 32 * key, table, PACKED_ENTRIES * PACKED_BYTES, PACKED_WIDTH, 1);
  }
  sumsAdd(quarter, BASE_FACTOR, baseOddPacked(), BASE_ENTRIES * PACKED_BYTES, BASE_WIDTH, 0);
}

/** One bit for each quarter whose sum, times eight, is not the identity. */
function sumsThatFail(): i32 {
  let failed = 0;
  for (let quarter = 0; quarter < QUARTERS; quarter++) failed |= i32(!sumsVanish(quarter)) << quarter;
  return failed;
}

/** Sums z S over the range, and z k over the signatures of each key. */
function collectFactors(from: i32, to: i32, coefficients: usize): void {
  keys = 0;
  memory.fill(BASE_FACTOR, 0, 32);
  for (let item = from; item < to; item++) {
    const z = coefficients + 32 * item;
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
