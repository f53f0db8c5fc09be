/**
 * The look back when a log is opened. What flows through here: the newest full tiles of every level are held
 * against the hash that the level above has of them, and the newest bundles against their tiles. It costs the same
 * however long the log is; what lies further back is judged when it is read, or by an audit of the whole.
 */
import { equal } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { damaged, type LogStore } from './log-store.ts';
import { HASH_BYTES } from './proof.ts';
import { hashesAt, levelsOf, TILE_WIDTH } from './tile.ts';
import { splitHashes } from './tree-edge.ts';

/** Full tiles looked at on every level: 16,384 entries on the lowest. */
const TILES_LOOKED_AT = 64;

/** @throws OOTO_LOG_STORE (environment) at the first tile or bundle that does not fit. */
export function requireRecent(crypto: Crypto, store: LogStore, size: number): void {
  for (let level = levelsOf(size) - 2; level >= 0; level--) {
    const full = hashesAt(level + 1, size);
    for (let index = Math.max(0, full - TILES_LOOKED_AT); index < full; index++) {
      const hashes = requireFullTile(crypto, store, level, index);
      if (level === 0) requireEntries(crypto, store, index, size, hashes);
    }
  }
}

function requireFullTile(crypto: Crypto, store: LogStore, level: number, index: number): Uint8Array[] {
  const tile = store.tile(level, index);
  const above = store.tile(level + 1, Math.floor(index / TILE_WIDTH));
  const at = (index % TILE_WIDTH) * HASH_BYTES;
  if (tile?.length !== TILE_WIDTH * HASH_BYTES || !above)
    throw damaged(`tile ${index} of level ${level} is torn`);
  const hashes = splitHashes(tile);
  if (!equal(crypto.merkle.rootOfHashes(hashes), above.subarray(at, at + HASH_BYTES)))
    throw damaged(`tile ${index} of level ${level} was altered`);
  return hashes;
}

function requireEntries(
  crypto: Crypto,
  store: LogStore,
  index: number,
  size: number,
  hashes: readonly Uint8Array[],
): void {
  store.entries(index, size).forEach((entry, i) => {
    if (!equal(crypto.merkle.leafHash(entry), hashes[i]))
      throw damaged(`entry ${index * TILE_WIDTH + i} was altered`);
  });
}
