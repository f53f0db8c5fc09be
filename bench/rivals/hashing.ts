/**
 * What can be built on any SHA-256: digests of many messages, hash chains, Merkle roots. What flows through here: a
 * function that hashes one message from the caller's array to the caller's array; messages are laid behind their
 * prefix in one scratch array that is made once, which is faster than hashing in two parts for all libraries here.
 */
import type { Engine } from '../engine.ts';

const DIGEST_BYTES = 32;
const LEAF = 0;
const NODE = 1;
const LINK = 2;
const BATCH = 3;

/** Hashes `message` and writes the digest to `to` at `at`. */
export type HashInto = (message: Uint8Array, to: Uint8Array, at: number) => void;

/** The hashing part of an engine. */
export function hashingWith(
  hash: HashInto,
): Required<Pick<Engine, 'sha256' | 'sha256Many' | 'chain' | 'chainBatched' | 'merkleRoot'>> {
  const link = new Uint8Array(1 + 2 * DIGEST_BYTES);
  const node = new Uint8Array(1 + 2 * DIGEST_BYTES);
  const batch = new Uint8Array(1 + DIGEST_BYTES + 4 + DIGEST_BYTES);
  [link[0], node[0], batch[0]] = [LINK, NODE, BATCH];
  let leaf = new Uint8Array([LEAF]);

  const hashLeaf = (record: Uint8Array, to: Uint8Array, at: number) => {
    if (leaf.length !== record.length + 1) leaf = new Uint8Array(record.length + 1).fill(LEAF, 0, 1);
    leaf.set(record, 1);
    hash(leaf, to, at);
  };

  const rootInto = (leaves: readonly Uint8Array[], to: Uint8Array, at: number) => {
    const level = new Uint8Array(Math.max(1, leaves.length) * DIGEST_BYTES);
    for (let i = 0; i < leaves.length; i++) hashLeaf(leaves[i], level, i * DIGEST_BYTES);
    for (let count = leaves.length; count > 1; count = foldLevel(level, count));
    to.set(level.subarray(0, DIGEST_BYTES), at);
  };

  /** Replaces the first `count` hashes by those of their pairs; a last one without a pair goes up as it is. */
  const foldLevel = (level: Uint8Array, count: number): number => {
    let above = 0;
    for (let i = 0; i + 1 < count; i += 2, above++) {
      node.set(level.subarray(i * DIGEST_BYTES, (i + 2) * DIGEST_BYTES), 1);
      hash(node, level, above * DIGEST_BYTES);
    }
    if (count % 2 === 1)
      level.copyWithin(above++ * DIGEST_BYTES, (count - 1) * DIGEST_BYTES, count * DIGEST_BYTES);
    return above;
  };

  return {
    sha256: (message, digest) => hash(message, digest, 0),
    sha256Many(messages, digests) {
      for (let i = 0; i < messages.length; i++) hash(messages[i], digests, i * DIGEST_BYTES);
    },
    chain(head, records, heads) {
      link.set(head, 1);
      for (let i = 0; i < records.length; i++) {
        hashLeaf(records[i], link, 1 + DIGEST_BYTES);
        hash(link, heads, i * DIGEST_BYTES);
        link.set(heads.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES), 1);
      }
    },
    chainBatched(head, records, next) {
      batch.set(head, 1);
      new DataView(batch.buffer).setUint32(1 + DIGEST_BYTES, records.length);
      rootInto(records, batch, 1 + DIGEST_BYTES + 4);
      hash(batch, next, 0);
    },
    merkleRoot: (leaves, root) => rootInto(leaves, root, 0),
  };
}
