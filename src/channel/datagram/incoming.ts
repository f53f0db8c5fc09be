/**
 * What a session receives in datagrams. What flows through here: a record whose key is known and whose counter is new
 * is opened; only then its window moves. Signed batches wait until their signatures are checked, as many at once as are
 * at hand, here or by a verifier that serves many channels; then their messages are delivered, in no promised order.
 */
import { readU32be } from '../../base/bytes.ts';
import { isOotoError } from '../../base/errors.ts';
import { BatchMessages, type Fragment, type ItemOrder } from '../batch.ts';
import type { Epoch } from '../epoch.ts';
import type { SignatureJob } from '../incoming.ts';
import { receivingPlace } from '../session-context.ts';
import {
  badSignature,
  eachSignedItem,
  receiveBatch,
  refusedBatches,
  type SignedBatch,
  type SignedItem,
  type UncheckedBatch,
} from '../signed-batch.ts';
import { badFrame } from '../wire.ts';
import type { OpenEpoch } from './epochs.ts';
import type { DatagramLimits } from './limits.ts';
import { type DatagramSessionContext, PART_PLACE_BYTES, UNCOUNTED } from './outgoing.ts';
import { DATAGRAM, frameOfRecord } from './packet.ts';
import { PartAssembly } from './part-assembly.ts';

/** Takes a message and the items that vouch for it. */
export type MessageTaker = (message: Uint8Array, items: readonly SignedItem[]) => void;

/** So many batches may wait for their check; beyond that they are checked here and now. */
const MOST_UNCHECKED = 256;

const WHOLE_ITEMS: ItemOrder = {
  whole() {},
  part() {
    throw badFrame('a part of a message in a record of whole ones');
  },
};

export class DatagramIncoming {
  readonly #context: DatagramSessionContext;
  readonly #deliver: MessageTaker;
  readonly #assembly: PartAssembly;
  #unchecked: UncheckedBatch[] = [];
  #job: SignatureJob | undefined;
  #jobs = 0;
  #records = 0;
  #messages = 0;
  #refused = 0;
  readonly #batchMessages = new Map<Epoch, BatchMessages>();

  constructor(context: DatagramSessionContext, limits: DatagramLimits, deliver: MessageTaker) {
    this.#context = context;
    this.#deliver = deliver;
    this.#assembly = new PartAssembly(limits);
  }

  get records(): number {
    return this.#records;
  }

  get messages(): number {
    return this.#messages;
  }

  /** Datagrams that did not open. */
  get refused(): number {
    return this.#refused;
  }

  /** Messages of which parts are missing. */
  get openMessages(): number {
    return this.#assembly.open;
  }

  /**
   * The plain text of a record that its window accepts; undefined, and nothing changed, when it is not authentic.
   * The datagram is overwritten in part.
   */
  open({ epoch, window }: OpenEpoch, counter: number, datagram: Uint8Array): Uint8Array | undefined {
    try {
      const plaintext = epoch.receiving.open(frameOfRecord(datagram));
      window.mark(counter);
      this.#records++;
      return plaintext;
    } catch (error) {
      if (!isOotoError(error, 'OOTO_CRYPTO_AUTHENTICATION')) throw error;
      this.#refused++;
      return undefined;
    }
  }

  /** Takes an opened batch, which waits for its check. @throws OOTO_CHANNEL_FRAME (peer). */
  take(epoch: Epoch, counter: number, type: number, plaintext: Uint8Array): void {
    const isPart = type === DATAGRAM.part;
    const { crypto, parties } = this.#context;
    const receiver = {
      ...{ crypto, messages: this.#messagesOf(epoch), senderKey: parties.peerMessageKey, ...parties.shown },
      ...{
        number: UNCOUNTED,
        direction: epoch.receiving,
        order: isPart ? statedOrder(plaintext) : WHOLE_ITEMS,
      },
    };
    const batch = isPart ? plaintext.subarray(PART_PLACE_BYTES) : plaintext;
    const unchecked = receiveBatch(receiver, counter, batch);
    if (isPart && unchecked.batch.fragments?.size !== 1) throw badFrame('a part that is none');
    this.#unchecked.push(unchecked);
  }

  /** Whether so much waits that it must be checked at once. */
  get isFull(): boolean {
    return this.#unchecked.length >= MOST_UNCHECKED;
  }

  /** What is to be checked; undefined while there is nothing, or an answer is awaited. */
  takeJob(): SignatureJob | undefined {
    if (this.#job || this.#unchecked.length === 0) return undefined;
    this.#job = { id: this.#jobs++, checks: this.#unchecked.map(({ check }) => check) };
    return this.#job;
  }

  /**
   * The answer to a job, as places among its checks; a job that was overtaken, or is of a session before, is over.
   * @throws OOTO_CHANNEL_SIGNATURE (peer), once the messages of all good batches were delivered.
   */
  settle(job: SignatureJob, refused: readonly number[], now: number): void {
    if (this.#job !== job) return;
    const count = this.#job.checks.length;
    this.#job = undefined;
    this.#settle(count, refused, now);
  }

  /** Checks all that waits, at once. @throws OOTO_CHANNEL_SIGNATURE (peer), as {@link settle}. */
  check(now: number): void {
    if (this.#unchecked.length === 0) return;
    this.#job = undefined;
    const checks = this.#unchecked.map(({ check }) => check);
    this.#settle(checks.length, refusedBatches(this.#context.crypto, checks), now);
  }

  clear(): void {
    this.#unchecked = [];
    this.#job = undefined;
    this.#assembly.clear();
  }

  #settle(count: number, refused: readonly number[], now: number): void {
    const settled = this.#unchecked.slice(0, count);
    this.#unchecked = this.#unchecked.slice(count);
    settled.forEach(({ batch }, i) => {
      if (!refused.includes(i)) this.#deliverBatch(batch, now);
    });
    if (refused.length > 0) throw badSignature(settled[refused[0]].batch);
  }

  #deliverBatch(batch: SignedBatch, now: number): void {
    eachSignedItem(batch, (signed) => {
      const { fragment, bytes } = signed.item;
      const complete = fragment ? this.#assembly.add(signed, now) : { message: bytes, items: [signed] };
      if (!complete) return;
      this.#messages++;
      this.#deliver(complete.message, complete.items);
    });
  }

  #messagesOf(epoch: Epoch): BatchMessages {
    const known = this.#batchMessages.get(epoch);
    if (known) return known;
    for (const other of this.#batchMessages.keys())
      if (other.number + 1 < epoch.number) this.#batchMessages.delete(other);
    const messages = new BatchMessages(receivingPlace(this.#context, epoch));
    this.#batchMessages.set(epoch, messages);
    return messages;
  }
}

/** The place of a part as its record states it; its signature covers it. */
function statedOrder(plaintext: Uint8Array): ItemOrder {
  const [message, index] = [readU32be(plaintext), readU32be(plaintext, 4)];
  return {
    whole() {
      throw badFrame('a whole message in the record of a part');
    },
    part: (_, last): Fragment => ({ message, index, last }),
  };
}
