/**
 * The TPM's wire format (TPM 2.0 Library, part 2). What flows through here: a structure from outside is read field
 * after field to its very end, and whatever is short, long or left over is one refusal; sized buffers are written.
 */
import { concat, u16be } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { ByteReader } from '../../base/reader.ts';

/** Algorithm identifiers (TPM_ALG_ID, part 2 section 6.3) that are accepted somewhere. */
export const ALG = {
  rsa: 0x0001,
  sha1: 0x0004,
  aes: 0x0006,
  sha256: 0x000b,
  sha384: 0x000c,
  sha512: 0x000d,
  null: 0x0010,
  ecdsa: 0x0018,
  ecc: 0x0023,
  cfb: 0x0043,
} as const;

const MAX_STRUCTURE_BYTES = 4096;

/** Reads one whole structure. @throws OOTO_ATTEST_TPM_FORM (peer) for anything that is not exactly one. */
export function readStructure<T>(encoded: Uint8Array, name: string, read: (reader: ByteReader) => T): T {
  if (encoded.length > MAX_STRUCTURE_BYTES) throw malformed(`${name} of ${encoded.length} bytes`);
  try {
    const reader = new ByteReader(encoded);
    const value = read(reader);
    reader.end();
    return value;
  } catch (cause) {
    if (cause instanceof OotoError && cause.code.startsWith('OOTO_ATTEST_')) throw cause;
    throw malformed(`${name} is cut short or has trailing bytes`, cause);
  }
}

/** A TPM2B: its contents of at most `most` bytes, after their length as u16. */
export function readSized(reader: ByteReader, most: number): Uint8Array {
  const length = reader.u16();
  if (length > most) throw malformed(`a buffer of ${length} bytes where at most ${most} may be`);
  return reader.bytes(length);
}

/** `contents` as a TPM2B. */
export function sized(...contents: readonly Uint8Array[]): Uint8Array {
  const joined = concat(...contents);
  return concat(u16be(joined.length), joined);
}

export function malformed(what: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_ATTEST_TPM_FORM', 'peer', `not a TPM structure as it is accepted: ${what}`, {
    cause,
  });
}
