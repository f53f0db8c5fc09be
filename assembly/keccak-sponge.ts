/**
 * The sponge (FIPS 202 sections 4 and 6) for messages that ML-KEM knows: whole words of 64 bits, then up to seven
 * bytes. What flows through here: the words of a message are added into a stream, which is one state alone or one
 * of a pair, its lanes `stride` bytes apart; the last bytes come with the domain's bits in one word, the tail.
 */
import { keccakPermute } from './keccak';

/** Rates in words: of SHAKE128, of SHAKE256 and SHA3-256, of SHA3-512. */
export const RATE_168: usize = 21;
export const RATE_136: usize = 17;
export const RATE_72: usize = 9;

/** Domain bits and the first bit of padding (sections 6.1 and 6.2). */
export const SHA3: u64 = 0x06;
export const SHAKE: u64 = 0x1f;

const LANES: usize = 25;
const ALONE: usize = 8;

// @ts-ignore: decorator
@inline export function spongeClear(stream: usize, stride: usize): void {
  for (let i: usize = 0; i < LANES; i++) store<u64>(stream + i * stride, 0);
}

/** Adds whole words of the message into the first lanes. */
// @ts-ignore: decorator
@inline export function spongeAbsorb(stream: usize, stride: usize, message: usize, words: usize): void {
  for (let i: usize = 0; i < words; i++)
    store<u64>(stream + i * stride, load<u64>(stream + i * stride) ^ load<u64>(message + 8 * i));
}

/** Ends the message: the tail goes into lane `words`, the last bit of padding to the end of the rate. */
// @ts-ignore: decorator
@inline export function spongePad(stream: usize, stride: usize, words: usize, tail: u64, rate: usize): void {
  const place = stream + words * stride;
  const last = stream + (rate - 1) * stride;
  store<u64>(place, load<u64>(place) ^ tail);
  store<u64>(last, load<u64>(last) ^ 0x8000000000000000);
}

/** Takes the first words of the state. */
// @ts-ignore: decorator
@inline export function spongeSqueeze(stream: usize, stride: usize, to: usize, words: usize): void {
  for (let i: usize = 0; i < words; i++) store<u64>(to + 8 * i, load<u64>(stream + i * stride));
}

/** The digest, no longer than the rate, of `words` words and a tail, by a state alone. */
export function spongeHash(state: usize, message: usize, words: usize, tail: u64, rate: usize, digest: usize, size: usize): void {
  spongeClear(state, ALONE);
  for (; words >= rate; words -= rate, message += 8 * rate) {
    spongeAbsorb(state, ALONE, message, rate);
    keccakPermute(state);
  }
  spongeAbsorb(state, ALONE, message, words);
  spongePad(state, ALONE, words, tail, rate);
  keccakPermute(state);
  spongeSqueeze(state, ALONE, digest, size);
}
