/**
 * A reader that follows one log from where it stands. What flows through here: the log's newest checkpoint is judged
 * against the one known; the entries between the two are added to the edge of the tree, and count once its root is the
 * signed one. State is a checkpoint and at most 255 hashes of each level, kept by the caller.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CheckpointPolicy, type VerifiedCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { ForkError } from './fork.ts';
import { levelsOf, TILE_WIDTH, type TileAddress, tileWidth } from './tile.ts';
import { splitHashes, TreeEdge } from './tree-edge.ts';

/** What a reader keeps. */
export interface FollowedLog {
  /** The signed note. */
  readonly note: string;
  /** The unfinished tiles, from level 0 up. */
  readonly edge: readonly Uint8Array[];
}

export class LogFollower {
  readonly #crypto: Crypto;
  readonly #policy: CheckpointPolicy;
  #known: VerifiedCheckpoint | undefined;
  #edge: TreeEdge;
  #growing: TreeEdge | undefined;

  /**
   * Goes on from what was kept, or from the beginning.
   * @throws OOTO_LOG_STORE (environment) when what was kept does not make the signed root, and as {@link verifyCheckpoint}.
   */
  constructor(crypto: Crypto, policy: CheckpointPolicy, kept?: FollowedLog) {
    this.#crypto = crypto;
    this.#policy = policy;
    this.#edge = new TreeEdge(crypto);
    if (kept) this.#restore(verifyCheckpoint(crypto, kept.note, policy), kept.edge);
  }

  /** The tiles that a reader needs who begins at a checkpoint of this size and not at the first entry. */
  static edgeOf(size: number): (TileAddress & { level: number })[] {
    return Array.from({ length: levelsOf(size) }, (_, level) => {
      const index = Math.floor(size / TILE_WIDTH ** (level + 1));
      return { level, index, width: tileWidth(level, index, size) };
    }).filter(({ width }) => width > 0);
  }

  get known(): VerifiedCheckpoint | undefined {
    return this.#known;
  }

  get kept(): FollowedLog | undefined {
    if (!this.#known) return undefined;
    const edge: Uint8Array[] = Array.from({ length: levelsOf(this.#edge.size) }, () => new Uint8Array());
    for (const { level, hashes } of this.#edge.tiles()) edge[level] = hashes;
    return { note: this.#known.note, edge };
  }

  /**
   * Judges a checkpoint against the one known; one of another size is the caller's to follow.
   * @throws {@link ForkError} for two roots of one size, OOTO_LOG_ROLLBACK (peer) for a smaller tree, and as
   * {@link verifyCheckpoint}.
   */
  judge(note: string): VerifiedCheckpoint {
    const next = verifyCheckpoint(this.#crypto, note, this.#policy);
    const known = this.#known;
    if (!known) return next;
    if (next.size < known.size)
      throw new OotoError(
        'OOTO_LOG_ROLLBACK',
        'peer',
        `${next.origin} shows ${next.size} entries after ${known.size}`,
        { culprits: [next.origin] },
      );
    if (next.size === known.size && !equal(next.root, known.root))
      throw new ForkError(next.origin, {
        first: known.note,
        second: next.note,
        prefixRoot: next.root,
        proof: [],
      });
    return next;
  }

  /** Adds entries that follow, bundle by bundle; they count once {@link reach} returns. */
  take(entries: readonly Uint8Array[]): void {
    this.#growing ??= this.#edge.copy();
    for (const entry of entries) this.#growing.append(this.#crypto.merkle.leafHash(entry));
  }

  /**
   * The entries taken lead to this checkpoint, which {@link judge} returned.
   * @throws OOTO_LOG_ENTRIES (peer) when they make another root; they are forgotten then.
   */
  reach(next: VerifiedCheckpoint): void {
    const grown = this.#growing ?? this.#edge;
    this.#growing = undefined;
    if (grown.size !== next.size || !equal(grown.root(), next.root))
      throw new OotoError(
        'OOTO_LOG_ENTRIES',
        'peer',
        `the entries that ${next.origin} gives do not lead to the checkpoint it signed`,
        { culprits: [next.origin] },
      );
    this.#edge = grown;
    this.#known = next;
  }

  /** Stands at a checkpoint from now on, by the tiles of {@link edgeOf}. @throws OOTO_LOG_ENTRIES (peer). */
  begin(next: VerifiedCheckpoint, tiles: readonly Uint8Array[]): void {
    const byLevel: Uint8Array[] = Array.from({ length: levelsOf(next.size) }, () => new Uint8Array());
    for (const [i, { level }] of LogFollower.edgeOf(next.size).entries())
      byLevel[level] = tiles[i] ?? new Uint8Array();
    const edge = this.#edgeFrom(next, byLevel);
    if (!edge)
      throw new OotoError('OOTO_LOG_ENTRIES', 'peer', `the tiles of ${next.origin} do not make its root`, {
        culprits: [next.origin],
      });
    this.#edge = edge;
    this.#known = next;
  }

  #restore(known: VerifiedCheckpoint, tiles: readonly Uint8Array[]): void {
    const edge = this.#edgeFrom(known, tiles);
    if (!edge)
      throw new OotoError(
        'OOTO_LOG_STORE',
        'environment',
        `what is kept of ${known.origin} does not make its root`,
      );
    this.#edge = edge;
    this.#known = known;
  }

  #edgeFrom({ size, root }: VerifiedCheckpoint, tiles: readonly Uint8Array[]): TreeEdge | undefined {
    const isWhole = tiles.every(
      (tile, level) =>
        tile.length === 32 * tileWidth(level, Math.floor(size / TILE_WIDTH ** (level + 1)), size),
    );
    if (!isWhole || tiles.length !== levelsOf(size)) return undefined;
    const levels = tiles.map((tile) => splitHashes(tile.slice()));
    const edge = new TreeEdge(this.#crypto, size, levels);
    return equal(edge.root(), root) ? edge : undefined;
  }
}
