/**
 * The hash chain in the core. What flows through here: the running head stands before the records, or before
 * leaf hashes made elsewhere; each piece of the input area yields one head per record and hands its last head to
 * the next piece. A batch first grows its Merkle tree, then takes one step.
 */
import {
  DIGEST_BYTES,
  moveDigests,
  requireDigests,
  requireRoom,
  takeDigest,
  takeDigests,
  writeDigests,
} from './digest.ts';
import type { Engine } from './engine.ts';
import { type CoreMerkle, LEAF_PREFIX } from './merkle.ts';
import { MessageList } from './message-list.ts';
import type { CoreSha256 } from './sha256.ts';

export interface CoreChain {
  append(head: Uint8Array, records: readonly Uint8Array[]): Uint8Array[];
  /** The same to `heads`, 32 bytes each. @throws OOTO_CORE_DIGEST (caller) unless it has that length. */
  appendInto(head: Uint8Array, records: readonly Uint8Array[], heads: Uint8Array): void;
  appendHashes(head: Uint8Array, leafHashes: readonly Uint8Array[]): Uint8Array[];
  appendBatch(head: Uint8Array, records: readonly Uint8Array[]): Uint8Array;
  appendBatchHashes(head: Uint8Array, leafHashes: readonly Uint8Array[]): Uint8Array;
}

export function createCoreChain(engine: Engine, sha256: CoreSha256, merkle: CoreMerkle): CoreChain {
  const { exports, input } = engine;
  const list = new MessageList(engine, DIGEST_BYTES);

  const appendHashes = (head: Uint8Array, leafHashes: readonly Uint8Array[]): Uint8Array[] => {
    requireDigests([head]);
    requireDigests(leafHashes);
    const heads: Uint8Array[] = [];
    while (heads.length < leafHashes.length) {
      const count = writeDigests(engine, leafHashes, heads.length, DIGEST_BYTES);
      input.set(heads.at(-1) ?? head);
      exports.chainAppendHashes(count);
      input.fill(0, 0, (count + 1) * DIGEST_BYTES);
      takeDigests(engine, count, heads);
    }
    return heads;
  };

  /** Appends as many records from `from` on as one list takes; their heads are in the output area. 0 when the first is too long. */
  const appendList = (before: Uint8Array, records: readonly Uint8Array[], from: number): number => {
    const count = list.write(records, from, LEAF_PREFIX);
    if (count === 0) return 0;
    input.set(before);
    exports.chainAppend(count);
    list.wipe();
    return count;
  };

  const appendLong = (before: Uint8Array, record: Uint8Array): Uint8Array =>
    appendHashes(before, [sha256.hash(Uint8Array.of(LEAF_PREFIX), record)])[0];

  const append = (head: Uint8Array, records: readonly Uint8Array[]): Uint8Array[] => {
    requireDigests([head]);
    const heads: Uint8Array[] = [];
    while (heads.length < records.length) {
      const before = heads.at(-1) ?? head;
      const count = appendList(before, records, heads.length);
      if (count === 0) heads.push(appendLong(before, records[heads.length]));
      else takeDigests(engine, count, heads);
    }
    return heads;
  };

  const appendInto = (head: Uint8Array, records: readonly Uint8Array[], heads: Uint8Array): void => {
    requireDigests([head]);
    requireRoom(heads, records.length);
    let before = head;
    for (let from = 0; from < records.length; ) {
      const count = appendList(before, records, from);
      if (count === 0) heads.set(appendLong(before, records[from]), from * DIGEST_BYTES);
      else moveDigests(engine, count, heads, from);
      from += Math.max(1, count);
      before = heads.subarray((from - 1) * DIGEST_BYTES, from * DIGEST_BYTES);
    }
  };

  const step = (head: Uint8Array, count: number): Uint8Array => {
    input.set(head);
    exports.chainAppendBatch(count);
    input.fill(0, 0, DIGEST_BYTES);
    return takeDigest(engine);
  };

  return {
    append,
    appendInto,
    appendHashes,
    appendBatch: (head, records) => {
      requireDigests([head]);
      merkle.grow(records);
      return step(head, records.length);
    },
    appendBatchHashes: (head, leafHashes) => {
      requireDigests([head]);
      merkle.growHashes(leafHashes);
      return step(head, leafHashes.length);
    },
  };
}
