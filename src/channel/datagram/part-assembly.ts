/**
 * Messages longer than a datagram, on their way back into one. What flows through here: parts whose signatures were
 * checked, in any order; a message comes out once, complete, or not at all. How many messages are open at a time, how
 * long and how large they are is bounded; where a bound is reached the oldest gives way.
 */
import { concat } from '../../base/bytes.ts';
import type { SignedItem } from '../signed-batch.ts';
import { badFrame } from '../wire.ts';
import { type DatagramLimits, MOST_MESSAGE_BYTES } from './limits.ts';
import { ReplayWindow } from './replay-window.ts';

/** Parts other than the last are at least this long, so that a message has few of them. */
export const MIN_PART_BYTES = 1_024;
export const MOST_PARTS = MOST_MESSAGE_BYTES / MIN_PART_BYTES;

interface OpenMessage {
  readonly items: (SignedItem | undefined)[];
  readonly since: number;
  count: number | undefined;
  held: number;
  bytes: number;
}

export class PartAssembly {
  readonly #limits: DatagramLimits;
  /** By number, in the order of their first parts. */
  readonly #open = new Map<number, OpenMessage>();
  /** Messages that were delivered or given up. */
  readonly #past = new ReplayWindow();

  constructor(limits: DatagramLimits) {
    this.#limits = limits;
  }

  /** Messages of which parts are missing. */
  get open(): number {
    return this.#open.size;
  }

  /**
   * The message that this part completes.
   * @throws OOTO_CHANNEL_FRAME (peer) for parts that make no message.
   */
  add(signed: SignedItem, now: number): { message: Uint8Array; items: readonly SignedItem[] } | undefined {
    const { message: number, index, last } = signed.item.fragment!;
    this.#forgetLate(now);
    if (!this.#past.accepts(number)) return undefined;
    const message = this.#open.get(number) ?? this.#begin(number, now);
    if (message.items[index]) throw badFrame('a part of a message twice');
    this.#place(message, signed, index, last);
    if (message.held !== message.count) return undefined;
    this.#end(number);
    const items = message.items as SignedItem[];
    return { message: concat(...items.map(({ item }) => item.bytes)), items };
  }

  clear(): void {
    this.#open.clear();
  }

  #place(message: OpenMessage, signed: SignedItem, index: number, last: boolean): void {
    const { length } = signed.item.bytes;
    const isSound = last
      ? index > 0 && length > 0 && message.count === undefined && message.items.length <= index + 1
      : length >= MIN_PART_BYTES && index < (message.count ?? MOST_PARTS) - 1;
    message.bytes += length;
    if (!isSound || index >= MOST_PARTS || message.bytes > this.#limits.messageBytes)
      throw badFrame('parts that make no message');
    if (last) message.count = index + 1;
    message.items[index] = signed;
    message.held++;
  }

  #begin(number: number, now: number): OpenMessage {
    if (this.#open.size >= this.#limits.partedMessages) this.#end(this.#open.keys().next().value as number);
    const message = { items: [], since: now, count: undefined, held: 0, bytes: 0 };
    this.#open.set(number, message);
    return message;
  }

  #end(number: number): void {
    this.#open.delete(number);
    if (this.#past.accepts(number)) this.#past.mark(number);
  }

  #forgetLate(now: number): void {
    for (const [number, { since }] of this.#open) {
      if (now - since < this.#limits.partMs) return;
      this.#end(number);
    }
  }
}
