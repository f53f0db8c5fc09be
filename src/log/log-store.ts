/**
 * Where a log lies in a store. What flows through here: tiles and bundles are kept under their C2SP paths without
 * the width, since a narrower tile is a prefix of a wider one; the edge of a tree is read back and every width is
 * held against the size that the checkpoint signs, so that a torn or partly rolled-back store is noticed.
 */
import { equal, utf8Decode } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { Store, StoreChange } from '../ports.ts';
import { decodeBundle, encodeBundle } from './entry-bundle.ts';
import { HASH_BYTES } from './proof.ts';
import { levelsOf, TILE_WIDTH, type TileAddress, tilePath, tileWidth } from './tile.ts';
import { type EdgeTile, splitHashes, TreeEdge } from './tree-edge.ts';

export class LogStore {
  readonly #store: Pick<Store, 'get'>;
  readonly #prefix: string;

  constructor(store: Pick<Store, 'get'>, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
  }

  checkpoint(): string | undefined {
    const bytes = this.#store.get(this.#key('checkpoint'));
    return bytes && utf8Decode(bytes);
  }

  tile(level: number, index: number): Uint8Array | undefined {
    return this.#store.get(this.#key(pathOf(level, index)));
  }

  bundle(index: number): Uint8Array | undefined {
    return this.#store.get(this.#key(pathOf('entries', index)));
  }

  /** The entries of a bundle that a tree of `size` has. @throws OOTO_LOG_STORE (environment). */
  entries(index: number, size: number): Uint8Array[] {
    const bundle = this.bundle(index);
    try {
      return decodeBundle(bundle ?? new Uint8Array(), tileWidth(0, index, size));
    } catch (cause) {
      throw damaged(`entry bundle ${index} is missing or torn`, cause);
    }
  }

  putCheckpoint(note: Uint8Array): StoreChange {
    return { put: this.#key('checkpoint'), value: note };
  }

  putTile({ level, index, hashes }: EdgeTile): StoreChange {
    return { put: this.#key(pathOf(level, index)), value: hashes };
  }

  putBundle(index: number, entries: readonly Uint8Array[]): StoreChange {
    return { put: this.#key(pathOf('entries', index)), value: encodeBundle(entries) };
  }

  /**
   * The unfinished tiles of a tree of `size`, checked for their widths, and that nothing lies beyond them.
   * @throws OOTO_LOG_STORE (environment).
   */
  edge(crypto: Crypto, size: number): TreeEdge {
    const levels = Array.from({ length: Math.max(1, levelsOf(size)) }, (_, level) => {
      const index = Math.floor(size / TILE_WIDTH ** (level + 1));
      const width = tileWidth(level, index, size);
      const tile = this.tile(level, index);
      if ((tile?.length ?? 0) !== width * HASH_BYTES)
        throw damaged(`tile ${index} of level ${level} is not as wide as the checkpoint says`);
      return splitHashes(tile ?? new Uint8Array());
    });
    return new TreeEdge(crypto, size, levels);
  }

  /** The entries of the unfinished bundle, each checked against its leaf hash. @throws OOTO_LOG_STORE (environment). */
  edgeEntries(crypto: Crypto, size: number): Uint8Array[] {
    const index = Math.floor(size / TILE_WIDTH);
    if (size % TILE_WIDTH === 0) {
      if (this.bundle(index)) throw damaged(`entry bundle ${index} lies beyond the checkpoint`);
      return [];
    }
    const entries = this.entries(index, size);
    const hashes = splitHashes(this.tile(0, index) ?? new Uint8Array());
    entries.forEach((entry, i) => {
      if (!equal(crypto.merkle.leafHash(entry), hashes[i]))
        throw damaged(`entry ${index * TILE_WIDTH + i} was altered`);
    });
    return entries;
  }

  /** The bytes that a tlog-tiles server answers with for a tree of `size`; undefined when there are none. */
  resource({ level, index, width }: TileAddress, size: number): Uint8Array | undefined {
    const whole = tileWidth(level === 'entries' ? 0 : level, index, size);
    if (whole === 0 || width > whole) return undefined;
    if (level !== 'entries') return this.tile(level, index)?.slice(0, width * HASH_BYTES);
    return encodeBundle(this.entries(index, size).slice(0, width));
  }

  #key(path: string): string {
    return `${this.#prefix}${path}`;
  }
}

/** The store does not hold what the log wrote. */
export function damaged(why: string, cause?: unknown): OotoError {
  return new OotoError('OOTO_LOG_STORE', 'environment', `the log's store is damaged: ${why}`, {
    hint: 'stop this log, restore its folder from a backup and compare it with its witnesses',
    cause,
  });
}

function pathOf(level: number | 'entries', index: number): string {
  return tilePath({ level, index, width: TILE_WIDTH });
}
