/**
 * The Store port in memory, with faults. What flows through here: commits are applied all or not at all; a test
 * may make a commit fail, hold it back, or take the state as it was and open it again like after a crash.
 */
import { compare, utf8 } from '../../src/base/bytes.ts';
import { OotoError } from '../../src/base/errors.ts';
import type { Store, StoreChange, StoreEntry } from '../../src/ports.ts';

export class MemoryStore implements Store {
  readonly #values: Map<string, Uint8Array>;
  readonly commits: (readonly StoreChange[])[] = [];
  /** Called before each commit; what it throws or rejects with is the commit's failure. */
  beforeCommit: (changes: readonly StoreChange[], count: number) => unknown = () => {};

  constructor(values: Iterable<readonly [string, Uint8Array]> = []) {
    this.#values = new Map(values);
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key)?.slice();
  }

  range(from: string, to: string, { limit = Number.POSITIVE_INFINITY, reverse = false } = {}): StoreEntry[] {
    const [least, end] = [utf8(from), utf8(to)];
    const entries = [...this.#values]
      .map(([key, value]) => ({ key, value: value.slice(), order: utf8(key) }))
      .filter(({ order }) => compare(order, least) >= 0 && compare(order, end) < 0)
      .sort((a, b) => compare(a.order, b.order))
      .map(({ key, value }) => ({ key, value }));
    if (reverse) entries.reverse();
    return entries.slice(0, limit);
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    const copy = changes.map((change) =>
      'put' in change ? { put: change.put, value: change.value.slice() } : change,
    );
    await this.beforeCommit(copy, this.commits.length + 1);
    this.commits.push(copy);
    for (const change of copy) {
      if ('put' in change) this.#values.set(change.put, change.value);
      else this.#values.delete(change.delete);
    }
  }

  async close(): Promise<void> {}

  /** What a process finds that opens this store after a crash now. */
  reopened(): MemoryStore {
    return new MemoryStore([...this.#values].map(([key, value]) => [key, value.slice()] as const));
  }
}

export function diskFull(): never {
  throw new OotoError('OOTO_STORE_WRITE', 'environment', 'the disk is full');
}
