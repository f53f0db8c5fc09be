/**
 * The SHA-256 compression function (FIPS 180-4 section 6.2.2) for four streams at once, one in each 32-bit lane
 * of v128. What flows through here: one or more blocks of each of four messages, transposed into vectors of
 * words, into eight vectors of chaining words. The loop holds four rounds, after which the working variables
 * change places: so little at a time stays in registers. Each round leaves its result in PINNED, which nobody reads:
 * a compiler that puts work off until it is needed would else put off half of each round until after the fourth,
 * and keep all that it needs in memory meanwhile. A block that is all padding comes as a schedule made before. No
 * branch or address depends on the messages.
 */
import { CONSTANTS, INITIAL, loadWords, smallSigma0, smallSigma1 } from './sha256-block';
import { clear } from './memory';

/** The whole schedule of one block: 64 vectors. */
const WORDS: usize = memory.data(1024, 16);
const WORDS_BYTES: usize = 1024;
const PINNED: usize = memory.data(64, 16);

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
      const w0 = v128.load(words, 0), w1 = v128.load(words, 16);
      const w16 = extended(w0, w1, v128.load(words, 144), v128.load(words, 224));
      v128.store(words, w16, 256);
      h = plus(plus(plus(h, plus(w0, v128.load32_splat(constants, 0))), choose(e, f, g)), bigSigma1(e));
      d = plus(d, h);
      h = plus(plus(h, majority(a, b, c)), bigSigma0(a));
      v128.store(PINNED, h, 0);

      const w2 = v128.load(words, 32);
      const w17 = extended(w1, w2, v128.load(words, 160), v128.load(words, 240));
      v128.store(words, w17, 272);
      g = plus(plus(plus(g, plus(w1, v128.load32_splat(constants, 4))), choose(d, e, f)), bigSigma1(d));
      c = plus(c, g);
      g = plus(plus(g, majority(h, a, b)), bigSigma0(h));
      v128.store(PINNED, g, 16);

      const w3 = v128.load(words, 48);
      v128.store(words, extended(w2, w3, v128.load(words, 176), w16), 288);
      f = plus(plus(plus(f, plus(w2, v128.load32_splat(constants, 8))), choose(c, d, e)), bigSigma1(c));
      b = plus(b, f);
      f = plus(plus(f, majority(g, h, a)), bigSigma0(g));
      v128.store(PINNED, f, 32);

      v128.store(words, extended(w3, v128.load(words, 64), v128.load(words, 192), w17), 304);
      e = plus(plus(plus(e, plus(w3, v128.load32_splat(constants, 12))), choose(b, c, d)), bigSigma1(b));
      a = plus(a, e);
      e = plus(plus(e, majority(f, g, h)), bigSigma0(f));
      v128.store(PINNED, e, 48);

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
      h = plus(plus(plus(h, plus(v128.load(words, 0), v128.load32_splat(constants, 0))), choose(e, f, g)), bigSigma1(e));
      d = plus(d, h);
      h = plus(plus(h, majority(a, b, c)), bigSigma0(a));
      v128.store(PINNED, h, 0);
      g = plus(plus(plus(g, plus(v128.load(words, 16), v128.load32_splat(constants, 4))), choose(d, e, f)), bigSigma1(d));
      c = plus(c, g);
      g = plus(plus(g, majority(h, a, b)), bigSigma0(h));
      v128.store(PINNED, g, 16);
      f = plus(plus(plus(f, plus(v128.load(words, 32), v128.load32_splat(constants, 8))), choose(c, d, e)), bigSigma1(c));
      b = plus(b, f);
      f = plus(plus(f, majority(g, h, a)), bigSigma0(g));
      v128.store(PINNED, f, 32);
      e = plus(plus(plus(e, plus(v128.load(words, 48), v128.load32_splat(constants, 12))), choose(b, c, d)), bigSigma1(b));
      a = plus(a, e);
      e = plus(plus(e, majority(f, g, h)), bigSigma0(f));
      v128.store(PINNED, e, 48);

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

/** Absorbs one block, the same for all four, of which the 64 words at `schedule` are the schedule with its constants. */
export function compress4Known(state: usize, schedule: usize): void {
  let a = v128.load(state);
  let b = v128.load(state, 16);
  let c = v128.load(state, 32);
  let d = v128.load(state, 48);
  let e = v128.load(state, 64);
  let f = v128.load(state, 80);
  let g = v128.load(state, 96);
  let h = v128.load(state, 112);
  for (const end = schedule + 256; schedule < end; schedule += 16) {
    h = plus(plus(plus(h, v128.load32_splat(schedule, 0)), choose(e, f, g)), bigSigma1(e));
    d = plus(d, h);
    h = plus(plus(h, majority(a, b, c)), bigSigma0(a));
    v128.store(PINNED, h, 0);
    g = plus(plus(plus(g, v128.load32_splat(schedule, 4)), choose(d, e, f)), bigSigma1(d));
    c = plus(c, g);
    g = plus(plus(g, majority(h, a, b)), bigSigma0(h));
    v128.store(PINNED, g, 16);
    f = plus(plus(plus(f, v128.load32_splat(schedule, 8)), choose(c, d, e)), bigSigma1(c));
    b = plus(b, f);
    f = plus(plus(f, majority(g, h, a)), bigSigma0(g));
    v128.store(PINNED, f, 32);
    e = plus(plus(plus(e, v128.load32_splat(schedule, 12)), choose(b, c, d)), bigSigma1(b));
    a = plus(a, e);
    e = plus(plus(e, majority(f, g, h)), bigSigma0(f));
    v128.store(PINNED, e, 48);

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
}

/** Writes the schedule of `block` with its constants for {@link compress4Known}; for blocks that are public. */
export function scheduleKnown(block: usize, schedule: usize): void {
  for (let i: usize = 0; i < 64; i += 4) store<u32>(schedule + i, bswap<u32>(load<u32>(block + i)));
  for (let at = schedule; at < schedule + 192; at += 4) {
    const w1 = load<u32>(at, 4), w14 = load<u32>(at, 56);
    const sigma0 = rotr<u32>(w1, 7) ^ rotr<u32>(w1, 18) ^ (w1 >>> 3);
    const sigma1 = rotr<u32>(w14, 17) ^ rotr<u32>(w14, 19) ^ (w14 >>> 10);
    store<u32>(at, load<u32>(at) + sigma0 + load<u32>(at, 36) + sigma1, 64);
  }
  for (let i: usize = 0; i < 256; i += 4) store<u32>(schedule + i, load<u32>(schedule + i) + load<u32>(CONSTANTS + i));
}

/** Writes the 32 bytes of one lane's digest. */
export function storeLane(state: usize, lane: usize, digest: usize): void {
  for (let i: usize = 0; i < 8; i++) store<u32>(digest + 4 * i, bswap<u32>(load<u32>(state + 16 * i + 4 * lane)));
}

/** Writes the digests of all four lanes, 32 bytes each, one after the other. */
export function storeLanes(state: usize, digests: usize): void {
  transpose(state, state, state + 16, state + 32, state + 48);
  transpose(state + 64, state + 64, state + 80, state + 96, state + 112);
  for (let lane: usize = 0; lane < 64; lane += 16, digests += 32) {
    v128.store(digests, v128.load(state + lane));
    v128.store(digests, v128.load(state + lane, 64), 16);
  }
}

/** Overwrites the schedule that the last block left behind. */
export function wipeSchedule4(): void {
  clear(WORDS, WORDS_BYTES);
  clear(PINNED, 64);
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
