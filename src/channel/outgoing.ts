/**
 * What a session sends. What flows through here: messages wait in a queue, control records are sealed at once; a
 * flush packs all that waits into as few records as hold it, signs each record once and seals them together.
 * Counters follow the order in which records were sealed, which is the order on the wire.
 */
import { concat } from '../base/bytes.ts';
import type { ControlRecord } from './epoch-keeper.ts';
import { MessageQueue } from './message-queue.ts';
import { type SessionContext, sendingPlace } from './session-context.ts';
import { signBatch } from './signed-batch.ts';
import { FRAME } from './wire.ts';

export class Outgoing {
  readonly #context: SessionContext;
  readonly #queue = new MessageQueue();
  #sealed: Uint8Array[] = [];
  #records = 0;
  #messages = 0;

  constructor(context: SessionContext) {
    this.#context = context;
  }

  /** Records sealed so far. */
  get records(): number {
    return this.#records;
  }

  /** Messages taken so far. */
  get messages(): number {
    return this.#messages;
  }

  /** Bytes of messages that wait. */
  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** Queues a message until the next flush; it must not be changed before. */
  push(message: Uint8Array): void {
    this.#queue.push(message);
    this.#messages++;
  }

  /** Seals a record of the session itself, ahead of messages that wait. */
  sealControl(record: ControlRecord): void {
    this.#sealed.push(this.#context.epochs.sending.sending.seal([record]));
    this.#records++;
  }

  /** Signs and seals the messages that wait. */
  sealMessages(): void {
    if (this.#queue.bytes === 0) return;
    const { crypto, epochs, parties } = this.#context;
    const { sending } = epochs.sending;
    const place = sendingPlace(this.#context, epochs.sending);
    const first = sending.counter;
    const records = this.#queue.take().map((items, i) => ({
      type: FRAME.batch,
      plaintext: signBatch(crypto, parties.messageKey, place, sending, first + i, items),
    }));
    this.#sealed.push(sending.seal(records));
    this.#records += records.length;
  }

  /** Everything for the wire, in order. */
  flush(): Uint8Array {
    this.sealMessages();
    const sealed = this.#sealed;
    this.#sealed = [];
    return sealed.length === 1 ? sealed[0] : concat(...sealed);
  }

  clear(): void {
    this.#queue.clear();
    this.#sealed = [];
  }
}
