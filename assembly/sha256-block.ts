/**
 * The SHA-256 compression function (FIPS 180-4 section 6.2.2) for one stream. What flows through here: whole
 * blocks of 64 bytes from anywhere in memory into eight chaining words. The rounds run in scalar locals; the
 * message schedule runs four words at a time in v128, sixteen rounds ahead, so that the processor does both at
 * once. The loop holds four rounds, after which the working variables change places: with more, the compiler
 * moves the schedule behind the rounds. No branch or address depends on the message.
 */
import { clear } from './memory';


/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (section 4.2.2). */
export const CONSTANTS: usize = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
], 16);

/** The initial hash value (section 5.3.3). */
export const INITIAL: usize = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
], 16);

/** Four words of schedule with their constants added, as the next four rounds read them. */
const WORDS: usize = memory.data(16, 16);

// @ts-ignore: decorator
@inline function bigSigma0(x: u32): u32 {
  return rotr<u32>(x, 2) ^ rotr<u32>(x, 13) ^ rotr<u32>(x, 22);
}

// @ts-ignore: decorator
@inline function bigSigma1(x: u32): u32 {
  return rotr<u32>(x, 6) ^ rotr<u32>(x, 11) ^ rotr<u32>(x, 25);
}

// @ts-ignore: decorator
@inline function choose(e: u32, f: u32, g: u32): u32 {
  return g ^ (e & (f ^ g));
}

// @ts-ignore: decorator
@inline function majority(a: u32, b: u32, c: u32): u32 {
  return b ^ ((a ^ b) & (b ^ c));
}

/** σ0 of four words. */
// @ts-ignore: decorator
@inline export function smallSigma0(x: v128): v128 {
  return v128.xor(
    v128.xor(v128.xor(v128.shr<u32>(x, 7), v128.shl<u32>(x, 25)), v128.xor(v128.shr<u32>(x, 18), v128.shl<u32>(x, 14))),
    v128.shr<u32>(x, 3),
  );
}

/** σ1 of four words. */
// @ts-ignore: decorator
@inline export function smallSigma1(x: v128): v128 {
  return v128.xor(
    v128.xor(v128.xor(v128.shr<u32>(x, 17), v128.shl<u32>(x, 15)), v128.xor(v128.shr<u32>(x, 19), v128.shl<u32>(x, 13))),
    v128.shr<u32>(x, 10),
  );
}

/** The four words that follow the sixteen in `w0` to `w3`. σ1 of a zero word is zero, so each half adds its own. */
// @ts-ignore: decorator
@inline function nextWords(w0: v128, w1: v128, w2: v128, w3: v128): v128 {
  const zero = i32x4.splat(0);
  let next = v128.add<u32>(w0, v128.shuffle<u32>(w2, w3, 1, 2, 3, 4));
  next = v128.add<u32>(next, smallSigma0(v128.shuffle<u32>(w0, w1, 1, 2, 3, 4)));
  next = v128.add<u32>(next, smallSigma1(v128.shuffle<u32>(w3, zero, 2, 3, 4, 5)));
  return v128.add<u32>(next, smallSigma1(v128.shuffle<u32>(zero, next, 0, 1, 4, 5)));
}

/** Sixteen bytes of message as four big-endian words. */
// @ts-ignore: decorator
@inline export function loadWords(address: usize): v128 {
  return v128.swizzle(v128.load(address), i8x16(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
}

/** Puts the initial hash value into the eight words at `state`. */
export function initialise(state: usize): void {
  v128.store(state, v128.load(INITIAL));
  v128.store(state, v128.load(INITIAL, 16), 16);
}

/** Absorbs `blocks` blocks that begin at `message` into the eight words at `state`. */
export function compress(state: usize, message: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, message += 64) {
    let w0 = loadWords(message);
    let w1 = loadWords(message + 16);
    let w2 = loadWords(message + 32);
    let w3 = loadWords(message + 48);
    let a = load<u32>(state);
    let b = load<u32>(state, 4);
    let c = load<u32>(state, 8);
    let d = load<u32>(state, 12);
    let e = load<u32>(state, 16);
    let f = load<u32>(state, 20);
    let g = load<u32>(state, 24);
    let h = load<u32>(state, 28);
    for (let constants = CONSTANTS; constants < CONSTANTS + 256; constants += 16) {
      v128.store(WORDS, v128.add<u32>(w0, v128.load(constants)));
      const next = nextWords(w0, w1, w2, w3);
      w0 = w1;
      w1 = w2;
      w2 = w3;
      w3 = next;
      h = h + load<u32>(WORDS) + choose(e, f, g) + bigSigma1(e);
      d += h;
      h = h + majority(a, b, c) + bigSigma0(a);
      g = g + load<u32>(WORDS, 4) + choose(d, e, f) + bigSigma1(d);
      c += g;
      g = g + majority(h, a, b) + bigSigma0(h);
      f = f + load<u32>(WORDS, 8) + choose(c, d, e) + bigSigma1(c);
      b += f;
      f = f + majority(g, h, a) + bigSigma0(g);
      e = e + load<u32>(WORDS, 12) + choose(b, c, d) + bigSigma1(b);
      a += e;
      e = e + majority(f, g, h) + bigSigma0(f);

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
    store<u32>(state, load<u32>(state) + a);
    store<u32>(state, load<u32>(state, 4) + b, 4);
    store<u32>(state, load<u32>(state, 8) + c, 8);
    store<u32>(state, load<u32>(state, 12) + d, 12);
    store<u32>(state, load<u32>(state, 16) + e, 16);
    store<u32>(state, load<u32>(state, 20) + f, 20);
    store<u32>(state, load<u32>(state, 24) + g, 24);
    store<u32>(state, load<u32>(state, 28) + h, 28);
  }
}

/** Writes the 32 bytes of the digest. */
export function storeDigest(state: usize, digest: usize): void {
  for (let i: usize = 0; i < 32; i += 4) store<u32>(digest + i, bswap<u32>(load<u32>(state + i)));
}

/** Overwrites the schedule that the last block left behind. */
export function wipeSchedule(): void {
  clear(WORDS, 16);
}
