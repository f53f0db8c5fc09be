/** A store in the memory of a page: what it holds ends with the page. A page that is to come back brings its own. */
import { compare, utf8 } from '../../base/bytes.ts';
import type { Store } from '../../ports.ts';

export function memoryStore(): Store {
  const values = new Map<string, Uint8Array>();
  return {
    get: (key) => values.get(key)?.slice(),
    range(from, to, { limit = Number.POSITIVE_INFINITY, reverse = false } = {}) {
      const [least, end] = [utf8(from), utf8(to)];
      const found = [...values]
        .map(([key, value]) => ({ key, value, order: utf8(key) }))
        .filter(({ order }) => compare(order, least) >= 0 && compare(order, end) < 0)
        .sort((a, b) => compare(a.order, b.order));
      if (reverse) found.reverse();
      return found.slice(0, limit).map(({ key, value }) => ({ key, value: value.slice() }));
    },
    async commit(changes) {
      for (const change of changes) {
        if ('put' in change) values.set(change.put, change.value.slice());
        else values.delete(change.delete);
      }
    },
    async close() {},
  };
}
