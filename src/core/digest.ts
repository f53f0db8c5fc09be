/** SHA-256 digests on their way into and out of the core: checked, written in rows, taken out and wiped. */
import { OotoError } from '../base/errors.ts';
import type { Engine } from './engine.ts';

export const DIGEST_BYTES = 32;

/** @throws OOTO_CORE_DIGEST (caller) unless every digest has 32 bytes. */
export function requireDigests(digests: readonly Uint8Array[]): void {
  for (const { length } of digests)
    if (length !== DIGEST_BYTES)
      throw new OotoError('OOTO_CORE_DIGEST', 'caller', `a digest has ${DIGEST_BYTES} bytes, not ${length}`);
}

/** The digest at the start of the output area, which is wiped there. */
export function takeDigest({ output }: Engine): Uint8Array {
  const digest = output.slice(0, DIGEST_BYTES);
  output.fill(0, 0, DIGEST_BYTES);
  return digest;
}

/** Appends the first `count` digests of the output area to `digests` and wipes them there. */
export function takeDigests({ output }: Engine, count: number, digests: Uint8Array[]): void {
  const end = count * DIGEST_BYTES;
  for (let at = 0; at < end; at += DIGEST_BYTES) digests.push(output.slice(at, at + DIGEST_BYTES));
  output.fill(0, 0, end);
}

/** Writes digests from index `from` on behind `offset` bytes of the input area; returns how many fitted. */
export function writeDigests(
  { input }: Engine,
  digests: readonly Uint8Array[],
  from: number,
  offset = 0,
): number {
  const room = Math.floor((input.length - offset) / DIGEST_BYTES) - 1;
  const count = Math.min(digests.length - from, room);
  for (let i = 0, at = offset; i < count; i++, at += DIGEST_BYTES) input.set(digests[from + i], at);
  return count;
}

/** Moves the first `count` digests of the output area to `digests`, from digest number `from` on, and wipes them there. */
export function moveDigests({ output }: Engine, count: number, digests: Uint8Array, from: number): void {
  const end = count * DIGEST_BYTES;
  digests.set(output.subarray(0, end), from * DIGEST_BYTES);
  output.fill(0, 0, end);
}

/** @throws OOTO_CORE_DIGEST (caller) unless `digests` has room for exactly `count` of them. */
export function requireRoom(digests: Uint8Array, count: number): void {
  if (digests.length !== count * DIGEST_BYTES)
    throw new OotoError(
      'OOTO_CORE_DIGEST',
      'caller',
      `${digests.length} bytes of room for ${count} digests, which take ${count * DIGEST_BYTES}`,
    );
}
