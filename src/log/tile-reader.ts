/**
 * A published log as its readers find it (C2SP tlog-tiles). What flows through here: a signed head that was judged
 * before, and tiles and entry bundles that nobody has judged; tiles become proofs, which must lead to the root of that
 * head before anything is told; or all of them are computed anew from the entries and compared.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { VerifiedCheckpoint } from './checkpoint.ts';
import { decodeBundle } from './entry-bundle.ts';
import { HASH_BYTES, verifyInclusion } from './proof.ts';
import { TILE_WIDTH, type TileAddress, tilePath, tileWidth } from './tile.ts';
import { TileTree } from './tile-tree.ts';
import { type EdgeTile, TreeEdge } from './tree-edge.ts';
import { requireGrowth } from './view.ts';

/** Where a log's checkpoint, tiles and bundles are read. */
export interface TiledLog {
  /** The newest signed note. */
  checkpoint(): Promise<string>;
  /** A tile or an entry bundle of this width. @throws OOTO_LOG_ENTRIES (peer) when there is none. */
  resource(address: TileAddress): Promise<Uint8Array>;
}

export interface ProvenEntry {
  readonly index: number;
  readonly entry: Uint8Array;
  /** Hashes from the leaf's sibling to the root's child. */
  readonly proof: readonly Uint8Array[];
}

const ZEROS = new Uint8Array(TILE_WIDTH * HASH_BYTES);

export class TileReader {
  readonly #crypto: Crypto;
  readonly #source: Pick<TiledLog, 'resource'>;
  readonly #head: VerifiedCheckpoint;

  /** `head` was verified, and is what everything read must lead to. */
  constructor(crypto: Crypto, source: Pick<TiledLog, 'resource'>, head: VerifiedCheckpoint) {
    this.#crypto = crypto;
    this.#source = source;
    this.#head = head;
  }

  /**
   * One entry, with the proof that it is in the tree.
   * @throws OOTO_LOG_RANGE (caller) beyond the end; OOTO_LOG_ENTRIES, OOTO_LOG_INCLUSION (peer) for what does not fit.
   */
  async entry(index: number): Promise<ProvenEntry> {
    const { size, root } = this.#head;
    const proof = await this.#fromTiles((tree) => tree.inclusionProof(index, size));
    const bundle = Math.floor(index / TILE_WIDTH);
    const width = tileWidth(0, bundle, size);
    const bytes = await this.#source.resource({ level: 'entries', index: bundle, width });
    const entry = decodeBundle(bytes, width)[index % TILE_WIDTH];
    const leafHash = this.#crypto.merkle.leafHash(entry);
    verifyInclusion(this.#crypto, { index, size, leafHash, root, proof });
    return { index, entry, proof };
  }

  /** Proof that the tree begins with one of `from` entries, as its tiles make it; whoever has both roots judges it. */
  async proveConsistency(from: number): Promise<Uint8Array[]> {
    const { size } = this.#head;
    return consistencyFromTiles(this.#crypto, this.#source, from, size);
  }

  /** The root that the tree had at `size`, as its tiles make it. */
  async rootAt(size: number): Promise<Uint8Array> {
    return (await this.#fromTiles((tree) => [tree.root(size)]))[0];
  }

  /**
   * The tree leads on from `earlier`, a head that was verified.
   * @throws OOTO_LOG_ROLLBACK, OOTO_LOG_CONSISTENCY (peer); ForkError with evidence for a contradiction.
   */
  async requireGrownFrom(earlier: VerifiedCheckpoint): Promise<void> {
    const isProven = earlier.size > 0 && earlier.size < this.#head.size;
    const proof = isProven ? await this.proveConsistency(earlier.size) : [];
    const prefixRoot = isProven ? await this.rootAt(earlier.size) : earlier.root;
    requireGrowth(this.#crypto, earlier, this.#head, proof, prefixRoot);
  }

  /**
   * Reads every entry and every tile, and computes all of it anew; entries are handed out bundle by bundle before the
   * root is known, so whoever takes them tells nothing of them until this has resolved.
   * @throws OOTO_LOG_ENTRIES (peer) at the first tile that its entries do not make, or for another root.
   */
  async audit(take: (entries: readonly Uint8Array[]) => void = () => {}): Promise<void> {
    const edge = new TreeEdge(this.#crypto);
    for await (const entries of bundlesOf(this.#source, 0, this.#head.size)) {
      for (const entry of entries)
        for (const tile of edge.append(this.#crypto.merkle.leafHash(entry))) await this.#requireTile(tile);
      take(entries);
    }
    for (const tile of edge.tiles()) await this.#requireTile(tile);
    if (!equal(edge.root(), this.#head.root)) throw unfit('the entries do not make the signed root');
  }

  #fromTiles(make: (tree: TileTree) => Uint8Array[]): Promise<Uint8Array[]> {
    return fromTiles(this.#crypto, this.#source, this.#head.size, make);
  }

  async #requireTile({ level, index, hashes }: EdgeTile): Promise<void> {
    if (!equal(await tileOf(this.#source, level, index, this.#head.size), hashes))
      throw unfit(`tile ${index} of level ${level} is not what the entries make`);
  }
}

/** Proof that a tree of `to` begins with one of `from` entries, as its tiles make it. */
export async function consistencyFromTiles(
  crypto: Crypto,
  source: Pick<TiledLog, 'resource'>,
  from: number,
  to: number,
): Promise<Uint8Array[]> {
  return from === 0 || from === to
    ? []
    : fromTiles(crypto, source, to, (tree) => tree.consistencyProof(from, to));
}

/** What tiles are needed is found on a tree of zeros; then they are fetched, and the same is done with them. */
async function fromTiles(
  crypto: Crypto,
  source: Pick<TiledLog, 'resource'>,
  size: number,
  make: (tree: TileTree) => Uint8Array[],
): Promise<Uint8Array[]> {
  const tiles = new Map<string, { level: number; index: number; bytes: Uint8Array }>();
  make(
    new TileTree(crypto, size, (level, index) => {
      tiles.set(`${level}/${index}`, { level, index, bytes: ZEROS });
      return ZEROS;
    }),
  );
  for (const tile of tiles.values()) tile.bytes = await tileOf(source, tile.level, tile.index, size);
  return make(new TileTree(crypto, size, (level, index) => tiles.get(`${level}/${index}`)?.bytes));
}

async function tileOf(
  source: Pick<TiledLog, 'resource'>,
  level: number,
  index: number,
  size: number,
): Promise<Uint8Array> {
  const width = tileWidth(level, index, size);
  const bytes = await source.resource({ level, index, width });
  if (bytes.length !== width * HASH_BYTES) throw unfit(`tile ${index} of level ${level} has another width`);
  return bytes;
}

/** The entries from `from` to `size`, a bundle at a time. */
export async function* bundlesOf(
  source: Pick<TiledLog, 'resource'>,
  from: number,
  size: number,
): AsyncGenerator<Uint8Array[]> {
  for (let at = from; at < size; ) {
    const index = Math.floor(at / TILE_WIDTH);
    const width = tileWidth(0, index, size);
    const bundle = decodeBundle(await source.resource({ level: 'entries', index, width }), width);
    const entries = bundle.slice(at - index * TILE_WIDTH);
    yield entries;
    at += entries.length;
  }
}

/** A log does not give what its size calls for. */
export function missingResource(address: TileAddress): OotoError {
  return unfit(`the log does not give ${tilePath(address)}`);
}

function unfit(what: string): OotoError {
  return new OotoError('OOTO_LOG_ENTRIES', 'peer', what);
}
