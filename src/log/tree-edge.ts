/**
 * The right edge of a growing tree. What flows through here: leaf hashes are appended; a tile that becomes full
 * is handed out and its root becomes a hash of the level above; what remains are the unfinished tiles, at most
 * 255 hashes a level, and from them alone the root is computed.
 */
import { concat } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { HASH_BYTES } from './proof.ts';
import { TILE_WIDTH } from './tile.ts';

/** A tile that is full, or at the edge. */
export interface EdgeTile {
  readonly level: number;
  readonly index: number;
  readonly hashes: Uint8Array;
}

export class TreeEdge {
  readonly #crypto: Crypto;
  readonly #levels: Uint8Array[][];
  #size: number;

  /** `levels` are the hashes of the unfinished tiles, from level 0 up. */
  constructor(crypto: Crypto, size = 0, levels: readonly (readonly Uint8Array[])[] = []) {
    this.#crypto = crypto;
    this.#size = size;
    this.#levels = levels.map((hashes) => [...hashes]);
  }

  get size(): number {
    return this.#size;
  }

  copy(): TreeEdge {
    return new TreeEdge(this.#crypto, this.#size, this.#levels);
  }

  /** Appends one leaf; returns the tiles that it filled, lowest first. */
  append(leafHash: Uint8Array): EdgeTile[] {
    const filled: EdgeTile[] = [];
    this.#size++;
    let hash = leafHash;
    for (let level = 0; ; level++) {
      this.#levels[level] ??= [];
      const hashes = this.#levels[level];
      hashes.push(hash);
      if (hashes.length < TILE_WIDTH) return filled;
      const index = Math.floor(this.#size / TILE_WIDTH ** (level + 1)) - 1;
      filled.push({ level, index, hashes: concat(...hashes) });
      this.#levels[level] = [];
      hash = this.#crypto.merkle.rootOfHashes(hashes);
    }
  }

  /** The unfinished tiles, from level 0 up. */
  tiles(): EdgeTile[] {
    return this.#levels.flatMap((hashes, level) =>
      hashes.length === 0
        ? []
        : [{ level, index: Math.floor(this.#size / TILE_WIDTH ** (level + 1)), hashes: concat(...hashes) }],
    );
  }

  /** RFC 6962 section 2.1; of an empty tree the hash of nothing. */
  root(): Uint8Array {
    let root: Uint8Array | undefined;
    for (const hashes of this.#levels)
      for (const peak of peaksOf(hashes).reverse()) {
        const hash = this.#crypto.merkle.rootOfHashes(peak);
        root = root ? this.#crypto.merkle.nodeHash(hash, root) : hash;
      }
    return root ?? this.#crypto.sha256(new Uint8Array());
  }
}

/** The hashes of a tile. */
export function splitHashes(tile: Uint8Array): Uint8Array[] {
  return Array.from({ length: tile.length / HASH_BYTES }, (_, i) =>
    tile.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  );
}

/** Runs of 128, 64, … hashes, as many as the count has bits, from the left. */
function peaksOf(hashes: readonly Uint8Array[]): Uint8Array[][] {
  const peaks: Uint8Array[][] = [];
  let from = 0;
  for (let width = TILE_WIDTH; width >= 1; width /= 2)
    if (hashes.length - from >= width) {
      peaks.push(hashes.slice(from, from + width));
      from += width;
    }
  return peaks;
}
