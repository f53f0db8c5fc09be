/**
 * Byte strings. What flows through here: `Uint8Array` in, `Uint8Array` out; every room builds its messages
 * from these few functions, so that lengths are checked in one place and comparisons take constant time.
 */
import { OotoError } from './errors.ts';

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 bytes of `text`. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * Text of UTF-8 `bytes`.
 * @throws OOTO_BASE_UTF8 (peer) when the bytes are not well-formed UTF-8.
 */
export function utf8Decode(bytes: Uint8Array): string {
  try {
    return strictDecoder.decode(bytes);
  } catch (cause) {
    throw new OotoError('OOTO_BASE_UTF8', 'peer', 'bytes are not well-formed UTF-8', { cause });
  }
}

/** One new array with the contents of `parts` in order. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let total = 0;
  for (const part of parts) total += part.length;
  const joined = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Whether two public or secret strings are the same; takes time that depends on their lengths alone. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i];
  return difference === 0;
}

/** Lexicographic order of two public strings, as Array.sort wants it. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

/** Big-endian u16. */
export function u16be(value: number): Uint8Array {
  requireInteger(value, 0xffff);
  return Uint8Array.of(value >>> 8, value & 0xff);
}

/** Big-endian u32. */
export function u32be(value: number): Uint8Array {
  requireInteger(value, 0xffffffff);
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** Big-endian u64 of a safe integer or a bigint. */
export function u64be(value: number | bigint): Uint8Array {
  const big = BigInt(value);
  if (big < 0n || big > 0xffffffffffffffffn)
    throw new OotoError('OOTO_BASE_RANGE', 'caller', `${value} does not fit in 64 bits`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, big);
  return bytes;
}

/** The u32 that begins at `offset`, big-endian. */
export function readU32be(bytes: Uint8Array, offset = 0): number {
  requireLength(bytes, offset + 4);
  return (
    ((bytes[offset] << 24) | (bytes[offset + 1] << 16) | (bytes[offset + 2] << 8) | bytes[offset + 3]) >>> 0
  );
}

/** The u64 that begins at `offset`, big-endian. */
export function readU64be(bytes: Uint8Array, offset = 0): bigint {
  return (BigInt(readU32be(bytes, offset)) << 32n) | BigInt(readU32be(bytes, offset + 4));
}

/** `bytes` with its length before it as u32be: lists built of these have one reading only. */
export function lengthPrefixed(bytes: Uint8Array): Uint8Array {
  return concat(u32be(bytes.length), bytes);
}

function requireInteger(value: number, most: number): void {
  if (!Number.isInteger(value) || value < 0 || value > most)
    throw new OotoError('OOTO_BASE_RANGE', 'caller', `${value} is not an integer from 0 to ${most}`);
}

function requireLength(bytes: Uint8Array, least: number): void {
  if (bytes.length < least)
    throw new OotoError(
      'OOTO_BASE_SHORT',
      'peer',
      `${bytes.length} bytes where at least ${least} are needed`,
    );
}
