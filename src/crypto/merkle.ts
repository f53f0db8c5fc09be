/**
 * RFC 6962 tree hashes with a choice of engine. What flows through here: trees of short leaves are the core's in
 * one go; where leaves are long and there is hardware, it hashes them and the core builds the tree above.
 */
import { concat } from '../base/bytes.ts';
import type { Core } from '../core/index.ts';
import type { Hardware } from '../ports.ts';
import { CROSSOVERS, usesHardware } from './crossover.ts';
import type { Merkle } from './crypto.ts';
import { hashMany, someAreLong } from './sha256.ts';

/** Before every leaf of a tree and every record of a chain. */
export const LEAF_PREFIX = 0;

export function createMerkle(engines: { core: Core; hardware: Hardware }): Merkle {
  const { core, hardware } = engines;
  const prefix = Uint8Array.of(LEAF_PREFIX);
  return {
    leafHash: (leaf) =>
      usesHardware(hardware.sha256 !== undefined, 'auto', leaf.length, CROSSOVERS.sha256)
        ? hardware.sha256!(concat(prefix, leaf))
        : core.sha256.hash(prefix, leaf),
    leafHashes: (leaves) => hashMany(engines, leaves, LEAF_PREFIX),
    nodeHash: core.merkle.nodeHash,
    root: (leaves) =>
      someAreLong(hardware, leaves)
        ? core.merkle.rootOfHashes(hashMany(engines, leaves, LEAF_PREFIX))
        : core.merkle.root(leaves),
    rootOfHashes: core.merkle.rootOfHashes,
  };
}
