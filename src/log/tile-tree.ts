/**
 * A tree read from its tiles. What flows through here: a subtree's range of leaves is cut into perfect subtrees,
 * each of which lies in one tile; their hashes are folded into the hash of the range. Nothing read is trusted by
 * itself: proofs made of it are checked against a signed root by whoever makes them.
 */
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { consistencyRanges, HASH_BYTES, inclusionRanges, type LeafRange } from './proof.ts';
import { TILE_HEIGHT, TILE_WIDTH, tileWidth } from './tile.ts';

/** The hashes of one tile, at least as wide as the tree asks for; undefined when there is none. */
export type TileSource = (level: number, index: number) => Uint8Array | undefined;

/** Tiles that are kept while proofs of one tree are made: those of many paths in a large one. */
const TILES_KEPT = 64;
/** Subtrees whose hashes are kept: of a log of ten million entries most of those that paths share. */
const SUBTREES_KEPT = 16_384;

export class TileTree {
  readonly #crypto: Crypto;
  readonly #source: TileSource;
  readonly #kept = new Map<string, Uint8Array>();
  readonly #subtrees: Map<string, Uint8Array>;
  readonly size: number;

  /**
   * `subtrees` keeps hashes of whole subtrees above the lowest tiles, which never change: a log hands the same map to its
   * next, larger tree.
   */
  constructor(crypto: Crypto, size: number, source: TileSource, subtrees = new Map<string, Uint8Array>()) {
    this.#crypto = crypto;
    this.size = size;
    this.#source = source;
    this.#subtrees = subtrees;
  }

  /** @throws OOTO_LOG_STORE (environment) when a tile is missing or too short; so do all of these. */
  leafHash(index: number): Uint8Array {
    return this.#perfect(0, index);
  }

  /** The root of the tree's first `size` leaves. */
  root(size = this.size): Uint8Array {
    return size === 0 ? this.#crypto.sha256(new Uint8Array()) : this.#rangeHash({ from: 0, to: size });
  }

  inclusionProof(index: number, size: number): Uint8Array[] {
    return inclusionRanges(index, size).map((range) => this.#rangeHash(range));
  }

  consistencyProof(size1: number, size2: number): Uint8Array[] {
    return consistencyRanges(size1, size2).map((range) => this.#rangeHash(range));
  }

  #rangeHash(range: LeafRange): Uint8Array {
    const hashes = perfectSubtrees(range).map(({ height, index }) => this.#perfect(height, index));
    return hashes.reduceRight((right, left) => this.#crypto.merkle.nodeHash(left, right));
  }

  /** The subtree of 2^height leaves at `index` of its kind. */
  #perfect(height: number, index: number): Uint8Array {
    if (height <= TILE_HEIGHT) return this.#read(height, index);
    const place = `${height}/${index}`;
    const known = this.#subtrees.get(place);
    if (known) return known;
    const hash = this.#read(height, index);
    if (this.#subtrees.size >= SUBTREES_KEPT) this.#subtrees.clear();
    this.#subtrees.set(place, hash);
    return hash;
  }

  #read(height: number, index: number): Uint8Array {
    const level = Math.floor(height / TILE_HEIGHT);
    const count = 2 ** (height % TILE_HEIGHT);
    const first = index * count;
    const tile = Math.floor(first / TILE_WIDTH);
    const offset = first % TILE_WIDTH;
    const bytes = this.#tile(level, tile, offset + count);
    const hashes = Array.from({ length: count }, (_, i) =>
      bytes.slice((offset + i) * HASH_BYTES, (offset + i + 1) * HASH_BYTES),
    );
    return count === 1 ? hashes[0] : this.#crypto.merkle.rootOfHashes(hashes);
  }

  /** One proof asks for up to eight subtrees of the same tile. */
  #tile(level: number, index: number, needed: number): Uint8Array {
    const place = `${level}/${index}`;
    const tile = this.#kept.get(place) ?? this.#source(level, index);
    const width = tileWidth(level, index, this.size);
    if (!tile || tile.length < width * HASH_BYTES || needed > width)
      throw new OotoError(
        'OOTO_LOG_STORE',
        'environment',
        `tile ${index} of level ${level} is missing or torn`,
      );
    if (this.#kept.size >= TILES_KEPT) this.#kept.clear();
    this.#kept.set(place, tile);
    return tile;
  }
}

/** The largest perfect subtrees that make up a range, from the left. */
function perfectSubtrees({ from, to }: LeafRange): { height: number; index: number }[] {
  const subtrees: { height: number; index: number }[] = [];
  for (let at = from; at < to; ) {
    let height = 0;
    while (at % 2 ** (height + 1) === 0 && at + 2 ** (height + 1) <= to) height++;
    subtrees.push({ height, index: at / 2 ** height });
    at += 2 ** height;
  }
  return subtrees;
}
