/**
 * Inclusion and consistency proofs of Merkle trees (RFC 6962 section 2.1, RFC 9162 section 2.1). What flows
 * through here: for a leaf or a pair of sizes, the list of subtrees whose hashes make the proof, for whoever has
 * the tree; and the two verifications, which demand exactly the hashes that the sizes call for.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';

/** Leaves `from <= i < to`. */
export interface LeafRange {
  readonly from: number;
  readonly to: number;
}

export interface InclusionClaim {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

export interface ConsistencyClaim {
  readonly size1: number;
  readonly root1: Uint8Array;
  readonly size2: number;
  readonly root2: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

export const HASH_BYTES = 32;
/** A tree of 2^53 leaves has no longer proof. */
export const MAX_PROOF_HASHES = 63;

/** Subtrees whose hashes prove the leaf `index` in a tree of `size`, in the order of the proof. */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  requireSize(size);
  if (!isSize(index) || index >= size)
    throw new OotoError('OOTO_LOG_RANGE', 'caller', `leaf ${index} in a tree of ${size}`);
  const ranges: LeafRange[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const split = from + splitOf(to - from);
    if (index < split) {
      ranges.push({ from: split, to });
      to = split;
    } else {
      ranges.push({ from, to: split });
      from = split;
    }
  }
  return ranges.reverse();
}

/** Subtrees whose hashes prove that the tree of `size2` begins with that of `size1`, in the order of the proof. */
export function consistencyRanges(size1: number, size2: number): LeafRange[] {
  requireSize(size1);
  requireSize(size2);
  if (size1 === 0 || size1 > size2)
    throw new OotoError('OOTO_LOG_RANGE', 'caller', `no proof leads from size ${size1} to ${size2}`);
  const ranges: LeafRange[] = [];
  let [from, to] = [0, size2];
  while (size1 < to) {
    const split = from + splitOf(to - from);
    if (size1 <= split) {
      ranges.push({ from: split, to });
      to = split;
    } else {
      ranges.push({ from, to: split });
      from = split;
    }
  }
  if (from > 0) ranges.push({ from, to });
  return ranges.reverse();
}

/**
 * Checks that the leaf is in the tree (RFC 9162 section 2.1.3.2).
 * @throws OOTO_LOG_INCLUSION (peer).
 */
export function verifyInclusion(
  crypto: Crypto,
  { index, size, leafHash, root, proof }: InclusionClaim,
): void {
  const isPossible = isSize(index) && isSize(size) && index < size && areHashes(leafHash, root, ...proof);
  if (!isPossible || !equal(climb(crypto, index, size, leafHash, proof) ?? new Uint8Array(), root))
    throw new OotoError(
      'OOTO_LOG_INCLUSION',
      'peer',
      `leaf ${index} is not shown to be in the tree of ${size}`,
    );
}

/**
 * Checks that the second tree begins with the first (RFC 9162 section 2.1.4.2). An empty first tree proves
 * nothing and is refused; equal sizes take an empty proof and equal roots.
 * @throws OOTO_LOG_CONSISTENCY (peer).
 */
export function verifyConsistency(crypto: Crypto, claim: ConsistencyClaim): void {
  const roots = consistencyRoots(crypto, claim);
  if (!roots || !equal(roots.root1, claim.root1) || !equal(roots.root2, claim.root2))
    throw new OotoError(
      'OOTO_LOG_CONSISTENCY',
      'peer',
      `the tree of ${claim.size2} is not shown to begin with that of ${claim.size1}`,
    );
}

/**
 * The two roots that a consistency proof leads to, whatever is claimed; undefined when the proof is not of the
 * length that the sizes call for. When the first size is a power of two the first root is taken from the claim.
 */
export function consistencyRoots(
  crypto: Crypto,
  { size1, root1, size2, root2, proof }: ConsistencyClaim,
): { root1: Uint8Array; root2: Uint8Array } | undefined {
  if (!isSize(size1) || !isSize(size2) || size1 === 0 || size1 > size2) return undefined;
  if (size1 === size2) return proof.length === 0 ? { root1, root2: root1 } : undefined;
  if (!areHashes(root1, root2, ...proof)) return undefined;
  const [start, ...rest] = isPowerOfTwo(size1) ? [root1, ...proof] : proof;
  return start && walk(crypto, size1, size2, start, rest);
}

function climb(
  crypto: Crypto,
  index: number,
  size: number,
  leafHash: Uint8Array,
  proof: readonly Uint8Array[],
): Uint8Array | undefined {
  const at = new Position(index, size - 1);
  let hash = leafHash;
  for (const sibling of proof) {
    if (at.isDone) return undefined;
    hash = at.isRight ? crypto.merkle.nodeHash(sibling, hash) : crypto.merkle.nodeHash(hash, sibling);
    at.rise();
  }
  return at.isDone ? hash : undefined;
}

function walk(
  crypto: Crypto,
  size1: number,
  size2: number,
  start: Uint8Array,
  proof: readonly Uint8Array[],
): { root1: Uint8Array; root2: Uint8Array } | undefined {
  const at = new Position(size1 - 1, size2 - 1);
  at.riseWhileOdd();
  let [root1, root2] = [start, start];
  for (const hash of proof) {
    if (at.isDone) return undefined;
    if (at.isRight) root1 = crypto.merkle.nodeHash(hash, root1);
    root2 = at.isRight ? crypto.merkle.nodeHash(hash, root2) : crypto.merkle.nodeHash(root2, hash);
    at.rise();
  }
  return at.isDone ? { root1, root2 } : undefined;
}

/** The pair (fn, sn) of RFC 9162: a node and the last node of its level. Sizes exceed 32 bits, so no shifts. */
class Position {
  #node: number;
  #last: number;

  constructor(node: number, last: number) {
    this.#node = node;
    this.#last = last;
  }

  /** No level is left above. */
  get isDone(): boolean {
    return this.#last === 0;
  }

  /** The sibling stands on the left. */
  get isRight(): boolean {
    return this.#node % 2 === 1 || this.#node === this.#last;
  }

  rise(): void {
    if (this.#node === this.#last) while (this.#node % 2 === 0 && this.#node !== 0) this.#up();
    this.#up();
  }

  riseWhileOdd(): void {
    while (this.#node % 2 === 1) this.#up();
  }

  #up(): void {
    this.#node = Math.floor(this.#node / 2);
    this.#last = Math.floor(this.#last / 2);
  }
}

/** The largest power of two below `count`. */
function splitOf(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

export function isPowerOfTwo(size: number): boolean {
  return splitOf(size + 1) === size;
}

function isSize(size: number): boolean {
  return Number.isSafeInteger(size) && size >= 0;
}

function requireSize(size: number): void {
  if (!isSize(size)) throw new OotoError('OOTO_LOG_RANGE', 'caller', `${size} is no tree size`);
}

function areHashes(...hashes: readonly Uint8Array[]): boolean {
  return hashes.length <= MAX_PROOF_HASHES + 2 && hashes.every((hash) => hash.length === HASH_BYTES);
}
