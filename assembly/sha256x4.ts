/**
 * The SHA-256 compression function (FIPS 180-4 section 6.2.2) for four streams at once, one in each 32-bit lane
 * of v128. What flows through here: one or more blocks of each of four messages, transposed into vectors of
 * words, into eight vectors of chaining words. The loop holds four rounds, after which the working variables
 * change places: so little at a time stays in registers. No branch or address depends on the messages.
 */
import { CONSTANTS, INITIAL, loadWords, smallSigma0, smallSigma1 } from './sha256-block';
import { clear } from './memory';

/** The whole schedule of one block: 64 vectors. */
const WORDS: usize = memory.data(1024, 16);
const WORDS_BYTES: usize = 1024;

/** Puts the initial hash value (section 5.3.3) into all four lanes of the eight vectors at `state`. */
export function initialise4(state: usize): void {
  for (let i: usize = 0; i < 8; i++) v128.store(state + 16 * i, v128.load32_splat(INITIAL + 4 * i));
}

/** Puts the initial hash value into one lane. */
export function initialiseLane(state: usize, lane: usize): void {
  for (let i: usize = 0; i < 8; i++) store<u32>(state + 16 * i + 4 * lane, load<u32>(INITIAL + 4 * i));
}

/** Absorbs `blocks` blocks of the messages at `m0` to `m3` into the eight vectors at `state`. */
export function compress4(state: usize, m0: usize, m1: usize, m2: usize, m3: usize, blocks: i32): void {
  for (; blocks > 0; blocks--) {
    transpose(WORDS, m0, m1, m2, m3);
    transpose(WORDS + 64, m0 + 16, m1 + 16, m2 + 16, m3 + 16);
    transpose(WORDS + 128, m0 + 32, m1 + 32, m2 + 32, m3 + 32);
    transpose(WORDS + 192, m0 + 48, m1 + 48, m2 + 48, m3 + 48);
    let a = v128.load(state);
    let b = v128.load(state, 16);
    let c = v128.load(state, 32);
    let d = v128.load(state, 48);
    let e = v128.load(state, 64);
    let f = v128.load(state, 80);
    let g = v128.load(state, 96);
    let h = v128.load(state, 112);
    let words = WORDS;
    let constants = CONSTANTS;
    for (; constants < CONSTANTS + 192; words += 64, constants += 16) {
      const w0 = v128.load(words);
      h = plus(plus(h, plus(w0, v128.load32_splat(constants, 0))), plus(choose(e, f, g), bigSigma1(e)));
      d = plus(d, h);
      h = plus(plus(h, majority(a, b, c)), bigSigma0(a));
      const w1 = v128.load(words, 16);
      const w16 = extended(w0, w1, v128.load(words, 144), v128.load(words, 224));
      v128.store(words, w16, 256);

      g = plus(plus(g, plus(w1, v128.load32_splat(constants, 4))), plus(choose(d, e, f), bigSigma1(d)));
      c = plus(c, g);
      g = plus(plus(g, majority(h, a, b)), bigSigma0(h));
      const w2 = v128.load(words, 32);
      const w17 = extended(w1, w2, v128.load(words, 160), v128.load(words, 240));
      v128.store(words, w17, 272);

      f = plus(plus(f, plus(w2, v128.load32_splat(constants, 8))), plus(choose(c, d, e), bigSigma1(c)));
      b = plus(b, f);
      f = plus(plus(f, majority(g, h, a)), bigSigma0(g));
      const w3 = v128.load(words, 48);
      const w18 = extended(w2, w3, v128.load(words, 176), w16);
      v128.store(words, w18, 288);

      e = plus(plus(e, plus(w3, v128.load32_splat(constants, 12))), plus(choose(b, c, d), bigSigma1(b)));
      a = plus(a, e);
      e = plus(plus(e, majority(f, g, h)), bigSigma0(f));
      const w4 = v128.load(words, 64);
      const w19 = extended(w3, w4, v128.load(words, 192), w17);
      v128.store(words, w19, 304);

      let swap = a;
      a = e;
      e = swap;
      swap = b;
      b = f;
      f = swap;
      swap = c;
      c = g;
      g = swap;
      swap = d;
      d = h;
      h = swap;
    }
    for (; constants < CONSTANTS + 256; words += 64, constants += 16) {
      h = plus(plus(h, plus(v128.load(words), v128.load32_splat(constants, 0))), plus(choose(e, f, g), bigSigma1(e)));
      d = plus(d, h);
      h = plus(plus(h, majority(a, b, c)), bigSigma0(a));
      g = plus(plus(g, plus(v128.load(words, 16), v128.load32_splat(constants, 4))), plus(choose(d, e, f), bigSigma1(d)));
      c = plus(c, g);
      g = plus(plus(g, majority(h, a, b)), bigSigma0(h));
      f = plus(plus(f, plus(v128.load(words, 32), v128.load32_splat(constants, 8))), plus(choose(c, d, e), bigSigma1(c)));
      b = plus(b, f);
      f = plus(plus(f, majority(g, h, a)), bigSigma0(g));
      e = plus(plus(e, plus(v128.load(words, 48), v128.load32_splat(constants, 12))), plus(choose(b, c, d), bigSigma1(b)));
      a = plus(a, e);
      e = plus(plus(e, majority(f, g, h)), bigSigma0(f));

      let swap = a;
      a = e;
      e = swap;
      swap = b;
      b = f;
      f = swap;
      swap = c;
      c = g;
      g = swap;
      swap = d;
      d = h;
      h = swap;
    }
    addTo(state, a);
    addTo(state + 16, b);
    addTo(state + 32, c);
    addTo(state + 48, d);
    addTo(state + 64, e);
    addTo(state + 80, f);
    addTo(state + 96, g);
    addTo(state + 112, h);
    m0 += 64;
    m1 += 64;
    m2 += 64;
    m3 += 64;
  }
}

/** Writes the 32 bytes of one lane's digest. */
export function storeLane(state: usize, lane: usize, digest: usize): void {
  for (let i: usize = 0; i < 8; i++) store<u32>(digest + 4 * i, bswap<u32>(load<u32>(state + 16 * i + 4 * lane)));
}

/** Overwrites the schedule that the last block left behind. */
export function wipeSchedule4(): void {
  clear(WORDS, WORDS_BYTES);
}

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

/** One of its two differences was the other one's in the round before: the compiler computes it once. */
// @ts-ignore: decorator
@inline function majority(a: v128, b: v128, c: v128): v128 {
  return v128.xor(b, v128.and(v128.xor(a, b), v128.xor(b, c)));
}

/** The word sixteen after `w0` (step 1 of section 6.2.2). */
// @ts-ignore: decorator
@inline function extended(w0: v128, w1: v128, w9: v128, w14: v128): v128 {
  return plus(plus(w0, smallSigma0(w1)), plus(w9, smallSigma1(w14)));
}

/** Writes four words of each of the four messages as four vectors, one message a lane. */
// @ts-ignore: decorator
@inline function transpose(words: usize, m0: usize, m1: usize, m2: usize, m3: usize): void {
  const w0 = loadWords(m0);
  const w1 = loadWords(m1);
  const w2 = loadWords(m2);
  const w3 = loadWords(m3);
  const low01 = v128.shuffle<u32>(w0, w1, 0, 4, 1, 5);
  const low23 = v128.shuffle<u32>(w2, w3, 0, 4, 1, 5);
  const high01 = v128.shuffle<u32>(w0, w1, 2, 6, 3, 7);
  const high23 = v128.shuffle<u32>(w2, w3, 2, 6, 3, 7);
  v128.store(words, v128.shuffle<u64>(low01, low23, 0, 2));
  v128.store(words, v128.shuffle<u64>(low01, low23, 1, 3), 16);
  v128.store(words, v128.shuffle<u64>(high01, high23, 0, 2), 32);
  v128.store(words, v128.shuffle<u64>(high01, high23, 1, 3), 48);
}

// @ts-ignore: decorator
@inline function addTo(address: usize, x: v128): void {
  v128.store(address, plus(v128.load(address), x));
}
