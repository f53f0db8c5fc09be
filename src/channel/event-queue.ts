/**
 * What happened on a channel and was not told yet. What flows through here: events in order, and between them whole batches
 * whose signatures are settled; out come single messages, each with what vouches for it, as objects or to a listener; of
 * records whose messages nobody needs any more the memory is given back.
 */
import type { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { eachItem } from './batch.ts';
import type { Peer } from './credential.ts';
import { eachSignedItem, type SignedBatch, type SignedItem } from './signed-batch.ts';

export type ChannelEvent =
  | { readonly type: 'established'; readonly peer: Peer; readonly sessionId: Uint8Array }
  /** `items` vouch for the message; see proof.ts. */
  | { readonly type: 'message'; readonly message: Uint8Array; readonly items: readonly SignedItem[] }
  | { readonly type: 'epoch'; readonly epoch: number }
  /** The peer showed a new credential, for the same id. */
  | { readonly type: 'renewed'; readonly peer: Peer }
  /** Last event. Without `error` the end was agreed: by this side, or by the peer's last record. */
  | { readonly type: 'closed'; readonly error?: OotoError };

/**
 * What a listener returns that has no more use for a message: once all of a record is spent its memory is given back,
 * and the message is an empty array. Without it large messages cost the collection of as much garbage.
 */
export const SPENT: unique symbol = Symbol('spent');

/** Takes what happened, in order. */
export interface ChannelListener {
  /**
   * One message: a view into the plain text of its record, which lives as long as any message of it is held.
   * @param vouch gives what proves the message to others; see proof.ts
   * @returns {@link SPENT} when neither the message nor what vouches for it is needed any more
   */
  message(message: Uint8Array, vouch: () => readonly SignedItem[]): unknown;
  event(event: Exclude<ChannelEvent, { type: 'message' }>): void;
}

type MessageEvent = Extract<ChannelEvent, { type: 'message' }>;
type BatchEvent = { readonly type: 'batch'; readonly batch: SignedBatch };

export class EventQueue {
  readonly #crypto: Crypto;
  #waiting: (ChannelEvent | BatchEvent)[] = [];

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  push(event: ChannelEvent | BatchEvent): void {
    this.#waiting.push(event);
  }

  /** What happened since the last call, in order. */
  takeAll(): ChannelEvent[] {
    const events: ChannelEvent[] = [];
    for (const event of this.#take()) {
      if (event.type !== 'batch') events.push(event);
      else
        eachSignedItem(event.batch, (item) =>
          events.push({ type: 'message', message: item.item.bytes, items: [item] }),
        );
    }
    return events;
  }

  /** {@link takeAll} without an object for each message. */
  drain(listener: ChannelListener): void {
    for (const event of this.#take()) {
      if (event.type === 'batch') this.#drainBatch(event.batch, listener);
      else if (event.type === 'message') this.#drainMessage(event, listener);
      else listener.event(event);
    }
  }

  #drainBatch(batch: SignedBatch, listener: ChannelListener): void {
    const { bytes, count } = batch.items;
    let spent = 0;
    eachItem(bytes, (message, index) => {
      const answer = listener.message(message, () => [{ item: { bytes: message }, batch, index }]);
      if (answer === SPENT) spent++;
    });
    if (spent === count) this.#crypto.giveBack(bytes);
  }

  /** Of a message that came in parts, each in a record of its own unless the peer has its own way. */
  #drainMessage({ message, items }: MessageEvent, listener: ChannelListener): void {
    if (listener.message(message, () => items) !== SPENT) return;
    for (const { batch } of items) if (batch.items.count === 1) this.#crypto.giveBack(batch.items.bytes);
    this.#crypto.giveBack(message);
  }

  #take() {
    const events = this.#waiting;
    this.#waiting = [];
    return events;
  }
}
