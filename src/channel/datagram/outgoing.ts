/**
 * What a session sends in datagrams. What flows through here: messages wait laid out as records, as many small ones as
 * fit a datagram in each, a longer one cut into parts that have a record each; a flush signs every record, as on
 * streams, and seals it. Records of the session itself are sealed at once.
 */
import { u32be } from '../../base/bytes.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import {
  BATCH_HEADER_BYTES,
  BatchMessages,
  FRAGMENT_FLAG,
  type Fragment,
  ITEM_HEADER_BYTES,
  LAST_FLAG,
  placeOf,
  SIGNATURE_BYTES,
  writeU32be,
} from '../batch.ts';
import type { ControlRecord } from '../epoch-keeper.ts';
import type { UnsignedBatch } from '../record-builder.ts';
import { type SessionNames, sendingPlace } from '../session-context.ts';
import { signBatch } from '../signed-batch.ts';
import { FRAME } from '../wire.ts';
import type { DatagramEpochs } from './epochs.ts';
import { addressRecord, DATAGRAM, RECORD_OVERHEAD_BYTES } from './packet.ts';

export interface DatagramSessionContext extends SessionNames {
  readonly crypto: Crypto;
  readonly epochs: DatagramEpochs;
}

/** Batches are not counted where some may be lost: the signed field is there, and 0. */
export const UNCOUNTED = 0;
/** Before the batch of a part: `u32be message ‖ u32be index`. */
export const PART_PLACE_BYTES = 8;

/** A batch that waits, and what stands before it. */
interface Waiting {
  readonly type: number;
  readonly plaintext: Uint8Array;
  readonly batch: UnsignedBatch;
}

export class DatagramOutgoing {
  readonly #context: DatagramSessionContext;
  readonly #remoteIndex: number;
  readonly #mostPlaintext: number;
  readonly #longFrom: number;
  #waiting: Waiting[] = [];
  #queuedBytes = 0;
  #open:
    | {
        plaintext: Uint8Array;
        end: number;
        count: number;
        long: { index: number; at: number; length: number }[];
      }
    | undefined;
  #sealed: Uint8Array[] = [];
  #records = 0;
  #messages = 0;
  #partedMessages = 0;
  #batchMessages: BatchMessages | undefined;

  constructor(context: DatagramSessionContext, remoteIndex: number, datagramBytes: number) {
    this.#context = context;
    this.#remoteIndex = remoteIndex;
    this.#mostPlaintext = datagramBytes - RECORD_OVERHEAD_BYTES;
    this.#longFrom = context.crypto.saltedTree.longFrom;
  }

  get records(): number {
    return this.#records;
  }

  get messages(): number {
    return this.#messages;
  }

  /** Bytes of messages that wait. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Copies a message, which waits for the next flush. */
  push(message: Uint8Array): void {
    this.#messages++;
    this.#queuedBytes += message.length + ITEM_HEADER_BYTES;
    if (BATCH_HEADER_BYTES + ITEM_HEADER_BYTES + message.length > this.#mostPlaintext) this.#cut(message);
    else this.#add(message);
  }

  /** Seals a record of the session itself, ahead of messages that wait. */
  sealControl(record: ControlRecord): Uint8Array {
    const datagram = this.#seal(record);
    this.#sealed.push(datagram);
    return datagram;
  }

  /** Every datagram for the wire, in order. */
  flush(): Uint8Array[] {
    this.#close();
    for (const { type, plaintext, batch } of this.#waiting) {
      this.#sign(batch);
      this.#sealed.push(this.#seal({ type, plaintext }));
    }
    this.#waiting = [];
    this.#queuedBytes = 0;
    const sealed = this.#sealed;
    this.#sealed = [];
    return sealed;
  }

  clear(): void {
    this.#waiting = [];
    this.#sealed = [];
    this.#open = undefined;
    this.#queuedBytes = 0;
  }

  #sign(batch: UnsignedBatch): void {
    const { crypto, parties, epochs } = this.#context;
    const { sending } = epochs.sending;
    signBatch(crypto, parties.messageKey, this.#messagesOf(), sending, UNCOUNTED, batch);
  }

  #seal(record: ControlRecord): Uint8Array {
    this.#records++;
    return addressRecord(this.#context.epochs.sending.sending.seal([record]), this.#remoteIndex);
  }

  #add(message: Uint8Array): void {
    if (this.#open && this.#open.end + ITEM_HEADER_BYTES + message.length > this.#mostPlaintext)
      this.#close();
    this.#open ??= {
      plaintext: new Uint8Array(this.#mostPlaintext),
      end: BATCH_HEADER_BYTES,
      count: 0,
      long: [],
    };
    const { plaintext, end, count, long } = this.#open;
    const at = end + ITEM_HEADER_BYTES;
    writeU32be(plaintext, end, message.length);
    plaintext.set(message, at);
    if (message.length >= this.#longFrom) long.push({ index: count, at, length: message.length });
    this.#open.end = at + message.length;
    this.#open.count++;
  }

  #close(): void {
    if (!this.#open) return;
    const { end, count, long } = this.#open;
    const plaintext = this.#open.plaintext.subarray(0, end);
    writeU32be(plaintext, SIGNATURE_BYTES, count);
    this.#waiting.push({ type: FRAME.batch, plaintext, batch: { plaintext, count, long } });
    this.#open = undefined;
  }

  #cut(message: Uint8Array): void {
    this.#close();
    const number = this.#partedMessages++;
    const room = this.#mostPlaintext - PART_PLACE_BYTES - BATCH_HEADER_BYTES - ITEM_HEADER_BYTES;
    const count = Math.ceil(message.length / room);
    for (let index = 0; index < count; index++)
      this.#waiting.push(
        partOf(message.subarray(index * room, (index + 1) * room), {
          ...{ message: number, index, last: index === count - 1 },
        }),
      );
  }

  /** Made anew when the epoch has changed; the keys of a session stay. */
  #messagesOf(): BatchMessages {
    const { sending } = this.#context.epochs;
    if (this.#batchMessages?.place.epoch !== sending.number)
      this.#batchMessages = new BatchMessages(sendingPlace(this.#context, sending));
    return this.#batchMessages;
  }
}

function partOf(bytes: Uint8Array, fragment: Fragment): Waiting {
  const { length } = bytes;
  const at = BATCH_HEADER_BYTES + ITEM_HEADER_BYTES;
  const whole = new Uint8Array(PART_PLACE_BYTES + at + length);
  whole.set(u32be(fragment.message));
  whole.set(u32be(fragment.index), 4);
  const plaintext = whole.subarray(PART_PLACE_BYTES);
  writeU32be(plaintext, SIGNATURE_BYTES, 1);
  writeU32be(plaintext, BATCH_HEADER_BYTES, length + FRAGMENT_FLAG + (fragment.last ? LAST_FLAG : 0));
  plaintext.set(bytes, at);
  const long = [{ index: 0, at, length, place: placeOf(fragment) }];
  return { type: DATAGRAM.part, plaintext: whole, batch: { plaintext, count: 1, long } };
}
