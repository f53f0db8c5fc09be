/**
 * The SHA-256 compression function (FIPS 180-4 section 6.2.2) for four streams at once, one in each 32-bit lane
 * of v128. What flows through here: one or more blocks of each of four messages, transposed into sixteen
 * vectors of words, into eight vectors of chaining words. No branch or address depends on the messages.
 */
import { CONSTANTS, INITIAL, loadWords, smallSigma0, smallSigma1 } from './sha256-block';

/** Sixteen vectors of schedule, a ring. */
const WORDS: usize = memory.data(256, 16);
/** The eight working variables between two runs of sixteen rounds. */
const WORKING: usize = memory.data(128, 16);

// @ts-ignore: decorator
@inline function plus(x: v128, y: v128): v128 {
  return v128.add<u32>(x, y);
}

// @ts-ignore: decorator
@inline function rotated(x: v128, right: i32): v128 {
  return v128.xor(v128.shr<u32>(x, right), v128.shl<u32>(x, 32 - right));
}

// @ts-ignore: decorator
@inline function bigSigma0(x: v128): v128 {
  return v128.xor(v128.xor(rotated(x, 2), rotated(x, 13)), rotated(x, 22));
}

// @ts-ignore: decorator
@inline function bigSigma1(x: v128): v128 {
  return v128.xor(v128.xor(rotated(x, 6), rotated(x, 11)), rotated(x, 25));
}

// @ts-ignore: decorator
@inline function choose(e: v128, f: v128, g: v128): v128 {
  return v128.bitselect(f, g, e);
}

// @ts-ignore: decorator
@inline function majority(a: v128, b: v128, c: v128): v128 {
  return v128.or(v128.and(a, b), v128.and(c, v128.or(a, b)));
}

/** Word `i` of the schedule with its constant added, in every lane. */
// @ts-ignore: decorator
@inline function word(constants: usize, i: usize): v128 {
  return plus(v128.load(WORDS + 16 * i), v128.load32_splat(constants + 4 * i));
}

/** Replaces word `i` of the ring by the one sixteen later (step 1 of section 6.2.2). */
// @ts-ignore: decorator
@inline function extendWord(i: usize): void {
  const near = plus(v128.load(WORDS + 16 * i), smallSigma0(v128.load(WORDS + 16 * ((i + 1) & 15))));
  const far = plus(v128.load(WORDS + 16 * ((i + 9) & 15)), smallSigma1(v128.load(WORDS + 16 * ((i + 14) & 15))));
  v128.store(WORDS + 16 * i, plus(near, far));
}

/** Sixteen rounds; with `extend`, which the compiler knows, also the schedule of the next sixteen. */
// @ts-ignore: decorator
@inline function sixteenRounds(constants: usize, extend: bool): void {
  let a = v128.load(WORKING, 0);
  let b = v128.load(WORKING, 16);
  let c = v128.load(WORKING, 32);
  let d = v128.load(WORKING, 48);
  let e = v128.load(WORKING, 64);
  let f = v128.load(WORKING, 80);
  let g = v128.load(WORKING, 96);
  let h = v128.load(WORKING, 112);

  h = plus(plus(h, word(constants, 0)), plus(choose(e, f, g), bigSigma1(e)));
  d = plus(d, h);
  h = plus(plus(h, majority(a, b, c)), bigSigma0(a));
  if (extend) extendWord(0);
  g = plus(plus(g, word(constants, 1)), plus(choose(d, e, f), bigSigma1(d)));
  c = plus(c, g);
  g = plus(plus(g, majority(h, a, b)), bigSigma0(h));
  if (extend) extendWord(1);
  f = plus(plus(f, word(constants, 2)), plus(choose(c, d, e), bigSigma1(c)));
  b = plus(b, f);
  f = plus(plus(f, majority(g, h, a)), bigSigma0(g));
  if (extend) extendWord(2);
  e = plus(plus(e, word(constants, 3)), plus(choose(b, c, d), bigSigma1(b)));
  a = plus(a, e);
  e = plus(plus(e, majority(f, g, h)), bigSigma0(f));
  if (extend) extendWord(3);
  d = plus(plus(d, word(constants, 4)), plus(choose(a, b, c), bigSigma1(a)));
  h = plus(h, d);
  d = plus(plus(d, majority(e, f, g)), bigSigma0(e));
  if (extend) extendWord(4);
  c = plus(plus(c, word(constants, 5)), plus(choose(h, a, b), bigSigma1(h)));
  g = plus(g, c);
  c = plus(plus(c, majority(d, e, f)), bigSigma0(d));
  if (extend) extendWord(5);
  b = plus(plus(b, word(constants, 6)), plus(choose(g, h, a), bigSigma1(g)));
  f = plus(f, b);
  b = plus(plus(b, majority(c, d, e)), bigSigma0(c));
  if (extend) extendWord(6);
  a = plus(plus(a, word(constants, 7)), plus(choose(f, g, h), bigSigma1(f)));
  e = plus(e, a);
  a = plus(plus(a, majority(b, c, d)), bigSigma0(b));
  if (extend) extendWord(7);
  h = plus(plus(h, word(constants, 8)), plus(choose(e, f, g), bigSigma1(e)));
  d = plus(d, h);
  h = plus(plus(h, majority(a, b, c)), bigSigma0(a));
  if (extend) extendWord(8);
  g = plus(plus(g, word(constants, 9)), plus(choose(d, e, f), bigSigma1(d)));
  c = plus(c, g);
  g = plus(plus(g, majority(h, a, b)), bigSigma0(h));
  if (extend) extendWord(9);
  f = plus(plus(f, word(constants, 10)), plus(choose(c, d, e), bigSigma1(c)));
  b = plus(b, f);
  f = plus(plus(f, majority(g, h, a)), bigSigma0(g));
  if (extend) extendWord(10);
  e = plus(plus(e, word(constants, 11)), plus(choose(b, c, d), bigSigma1(b)));
  a = plus(a, e);
  e = plus(plus(e, majority(f, g, h)), bigSigma0(f));
  if (extend) extendWord(11);
  d = plus(plus(d, word(constants, 12)), plus(choose(a, b, c), bigSigma1(a)));
  h = plus(h, d);
  d = plus(plus(d, majority(e, f, g)), bigSigma0(e));
  if (extend) extendWord(12);
  c = plus(plus(c, word(constants, 13)), plus(choose(h, a, b), bigSigma1(h)));
  g = plus(g, c);
  c = plus(plus(c, majority(d, e, f)), bigSigma0(d));
  if (extend) extendWord(13);
  b = plus(plus(b, word(constants, 14)), plus(choose(g, h, a), bigSigma1(g)));
  f = plus(f, b);
  b = plus(plus(b, majority(c, d, e)), bigSigma0(c));
  if (extend) extendWord(14);
  a = plus(plus(a, word(constants, 15)), plus(choose(f, g, h), bigSigma1(f)));
  e = plus(e, a);
  a = plus(plus(a, majority(b, c, d)), bigSigma0(b));
  if (extend) extendWord(15);
  v128.store(WORKING, a, 0);
  v128.store(WORKING, b, 16);
  v128.store(WORKING, c, 32);
  v128.store(WORKING, d, 48);
  v128.store(WORKING, e, 64);
  v128.store(WORKING, f, 80);
  v128.store(WORKING, g, 96);
  v128.store(WORKING, h, 112);
}

/** Words 4q to 4q+3 of the four messages, one message a lane. */
// @ts-ignore: decorator
@inline function transpose(q: usize, m0: usize, m1: usize, m2: usize, m3: usize): void {
  const w0 = loadWords(m0 + 16 * q);
  const w1 = loadWords(m1 + 16 * q);
  const w2 = loadWords(m2 + 16 * q);
  const w3 = loadWords(m3 + 16 * q);
  const low01 = v128.shuffle<u32>(w0, w1, 0, 4, 1, 5);
  const low23 = v128.shuffle<u32>(w2, w3, 0, 4, 1, 5);
  const high01 = v128.shuffle<u32>(w0, w1, 2, 6, 3, 7);
  const high23 = v128.shuffle<u32>(w2, w3, 2, 6, 3, 7);
  v128.store(WORDS + 64 * q, v128.shuffle<u64>(low01, low23, 0, 2));
  v128.store(WORDS + 64 * q, v128.shuffle<u64>(low01, low23, 1, 3), 16);
  v128.store(WORDS + 64 * q, v128.shuffle<u64>(high01, high23, 0, 2), 32);
  v128.store(WORDS + 64 * q, v128.shuffle<u64>(high01, high23, 1, 3), 48);
}

/** Absorbs `blocks` blocks of the messages at `m0` to `m3` into the eight vectors at `state`. */
export function compress4(state: usize, m0: usize, m1: usize, m2: usize, m3: usize, blocks: i32): void {
  for (; blocks > 0; blocks--) {
    transpose(0, m0, m1, m2, m3);
    transpose(1, m0, m1, m2, m3);
    transpose(2, m0, m1, m2, m3);
    transpose(3, m0, m1, m2, m3);
    memory.copy(WORKING, state, 128);
    for (let constants = CONSTANTS; constants < CONSTANTS + 192; constants += 64) sixteenRounds(constants, true);
    sixteenRounds(CONSTANTS + 192, false);
    for (let i: usize = 0; i < 128; i += 16) {
      v128.store(state + i, plus(v128.load(state + i), v128.load(WORKING + i)));
    }
    m0 += 64;
    m1 += 64;
    m2 += 64;
    m3 += 64;
  }
}

/** Puts the initial hash value (section 5.3.3) into all four lanes of the eight vectors at `state`. */
export function initialise4(state: usize): void {
  for (let lane = 0; lane < 4; lane++) initialiseLane(state, lane);
}

/** Puts the initial hash value into one lane. */
export function initialiseLane(state: usize, lane: usize): void {
  for (let i: usize = 0; i < 8; i++) store<u32>(state + 16 * i + 4 * lane, load<u32>(INITIAL + 4 * i));
}

/** Writes the 32 bytes of one lane's digest. */
export function storeLane(state: usize, lane: usize, digest: usize): void {
  for (let i: usize = 0; i < 8; i++) store<u32>(digest + 4 * i, bswap<u32>(load<u32>(state + 16 * i + 4 * lane)));
}

/** Overwrites the schedule and the working variables that the last block left behind. */
export function wipeSchedule4(): void {
  memory.fill(WORDS, 0, 256);
  memory.fill(WORKING, 0, 128);
}
