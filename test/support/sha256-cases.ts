/** Inputs for whatever hashes: the lengths at which padding changes, and mixtures of lengths for the four lanes. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';

/** Around every border of block and padding, and a few beyond. */
export const BORDER_LENGTHS = [
  0, 1, 3, 54, 55, 56, 57, 63, 64, 65, 118, 119, 120, 127, 128, 129, 191, 192, 1000,
];

/** SHA-256 as the platform's library computes it. */
export function reference(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** `length` bytes that differ from position to position and from seed to seed. */
export function pattern(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0, state = seed + 1; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** Up to 40 messages of mixed lengths. */
export const messageLists = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 40 });
