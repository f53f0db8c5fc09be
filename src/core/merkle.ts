/**
 * RFC 6962 tree hashes in the core. What flows through here: leaves, or leaf hashes made elsewhere, in as many
 * pieces as the input area asks for; the core keeps the pending subtree hashes between pieces; one root comes out.
 */
import { DIGEST_BYTES, requireDigests, takeDigest, writeDigests } from './digest.ts';
import type { Engine } from './engine.ts';
import { MessageList } from './message-list.ts';
import type { CoreSha256 } from './sha256.ts';

export const LEAF_PREFIX = 0;

export interface CoreMerkle {
  nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array;
  root(leaves: readonly Uint8Array[]): Uint8Array;
  rootOfHashes(leafHashes: readonly Uint8Array[]): Uint8Array;
  /** Builds a tree in the core and leaves it there for an operation that ends it (see chain.ts). */
  grow(leaves: readonly Uint8Array[]): void;
  /** The same from leaf hashes. */
  growHashes(leafHashes: readonly Uint8Array[]): void;
}

export function createCoreMerkle(engine: Engine, sha256: CoreSha256): CoreMerkle {
  const { exports, input, output } = engine;
  const list = new MessageList(engine);

  const appendHashes = (hashes: readonly Uint8Array[]): void => {
    for (let from = 0; from < hashes.length; ) {
      const count = writeDigests(engine, hashes, from);
      exports.merkleAppendHashes(count);
      input.fill(0, 0, count * DIGEST_BYTES);
      output.fill(0, 0, (count + 1) * DIGEST_BYTES);
      from += count;
    }
  };

  const append = (leaves: readonly Uint8Array[], from: number): number => {
    const count = list.write(leaves, from, LEAF_PREFIX);
    if (count === 0) {
      appendHashes([sha256.hash(Uint8Array.of(LEAF_PREFIX), leaves[from])]);
      return 1;
    }
    exports.merkleAppend(count);
    list.wipe();
    output.fill(0, 0, (count + 1) * DIGEST_BYTES);
    return count;
  };

  const grow = (leaves: readonly Uint8Array[]): void => {
    exports.merkleStart();
    for (let from = 0; from < leaves.length; ) from += append(leaves, from);
  };

  const growHashes = (leafHashes: readonly Uint8Array[]): void => {
    requireDigests(leafHashes);
    exports.merkleStart();
    appendHashes(leafHashes);
  };

  const finish = (): Uint8Array => {
    exports.merkleFinish();
    return takeDigest(engine);
  };

  return {
    nodeHash: (left, right) => {
      requireDigests([left, right]);
      input.set(left);
      input.set(right, DIGEST_BYTES);
      exports.merkleNode();
      input.fill(0, 0, 2 * DIGEST_BYTES);
      return takeDigest(engine);
    },
    root: (leaves) => {
      grow(leaves);
      return finish();
    },
    rootOfHashes: (leafHashes) => {
      growHashes(leafHashes);
      return finish();
    },
    grow,
    growHashes,
  };
}
