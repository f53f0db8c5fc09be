/**
 * What a reader knows of one log: its newest checkpoint. What flows through here: a new checkpoint and a proof
 * come in; the view moves only forward, and only to a tree that begins with the one known; what contradicts it
 * becomes evidence. The caller keeps the note of the view durably and hands it back after a restart.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CheckpointPolicy, type VerifiedCheckpoint, verifyCheckpoint } from './checkpoint.ts';
import { ForkError } from './fork.ts';
import { consistencyRoots, verifyConsistency } from './proof.ts';

/**
 * The view after `note`. Without a known checkpoint (or with one of size zero) the first note is taken as it is
 * and the proof must be empty.
 * @throws the errors of {@link verifyCheckpoint}; OOTO_LOG_ROLLBACK (peer) for a smaller tree;
 * OOTO_LOG_CONSISTENCY (peer) for a proof that shows nothing; {@link ForkError} with evidence for a contradiction.
 */
export function advanceView(
  crypto: Crypto,
  policy: CheckpointPolicy,
  known: VerifiedCheckpoint | undefined,
  note: string,
  proof: readonly Uint8Array[],
): VerifiedCheckpoint {
  const next = verifyCheckpoint(crypto, note, policy);
  if (known) requireGrowth(crypto, known, next, proof);
  else requireNoProof(next, proof);
  return next;
}

/** Reads back a view that was kept. @throws the errors of {@link verifyCheckpoint} when it was altered. */
export function restoreView(crypto: Crypto, policy: CheckpointPolicy, note: string): VerifiedCheckpoint {
  return verifyCheckpoint(crypto, note, policy);
}

/**
 * `prefixRoot` is the root that the tree of `next` has at the size of `known`, as its tiles make it: where that size is a
 * power of two no consistency proof says so, and without it a contradiction would leave no evidence.
 * @throws as {@link advanceView}.
 */
export function requireGrowth(
  crypto: Crypto,
  known: VerifiedCheckpoint,
  next: VerifiedCheckpoint,
  proof: readonly Uint8Array[],
  prefixRoot = known.root,
): void {
  if (next.size < known.size)
    throw new OotoError(
      'OOTO_LOG_ROLLBACK',
      'peer',
      `${next.origin} shows ${next.size} entries after ${known.size}`,
      { culprits: [next.origin] },
    );
  requireNoContradiction(crypto, known, next, proof, prefixRoot);
  if (known.size === 0) requireNoProof(next, proof);
  else requireConsistency(crypto, known, next, proof);
}

function requireConsistency(
  crypto: Crypto,
  { size: size1, root: root1 }: VerifiedCheckpoint,
  { size: size2, root: root2 }: VerifiedCheckpoint,
  proof: readonly Uint8Array[],
): void {
  verifyConsistency(crypto, { size1, root1, size2, root2, proof });
}

/** Two heads of one size, or a proof that leads to the new root from another old root than the known. */
function requireNoContradiction(
  crypto: Crypto,
  known: VerifiedCheckpoint,
  next: VerifiedCheckpoint,
  proof: readonly Uint8Array[],
  prefixRoot: Uint8Array,
): void {
  const evidence = { first: known.note, second: next.note };
  if (next.size === known.size && !equal(next.root, known.root))
    throw new ForkError(next.origin, { ...evidence, prefixRoot: next.root, proof: [] });
  const claim = { size1: known.size, root1: prefixRoot, size2: next.size, root2: next.root, proof };
  const roots = consistencyRoots(crypto, claim);
  if (roots && equal(roots.root2, next.root) && !equal(roots.root1, known.root))
    throw new ForkError(next.origin, { ...evidence, prefixRoot: roots.root1, proof });
}

function requireNoProof({ origin }: VerifiedCheckpoint, proof: readonly Uint8Array[]): void {
  if (proof.length > 0)
    throw new OotoError('OOTO_LOG_CONSISTENCY', 'peer', `a proof from an empty tree of ${origin}`);
}
