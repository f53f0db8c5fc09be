/**
 * Where a collector keeps proofs of contradiction. What flows through here: each new proof becomes one store
 * entry under its node; as many are kept of a node as serve any purpose, and the same one is kept once.
 */
import { utf8 } from '../base/bytes.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { StoreChange } from '../ports.ts';
import type { ReadableStore } from './chain-store.ts';
import { type ContradictionError, encodeContradiction } from './evidence.ts';

/** Proofs of one node at most: one would do. */
export const MAX_EVIDENCE_OF_A_NODE = 16;
const AFTER = '~';

export class EvidenceShelf {
  readonly #crypto: Crypto;
  readonly #store: ReadableStore;
  readonly #prefix: string;

  constructor(crypto: Crypto, store: ReadableStore, prefix: string) {
    this.#crypto = crypto;
    this.#store = store;
    this.#prefix = `${prefix}evidence/`;
  }

  /** What has to be written so that these are kept. */
  changes(contradictions: readonly ContradictionError[]): StoreChange[] {
    const changes = new Map<string, StoreChange>();
    for (const { evidence } of contradictions) {
      const folder = this.#folder(evidence[0].body.node);
      const value = encodeContradiction(evidence);
      const put = `${folder}${hex(this.#crypto.sha256(value))}`;
      const planned = [...changes.keys()].filter((key) => key.startsWith(folder)).length;
      if (this.#stored(folder).length + planned < MAX_EVIDENCE_OF_A_NODE) changes.set(put, { put, value });
    }
    return [...changes.values()];
  }

  /** The encoded proofs against `node`. */
  of(node: string): Uint8Array[] {
    return this.#stored(this.#folder(node)).map(({ value }) => value);
  }

  #stored(folder: string): { key: string; value: Uint8Array }[] {
    return this.#store.range(folder, `${folder}${AFTER}`, { limit: MAX_EVIDENCE_OF_A_NODE });
  }

  #folder(node: string): string {
    return `${this.#prefix}${hex(this.#crypto.sha256(utf8(node)))}/`;
  }
}
