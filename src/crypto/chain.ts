/**
 * The hash chain with a choice of engine. What flows through here: short records are chained in the core in one
 * go; where records are long and there is hardware, it hashes them and the core takes the steps.
 */
import type { Core } from '../core/index.ts';
import type { Hardware } from '../ports.ts';
import type { HashChain } from './crypto.ts';
import { LEAF_PREFIX } from './merkle.ts';
import { hashMany, someAreLong, writeRow } from './sha256.ts';

export function createHashChain(engines: { core: Core; hardware: Hardware }): HashChain {
  const { core, hardware } = engines;
  return {
    append: (head, records) =>
      someAreLong(hardware, records)
        ? core.chain.appendHashes(head, hashMany(engines, records, LEAF_PREFIX))
        : core.chain.append(head, records),
    appendInto(head, records, heads) {
      if (!someAreLong(hardware, records)) core.chain.appendInto(head, records, heads);
      else writeRow(core.chain.appendHashes(head, hashMany(engines, records, LEAF_PREFIX)), heads);
    },
    appendBatch: (head, records) =>
      someAreLong(hardware, records)
        ? core.chain.appendBatchHashes(head, hashMany(engines, records, LEAF_PREFIX))
        : core.chain.appendBatch(head, records),
    appendHashes: core.chain.appendHashes,
    appendBatchHashes: core.chain.appendBatchHashes,
  };
}
