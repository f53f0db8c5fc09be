/**
 * Which engine computes what: the one table of measured crossovers, and the one rule that reads it. Below a
 * crossover the core is faster, because a call to the platform costs more than the work; from it on the
 * platform's instructions are. Regenerate with
 *
 *   npm run bench -- crossover
 */
import type { EngineName } from './crypto.ts';

/** Bytes (or items, where said) from which the platform's hardware is faster. AMD EPYC Zen 4, Node 20.20. */
export const CROSSOVERS = {
  /** Plaintext of one AES-256-GCM message under a key that stands expanded in the core. */
  aes256gcmPrepared: 832,
  /** Plaintext of one AES-256-GCM message whose key must be expanded first. */
  aes256gcmSingle: 640,
  /** One SHA-256 message. */
  sha256: 56,
  /** Each of several SHA-256 messages that the core hashes four at a time. */
  sha256Many: 256,
  /** Each of several leaves or records, behind its prefix, which the hardware needs copied together. */
  sha256Leaf: 1152,
  /** One message of a signed batch, whose digest goes where it is needed without an array of its own. */
  saltedLeaf: 192,
  /** Bytes of key stream under a key that stands expanded in the core. */
  keystream: 1024,
  /** One SHA-512 message. */
  sha512: 448,
  /** Message of one Ed25519 signature to make; it is hashed twice. */
  ed25519Sign: 196608,
  /** Message of one Ed25519 signature to judge. */
  ed25519Verify: 32768,
} as const;

/**
 * Whether the hardware is to be used for `size`, which counts as `crossover` does. A forced engine is obeyed
 * where it exists; a platform without the hardware always uses the core.
 */
export function usesHardware(
  available: boolean,
  engine: EngineName | undefined,
  size: number,
  crossover: number,
): boolean {
  if (!available || engine === 'wasm') return false;
  return engine === 'hardware' || size >= crossover;
}
