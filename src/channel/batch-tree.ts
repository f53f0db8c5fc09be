/**
 * Paths in the tree over a signed batch, for proofs of single messages. What flows through here: leaves become
 * levels of nodes with up to 32 children; a leaf's path is, level by level, the children beside its own; whoever has
 * leaf, index, leaf count and path comes to the root. A tree of one leaf is that leaf.
 */
import { concat } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { NODE_PREFIX, PART_PREFIX, TREE_WIDTH, WHOLE_PREFIX } from '../crypto/salted-tree.ts';
import { type Item, placeOf } from './batch.ts';

/** Digests beside a leaf's own at most: 31 on each of four levels, since no record holds 32^4 items. */
export const MAX_PATH_HASHES: number = 4 * (TREE_WIDTH - 1);

/** The leaf of one item. */
export function leafHash(crypto: Crypto, { bytes, fragment }: Item, salt: Uint8Array): Uint8Array {
  return fragment
    ? crypto.sha256(concat(Uint8Array.of(PART_PREFIX), salt, placeOf(fragment), bytes))
    : crypto.sha256(concat(Uint8Array.of(WHOLE_PREFIX), salt, bytes));
}

/** All digests of the tree over one batch. */
export class BatchTree {
  /** From the leaves to the root alone. */
  readonly #levels: (readonly Uint8Array[])[];

  constructor(crypto: Crypto, leaves: readonly Uint8Array[]) {
    this.#levels = [leaves];
    for (let level = leaves; level.length > 1; ) {
      level = nodesOver(crypto, level);
      this.#levels.push(level);
    }
  }

  get leaves(): readonly Uint8Array[] {
    return this.#levels[0];
  }

  get root(): Uint8Array {
    return this.#levels[this.#levels.length - 1][0];
  }

  /** The digests beside the leaf's own, from the lowest level up, each level in order. */
  pathOf(index: number): Uint8Array[] {
    const path: Uint8Array[] = [];
    let at = index;
    for (const level of this.#levels) {
      const { from, to } = siblings(at, level.length);
      for (let i = from; i < to; i++) if (i !== at) path.push(level[i]);
      at = Math.floor(at / TREE_WIDTH);
    }
    return path;
  }
}

/**
 * The root to which a leaf's path leads.
 * @throws OOTO_CHANNEL_PROOF (peer) when the path is not as long as index and leaf count call for.
 */
export function rootOfPath(
  crypto: Crypto,
  leaf: Uint8Array,
  index: number,
  leafCount: number,
  path: readonly Uint8Array[],
): Uint8Array {
  if (index >= leafCount) throw badPath();
  let [hash, at, size, next] = [leaf, index, leafCount, 0];
  while (size > 1) {
    const { from, to } = siblings(at, size);
    const beside = path.slice(next, next + to - from - 1);
    if (beside.length !== to - from - 1) throw badPath();
    next += beside.length;
    hash = nodeHash(crypto, [...beside.slice(0, at - from), hash, ...beside.slice(at - from)]);
    at = Math.floor(at / TREE_WIDTH);
    size = Math.ceil(size / TREE_WIDTH);
  }
  if (next !== path.length) throw badPath();
  return hash;
}

/** The children of the node above `at`, on a level of `size`. */
function siblings(at: number, size: number): { from: number; to: number } {
  const from = at - (at % TREE_WIDTH);
  return { from, to: Math.min(size, from + TREE_WIDTH) };
}

function nodesOver(crypto: Crypto, level: readonly Uint8Array[]): Uint8Array[] {
  const nodes: Uint8Array[] = [];
  for (let from = 0; from < level.length; from += TREE_WIDTH)
    nodes.push(nodeHash(crypto, level.slice(from, from + TREE_WIDTH)));
  return nodes;
}

function nodeHash(crypto: Crypto, children: readonly Uint8Array[]): Uint8Array {
  return crypto.sha256(concat(Uint8Array.of(NODE_PREFIX), ...children));
}

function badPath(): OotoError {
  return new OotoError('OOTO_CHANNEL_PROOF', 'peer', 'the proof holds no path from its leaf to its root');
}
