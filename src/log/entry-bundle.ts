/** Entry bundles (C2SP tlog-tiles, "Log entries"): up to 256 entries, each after its length as u16be. */
import { concat, u16be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { ByteReader } from '../base/reader.ts';
import { TILE_WIDTH } from './tile.ts';

export const MAX_ENTRY_BYTES = 0xffff;

/** @throws OOTO_LOG_ENTRY (caller) for an entry of more than 65,535 bytes. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  return concat(...entries.flatMap((entry) => [lengthOf(entry), entry]));
}

/**
 * Reads exactly `count` entries.
 * @throws OOTO_LOG_ENTRY (caller) for more than a bundle holds, OOTO_BASE_ errors (peer) for cut or trailing bytes.
 */
export function decodeBundle(bundle: Uint8Array, count: number): Uint8Array[] {
  if (count > TILE_WIDTH) throw new OotoError('OOTO_LOG_ENTRY', 'caller', `${count} entries in a bundle`);
  const reader = new ByteReader(bundle);
  const entries = Array.from({ length: count }, () => reader.bytes(reader.u16()));
  reader.end();
  return entries;
}

function lengthOf(entry: Uint8Array): Uint8Array {
  if (entry.length > MAX_ENTRY_BYTES)
    throw new OotoError(
      'OOTO_LOG_ENTRY',
      'caller',
      `an entry of ${entry.length} bytes, at most 65,535 may be`,
    );
  return u16be(entry.length);
}
