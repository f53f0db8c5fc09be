/** Secure random bytes of the browser; it gives at most 65,536 at once. */
import type { Random } from '../../ports.ts';

const MOST_AT_ONCE = 65_536;

export function browserRandom(): Random {
  return {
    bytes: (length) => {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += MOST_AT_ONCE)
        crypto.getRandomValues(bytes.subarray(at, at + MOST_AT_ONCE));
      return bytes;
    },
  };
}
