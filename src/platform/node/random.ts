/** Secure random bytes of the operating system, by way of OpenSSL's generator. */
import { randomFillSync } from 'node:crypto';
import type { Random } from '../../ports.ts';

export function nodeRandom(): Random {
  return { bytes: (length) => randomFillSync(new Uint8Array(length)) };
}
