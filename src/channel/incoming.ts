/**
 * What a session receives. What flows through here: the header of each record must follow the one before exactly;
 * batches are opened as they come and wait until their signatures are checked, as many at once as are at hand, here or
 * by a verifier that serves many channels; then their messages are delivered, in order. Where only authenticated
 * delivery was asked for they are delivered at once and checked afterwards. Nothing of a record that is not authentic
 * leaves a trace.
 */
import { OotoError } from '../base/errors.ts';
import type { Ed25519Item } from '../crypto/crypto.ts';
import { BatchMessages } from './batch.ts';
import type { Epoch } from './epoch.ts';
import { FragmentOrder } from './fragments.ts';
import { receivingPlace, type SessionContext } from './session-context.ts';
import {
  badSignature,
  eachSignedItem,
  MessageAssembler,
  receiveBatch,
  refusedBatches,
  type SignedBatch,
  type SignedItem,
  type UncheckedBatch,
} from './signed-batch.ts';
import { type Frame, readRecordHeader } from './wire.ts';

/**
 * When messages are delivered: `verified`, after their signature was checked; `authenticated`, as soon as the record
 * is opened: it surely comes from the peer, but whether it can be proven to others is known a moment later, and if it
 * cannot the channel closes.
 */
export type Delivery = 'verified' | 'authenticated';

/** Takes what was delivered. */
export interface MessageSink {
  /** All of whose items are whole messages. */
  batch(batch: SignedBatch): void;
  /** A message and the items that vouch for it. */
  message(message: Uint8Array, items: readonly SignedItem[]): void;
}

/** Signatures to be checked for a channel; the answer goes to {@link Channel.settle} under the same id. */
export interface SignatureJob {
  readonly id: number;
  readonly checks: readonly Ed25519Item[];
}

/** So much may wait for its check; beyond that it is checked here and now. */
const MOST_UNCHECKED_BYTES = 4 * 2 ** 20;
const MOST_UNCHECKED = 256;

export class Incoming {
  readonly #context: SessionContext;
  readonly #delivery: Delivery;
  readonly #sink: MessageSink;
  readonly #order: FragmentOrder;
  readonly #assembler: MessageAssembler;
  #unchecked: UncheckedBatch[] = [];
  #uncheckedBytes = 0;
  #job: SignatureJob | undefined;
  #jobs = 0;
  #records = 0;
  #batches = 0;
  #messages = 0;
  #batchMessages: BatchMessages | undefined;

  constructor(context: SessionContext, delivery: Delivery, sink: MessageSink) {
    this.#context = context;
    this.#delivery = delivery;
    this.#sink = sink;
    this.#assembler = new MessageAssembler(context.crypto);
    this.#order = new FragmentOrder(context.limits.messageBytes);
  }

  /** Records opened so far. */
  get records(): number {
    return this.#records;
  }

  /** Batches opened so far. */
  get batches(): number {
    return this.#batches;
  }

  /** Messages delivered so far. */
  get messages(): number {
    return this.#messages;
  }

  /** Whether signatures of opened batches are not checked yet. */
  get hasUnchecked(): boolean {
    return this.#unchecked.length > 0;
  }

  /** Gives up what only a busy channel needs. */
  rest(): void {
    this.#batchMessages = undefined;
  }

  /**
   * The epoch of a record, whose header must be the next one of it.
   * @throws OOTO_CHANNEL_COUNTER, OOTO_CHANNEL_EPOCH, OOTO_CHANNEL_FRAME (peer).
   */
  epochOf(frame: Frame): Epoch {
    const { epochs } = this.#context;
    const header = readRecordHeader(frame);
    const epoch = epochs.epochOf(header.epoch, frame.type);
    const expected = epoch.receiving.counter;
    if (header.counter !== expected)
      throw new OotoError(
        'OOTO_CHANNEL_COUNTER',
        'peer',
        `record ${header.counter} arrived where ${expected} is next`,
        { hint: 'records were replayed, reordered or dropped on the way' },
      );
    return epoch;
  }

  /**
   * Opens a batch of the running epoch, which waits for its check.
   * @throws OOTO_CRYPTO_AUTHENTICATION, OOTO_CHANNEL_FRAME, OOTO_CHANNEL_SIZE (peer).
   */
  take(epoch: Epoch, frame: Frame): void {
    const { crypto, parties } = this.#context;
    const { receiving } = epoch;
    const { counter } = receiving;
    const plaintext = receiving.open(frame.whole);
    this.#records++;
    const unchecked = receiveBatch(
      {
        crypto,
        messages: this.#batchMessagesOf(epoch),
        senderKey: parties.peerMessageKey,
        ...parties.shown,
        direction: receiving,
        order: this.#order,
        number: this.#batches++,
      },
      counter,
      plaintext,
    );
    if (this.#delivery === 'authenticated') this.#deliver(unchecked.batch);
    this.#unchecked.push(unchecked);
    this.#uncheckedBytes += plaintext.length;
    if (this.#unchecked.length > MOST_UNCHECKED || this.#uncheckedBytes > MOST_UNCHECKED_BYTES) this.check();
  }

  /**
   * Opens one control record. None stands between the parts of a message: their keys and their epoch are the same, so
   * that the message can be proven, and no agreed end cuts it off.
   * @throws OOTO_CRYPTO_AUTHENTICATION, OOTO_CHANNEL_FRAME (peer).
   */
  openControl(epoch: Epoch, frame: Frame): Uint8Array {
    const plaintext = epoch.receiving.open(frame.whole);
    this.#records++;
    this.#order.other();
    return plaintext;
  }

  /** What is to be checked; undefined while there is nothing, or an answer is awaited. */
  takeJob(): SignatureJob | undefined {
    if (this.#job || this.#unchecked.length === 0) return undefined;
    this.#job = { id: this.#jobs++, checks: this.#unchecked.map(({ check }) => check) };
    return this.#job;
  }

  /**
   * The answer to a job, as places among its checks; a job that was overtaken is over already.
   * @throws OOTO_CHANNEL_SIGNATURE (peer), after the messages before the first bad batch were delivered.
   */
  settle(id: number, refused: readonly number[]): void {
    if (this.#job?.id !== id) return;
    const count = this.#job.checks.length;
    this.#job = undefined;
    this.#settle(count, refused);
  }

  /** Checks all that waits, at once. @throws OOTO_CHANNEL_SIGNATURE (peer), as {@link settle}. */
  check(): void {
    if (this.#unchecked.length === 0) return;
    this.#job = undefined;
    const checks = this.#unchecked.map(({ check }) => check);
    this.#settle(checks.length, refusedBatches(this.#context.crypto, checks));
  }

  clear(): void {
    this.#unchecked = [];
    this.#job = undefined;
  }

  #settle(count: number, refused: readonly number[]): void {
    const settled = this.#unchecked.slice(0, count);
    this.#unchecked = this.#unchecked.slice(count);
    this.#uncheckedBytes = this.#unchecked.reduce((sum, { batch }) => sum + batch.items.bytes.length, 0);
    const good = refused.length === 0 ? count : Math.min(...refused);
    if (this.#delivery === 'verified') for (const { batch } of settled.slice(0, good)) this.#deliver(batch);
    if (good < count) throw badSignature(settled[good].batch);
  }

  #deliver(batch: SignedBatch): void {
    if (batch.fragments) eachSignedItem(batch, (signed) => this.#deliverItem(signed));
    else {
      this.#messages += batch.items.count;
      this.#sink.batch(batch);
    }
  }

  #deliverItem(signed: SignedItem): void {
    const { fragment, bytes } = signed.item;
    const complete = fragment ? this.#assembler.add(signed) : { message: bytes, items: [signed] };
    if (!complete) return;
    this.#messages++;
    this.#sink.message(complete.message, complete.items);
  }

  /** Made anew when epoch or keys have changed. */
  #batchMessagesOf(epoch: Epoch): BatchMessages {
    const { senderHash, receiverHash } = this.#context.parties.receiving;
    const place = this.#batchMessages?.place;
    const isCurrent =
      place?.epochHash === epoch.hash &&
      place.senderHash === senderHash &&
      place.receiverHash === receiverHash;
    if (!isCurrent) this.#batchMessages = new BatchMessages(receivingPlace(this.#context, epoch));
    return this.#batchMessages!;
  }
}
