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
import { POLYNOMIAL_BYTES } from './mlkem-ntt';
import { RANK } from './mlkem-product';

/** Bytes from one entry to the next: a polynomial, and room for candidates that came too many. */
export const ENTRY_BYTES: usize = 544;

/** Bytes of all nine entries, row by row. */
export const MATRIX_BYTES: usize = RANK * RANK * ENTRY_BYTES;

const ENTRIES: usize = RANK * RANK;
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
  const full = to + POLYNOMIAL_BYTES;
  let place = sample(STREAMS, FIRST_BLOCKS * BLOCK_BYTES, to, full);
  while (place < full) {
    besideStep(states);
    spongeSqueeze(stream, PAIR_STRIDE, STREAMS, RATE_168);
    place = sample(STREAMS, BLOCK_BYTES, place, full);
  }
}

function makeTwoEntries(seed: usize, matrix: usize, entry: usize, states: usize): void {
  const to = matrix + entry * ENTRY_BYTES;
  start(states, seed, entry);
  start(secondOf(states), seed, entry + 1);
  for (let block: usize = 0; block < FIRST_BLOCKS; block++) squeezeBoth(states, block * BLOCK_BYTES);
  const firstFull = to + POLYNOMIAL_BYTES, secondFull = firstFull + ENTRY_BYTES;
  let first = sample(STREAMS, FIRST_BLOCKS * BLOCK_BYTES, to, firstFull);
  let second = sample(STREAMS + STREAM_BYTES, FIRST_BLOCKS * BLOCK_BYTES, to + ENTRY_BYTES, secondFull);
  while (first < firstFull || second < secondFull) {
    squeezeBoth(states, 0);
    first = sample(STREAMS, BLOCK_BYTES, first, firstFull);
    second = sample(STREAMS + STREAM_BYTES, BLOCK_BYTES, second, secondFull);
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

/** The next block of both streams; RATE_168 is odd. */
function squeezeBoth(states: usize, offset: usize): void {
  keccakPermutePair(states);
  let first = STREAMS + offset;
  for (const end = first + BLOCK_BYTES - 8; first < end; first += 16, states += 2 * PAIR_STRIDE) {
    const a = v128.load(states), b = v128.load(states, PAIR_STRIDE);
    v128.store(first, v128.shuffle<u64>(a, b, 0, 2));
    v128.store(first, v128.shuffle<u64>(a, b, 1, 3), STREAM_BYTES);
  }
  store<u64>(first, load<u64>(states));
  store<u64>(first, load<u64>(states, 8), STREAM_BYTES);
}

/** Puts the candidates below q of `bytes` bytes at `place`, up to the end of the entry; the place behind the last. */
function sample(stream: usize, bytes: usize, place: usize, full: usize): usize {
  const q = i16x8.splat(Q);
  for (const end = stream + bytes; stream < end && place < full; stream += 24) {
    const a = candidates(stream), b = candidates(stream + 12);
    // One mask of both: V8 makes i16x8.bitmask wait for the swizzle before it.
    const fitting = i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.lt_s(a, q), i16x8.lt_s(b, q)));
    place = putFitting(a, fitting & 255, place);
    place = putFitting(b, fitting >> 8, place);
  }
  return place;
}

// @ts-ignore: decorator
@inline function putFitting(eight: v128, fitting: i32, place: usize): usize {
  v128.store(place, i8x16.swizzle(eight, v128.load(PACKING + 16 * fitting)));
  return place + 2 * popcnt(fitting);
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
