/**
 * Messages that wait to be sent. What flows through here: messages of any length are cut into items, and a flush
 * takes all of them at once, grouped into as few records as hold them in their order. Nothing waits for company.
 */
import { type Item, itemBytes, MAX_ITEMS_BYTES } from './batch.ts';
import { Fragmenter } from './fragments.ts';

export class MessageQueue {
  readonly #fragmenter = new Fragmenter();
  #items: Item[] = [];
  #bytes = 0;

  /** Bytes that wait, with their item headers. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The message must not be changed before it is taken. */
  push(message: Uint8Array): void {
    for (const item of this.#fragmenter.cut(message)) {
      this.#items.push(item);
      this.#bytes += itemBytes(item);
    }
  }

  /** All that waits, as the items of one record each. */
  take(): Item[][] {
    const groups = grouped(this.#items);
    this.clear();
    return groups;
  }

  clear(): void {
    this.#items = [];
    this.#bytes = 0;
  }
}

function grouped(items: readonly Item[]): Item[][] {
  const groups: Item[][] = [];
  let room = 0;
  for (const item of items) {
    const size = itemBytes(item);
    if (size > room) {
      groups.push([]);
      room = MAX_ITEMS_BYTES;
    }
    groups[groups.length - 1].push(item);
    room -= size;
  }
  return groups;
}
