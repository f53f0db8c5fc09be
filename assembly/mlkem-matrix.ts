/**
 * The public matrix (FIPS 203 section 4.2.2, algorithm 7). What flows through here: the seed ρ and the place of an
 * entry become a stream of SHAKE128, two entries at a time; of each 12 bytes of it the candidates below q are moved
 * together by one table look-up and appended to the entry. Time and addresses depend on ρ, which is public.
 */
import { besideStep, secondOf } from './keccak-beside';
import { keccakPermutePair, PAIR_STRIDE } from './keccak-pair';
import { RATE_168, SHAKE, spongeAbsorb, spongeClear, spongePad, spongeSqueeze } from './keccak-sponge';
import { candidates } from './mlkem-bytes';
import { Q } from './mlkem-field';
import { RANK } from './mlkem-product';

/** Bytes from one entry to the next: a polynomial, and room for candidates that came too many. */
export const ENTRY_BYTES: usize = 528;

/** Bytes of all nine entries, row by row. */
export const MATRIX_BYTES: usize = RANK * RANK * ENTRY_BYTES;

const ENTRIES: usize = RANK * RANK;
const COEFFICIENTS: i32 = 256;
const BLOCK_BYTES: usize = 8 * RATE_168;
/** Three blocks hold 336 candidates, of which 273 are below q on average. */
const FIRST_BLOCKS: usize = 3;
const STREAM_BYTES: usize = 512;

/** What two streams gave, with room to read a whole vector at their end. */
const STREAMS: usize = memory.data(1024, 16);

/** For each set of lanes the bytes of those lanes, moved to the front. */
const PACKING: usize = memory.data(4096, 16);
let ready: bool = false;

let transposed: bool = false;

/**
 * Makes the matrix of the 32-byte seed, or its transpose. The first `alone` entries are made one by one, each with
 * three steps of the hash beside it; their number is odd.
 */
export function makeMatrix(seed: usize, matrix: usize, transpose: bool, alone: usize, states: usize): void {
  preparePacking();
  transposed = transpose;
  let entry: usize = 0;
  for (; entry < alone; entry++) makeEntry(seed, matrix, entry, states);
  for (; entry < ENTRIES; entry += 2) makeTwoEntries(seed, matrix, entry, states);
}

/** Overwrites what the streams gave. */
export function wipeStreams(): void {
  memory.fill(STREAMS, 0, 1024);
}

function makeEntry(seed: usize, matrix: usize, entry: usize, states: usize): void {
  const stream = secondOf(states);
  const to = matrix + entry * ENTRY_BYTES;
  start(stream, seed, entry);
  for (let block: usize = 0; block < FIRST_BLOCKS; block++) {
    besideStep(states);
    spongeSqueeze(stream, PAIR_STRIDE, STREAMS + block * BLOCK_BYTES, RATE_168);
  }
  let count = sample(STREAMS, FIRST_BLOCKS * BLOCK_BYTES, to, 0);
  while (count < COEFFICIENTS) {
    besideStep(states);
    spongeSqueeze(stream, PAIR_STRIDE, STREAMS, RATE_168);
    count = sample(STREAMS, BLOCK_BYTES, to, count);
  }
}

function makeTwoEntries(seed: usize, matrix: usize, entry: usize, states: usize): void {
  const to = matrix + entry * ENTRY_BYTES;
  start(states, seed, entry);
  start(secondOf(states), seed, entry + 1);
  for (let block: usize = 0; block < FIRST_BLOCKS; block++) squeezeBoth(states, block * BLOCK_BYTES);
  let first = sample(STREAMS, FIRST_BLOCKS * BLOCK_BYTES, to, 0);
  let second = sample(STREAMS + STREAM_BYTES, FIRST_BLOCKS * BLOCK_BYTES, to + ENTRY_BYTES, 0);
  while (first < COEFFICIENTS || second < COEFFICIENTS) {
    squeezeBoth(states, 0);
    first = sample(STREAMS, BLOCK_BYTES, to, first);
    second = sample(STREAMS + STREAM_BYTES, BLOCK_BYTES, to + ENTRY_BYTES, second);
  }
}

/** Absorbs ρ, column and row of the entry. */
function start(stream: usize, seed: usize, entry: usize): void {
  const major = entry / RANK;
  const minor = entry - major * RANK;
  const row = transposed ? minor : major;
  const column = transposed ? major : minor;
  spongeClear(stream, PAIR_STRIDE);
  spongeAbsorb(stream, PAIR_STRIDE, seed, 4);
  spongePad(stream, PAIR_STRIDE, 4, <u64>(column | (row << 8)) | (SHAKE << 16), RATE_168);
}

function squeezeBoth(states: usize, offset: usize): void {
  keccakPermutePair(states);
  spongeSqueeze(states, PAIR_STRIDE, STREAMS + offset, RATE_168);
  spongeSqueeze(secondOf(states), PAIR_STRIDE, STREAMS + STREAM_BYTES + offset, RATE_168);
}

/** Appends the candidates below q of `bytes` bytes to the entry that has `count` coefficients; their number then. */
function sample(stream: usize, bytes: usize, entry: usize, count: i32): i32 {
  for (const end = stream + bytes; stream < end && count < COEFFICIENTS; stream += 12) {
    const eight = candidates(stream);
    const fitting = i16x8.bitmask(i16x8.lt_s(eight, i16x8.splat(Q)));
    v128.store(entry + 2 * count, i8x16.swizzle(eight, v128.load(PACKING + 16 * fitting)));
    count += popcnt(fitting);
  }
  return count;
}

function preparePacking(): void {
  if (ready) return;
  for (let lanes = 0; lanes < 256; lanes++) {
    let place = PACKING + 16 * lanes;
    for (let lane = 0; lane < 8; lane++) {
      store<u16>(place, <u16>(0x0100 + 0x0202 * lane));
      place += 2 * ((lanes >> lane) & 1);
    }
  }
  ready = true;
}
