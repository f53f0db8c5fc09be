/** What every message of AES-256-GCM must be, whichever engine computes; the refusals when it is not. */
import { OotoError } from '../base/errors.ts';
import type { GcmText } from '../core/aes256gcm-many.ts';
import type { Core } from '../core/index.ts';
import type { PreparedKey } from '../core/key-slots.ts';
import type { Hardware } from '../ports.ts';

const IV_BYTES = 12;
export const TAG_BYTES = 16;

export interface GcmEngines {
  core: Core;
  hardware: Hardware;
}

/** The error of everything whose tag, or the frame around it, is not what the key's holder made. */
export function notAuthentic(what: string): OotoError {
  return new OotoError('OOTO_CRYPTO_AUTHENTICATION', 'peer', `${what} is not authentic`);
}

/** @throws OOTO_CRYPTO_IV (caller). */
export function requireIv(iv: Uint8Array): void {
  if (iv.length !== IV_BYTES)
    throw new OotoError('OOTO_CRYPTO_IV', 'caller', `an iv of ${iv.length} bytes, expected ${IV_BYTES}`);
}

/** @throws OOTO_CRYPTO_LENGTH (caller) when there is an array for the result, and it is not as long as the result. */
export function requireLength(into: Uint8Array | undefined, length: number): void {
  if (into !== undefined && into.length !== length)
    throw new OotoError(
      'OOTO_CRYPTO_LENGTH',
      'caller',
      `an array of ${into.length} bytes for a result of ${length}`,
    );
}

/** Seals on the platform's hardware, which is there; to `into`, when it is given. @throws OOTO_CRYPTO_RELEASED (caller). */
export function sealOnHardware(
  { core, hardware: { aes256gcmSeal, aes256gcmSealInto } }: GcmEngines,
  key: PreparedKey,
  { iv, aad, text }: GcmText,
  into?: Uint8Array,
): Uint8Array {
  const bytes = core.keys.bytesOf(key);
  if (into === undefined) return aes256gcmSeal!(bytes, iv, aad, text);
  if (aes256gcmSealInto) aes256gcmSealInto(bytes, iv, aad, text, into, 0);
  else into.set(aes256gcmSeal!(bytes, iv, aad, text));
  return into;
}

/** The parts of `bytes` that have these lengths, in order. */
export function divided(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  let end = 0;
  return lengths.map((length) => {
    end += length;
    return bytes.subarray(end - length, end);
  });
}
