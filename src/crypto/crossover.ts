/**
 * Which engine computes what: the one table of measured crossovers, and the one rule that reads it. Below a
 * crossover the core is faster, because a call to the platform costs more than the work; from it on the
 * platform's instructions are. Regenerate with `node bench/crossover.ts` (Node 22.18 or newer runs it directly).
 */
import type { EngineName } from './crypto.ts';

/** Bytes (or items, where said) from which the platform's hardware is faster. AMD EPYC Zen 4, Node 20.20. */
export const CROSSOVERS = {
  /** Plaintext of one AES-256-GCM message under a key that stands expanded in the core. */
  aes256gcmPrepared: 400,
  /** Plaintext of one AES-256-GCM message whose key must be expanded first. */
  aes256gcmSingle: 128,
  /** One SHA-256 message. */
  sha256: 256,
  /** Each of several SHA-256 messages that the core hashes four at a time. */
  sha256Many: 1024,
  /** One SHA-512 message. */
  sha512: 2048,
  /** Message of one Ed25519 signature to make; it is hashed twice. */
  ed25519Sign: 65536,
  /** Message of one Ed25519 signature to judge. */
  ed25519Verify: 131072,
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
