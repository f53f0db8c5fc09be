/**
 * HKDF-SHA-256 (RFC 5869). What flows through here: input keying material and salt are extracted into a key,
 * which is expanded with `info` into as many bytes as asked for; the blocks on the way are overwritten.
 */
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from './crypto.ts';
import type { Hmac256 } from './hmac.ts';

const HASH_BYTES = 32;
const LENGTH_MOST = 255 * HASH_BYTES;

export function createHkdf256(hmac256: Hmac256): Pick<Crypto, 'hkdf256' | 'hkdf256Expand'> {
  const expand = (prk: Uint8Array, info: Uint8Array, length: number): Uint8Array => {
    requireLength(length);
    const output = new Uint8Array(length);
    let block: Uint8Array = new Uint8Array();
    for (let at = 0, counter = 1; at < length; at += HASH_BYTES, counter++) {
      const next = hmac256(prk, block, info, Uint8Array.of(counter));
      if (length - at >= HASH_BYTES) output.set(next, at);
      else for (let i = 0; at + i < length; i++) output[at + i] = next[i];
      wipe(block);
      block = next;
    }
    wipe(block);
    return output;
  };
  return {
    hkdf256: (ikm, salt, info, length) => {
      const prk = hmac256(salt, ikm);
      const output = expand(prk, info, length);
      wipe(prk);
      return output;
    },
    hkdf256Expand: expand,
  };
}

/** @throws OOTO_CRYPTO_LENGTH (caller) outside of what RFC 5869 section 2.3 allows. */
function requireLength(length: number): void {
  if (!Number.isInteger(length) || length < 0 || length > LENGTH_MOST)
    throw new OotoError(
      'OOTO_CRYPTO_LENGTH',
      'caller',
      `HKDF yields 0 to ${LENGTH_MOST} bytes, not ${length}`,
    );
}
