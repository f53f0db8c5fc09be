/**
 * A long hash beside other work. What flows through here: the first state of a pair hashes a message of whole words
 * at the rate of SHA3-256 and SHAKE256 while the second does what it must; each step permutes both, and feeds the
 * hash its next block until it has its 32-byte digest.
 */
import { keccakPermutePair, PAIR_STRIDE } from './keccak-pair';
import { RATE_136, spongeAbsorb, spongeClear, spongePad, spongeSqueeze } from './keccak-sponge';

const DIGEST_WORDS: usize = 4;

let message: usize = 0;
let wordsLeft: usize = 0;
let tail: u64 = 0;
let digest: usize = 0;
let pending: bool = false;

/** Address of the second state's first lane. */
// @ts-ignore: decorator
@inline export function secondOf(states: usize): usize {
  return states + 8;
}

/** Starts the hash of `words` words in the first state of the pair; the digest will go to `to`. */
export function besideStart(states: usize, from: usize, words: usize, domain: u64, to: usize): void {
  spongeClear(states, PAIR_STRIDE);
  message = from;
  wordsLeft = words;
  tail = domain;
  digest = to;
  pending = true;
}

/** Permutes both states; the first with the next block of the hash, if one is under way. */
export function besideStep(states: usize): void {
  if (!pending) return keccakPermutePair(states);
  const words = min(wordsLeft, RATE_136);
  spongeAbsorb(states, PAIR_STRIDE, message, words);
  message += 8 * words;
  wordsLeft -= words;
  const last = words < RATE_136;
  if (last) spongePad(states, PAIR_STRIDE, words, tail, RATE_136);
  keccakPermutePair(states);
  if (!last) return;
  spongeSqueeze(states, PAIR_STRIDE, digest, DIGEST_WORDS);
  pending = false;
}

/** Permutes until the digest is there. */
export function besideFinish(states: usize): void {
  while (pending) besideStep(states);
}
