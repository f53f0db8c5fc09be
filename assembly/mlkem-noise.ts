/**
 * Noise (FIPS 203 section 4.2.2, algorithm 8). What flows through here: a secret seed and a number become 128 bytes
 * of SHAKE256, two numbers at a time; of each four bits the first two minus the last two are a coefficient from -2
 * to 2. Nothing depends on the bytes.
 */
import { besideStep, secondOf } from './keccak-beside';
import { keccakPermutePair, PAIR_STRIDE } from './keccak-pair';
import { RATE_136, SHAKE, spongeAbsorb, spongeClear, spongePad, spongeSqueeze } from './keccak-sponge';
import { POLYNOMIAL_BYTES } from './mlkem-ntt';

const BYTES: usize = 128;
const WORDS: usize = 16;

/** Streams of two numbers. */
const STREAMS: usize = memory.data(256, 16);

/** Makes polynomials of the numbers 0 to count - 1, two at a time. */
export function makeNoise(seed: usize, polynomials: usize, count: usize, states: usize): void {
  for (let n: usize = 0; n < count; n += 2) {
    start(states, seed, n);
    start(secondOf(states), seed, n + 1);
    keccakPermutePair(states);
    spongeSqueeze(states, PAIR_STRIDE, STREAMS, WORDS);
    spongeSqueeze(secondOf(states), PAIR_STRIDE, STREAMS + BYTES, WORDS);
    binomial(STREAMS, polynomials + n * POLYNOMIAL_BYTES);
    if (n + 1 < count) binomial(STREAMS + BYTES, polynomials + (n + 1) * POLYNOMIAL_BYTES);
  }
}

/** The same, one number at a time, each with a step of the hash beside it. */
export function makeNoiseBeside(seed: usize, polynomials: usize, count: usize, states: usize): void {
  for (let n: usize = 0; n < count; n++) {
    start(secondOf(states), seed, n);
    besideStep(states);
    spongeSqueeze(secondOf(states), PAIR_STRIDE, STREAMS, WORDS);
    binomial(STREAMS, polynomials + n * POLYNOMIAL_BYTES);
  }
}

/** Overwrites the streams. */
export function wipeNoise(): void {
  memory.fill(STREAMS, 0, 2 * BYTES);
}

function start(stream: usize, seed: usize, number: usize): void {
  spongeClear(stream, PAIR_STRIDE);
  spongeAbsorb(stream, PAIR_STRIDE, seed, 4);
  spongePad(stream, PAIR_STRIDE, 4, <u64>number | (SHAKE << 8), RATE_136);
}

function binomial(stream: usize, polynomial: usize): void {
  for (let i: usize = 0; i < BYTES; i += 16, polynomial += 64) {
    const bits = v128.load(stream + i);
    const every2 = i8x16.splat(0x55);
    const sums = i8x16.add(v128.and(bits, every2), v128.and(i8x16.shr_u(bits, 1), every2));
    const two = i8x16.splat(3);
    const even = i8x16.sub(v128.and(sums, two), v128.and(i8x16.shr_u(sums, 2), two));
    const odd = i8x16.sub(v128.and(i8x16.shr_u(sums, 4), two), i8x16.shr_u(sums, 6));
    const first = v128.shuffle<u8>(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const second = v128.shuffle<u8>(even, odd, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    v128.store(polynomial, i16x8.extend_low_i8x16_s(first), 0);
    v128.store(polynomial, i16x8.extend_high_i8x16_s(first), 16);
    v128.store(polynomial, i16x8.extend_low_i8x16_s(second), 32);
    v128.store(polynomial, i16x8.extend_high_i8x16_s(second), 48);
  }
}
