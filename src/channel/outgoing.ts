/**
 * What a session sends. What flows through here: messages wait laid out as records, control records are sealed at
 * once; a flush signs each record once and seals it. Counters follow the order in which records were sealed, which
 * is the order on the wire.
 */
import { BatchMessages } from './batch.ts';
import type { Epoch } from './epoch.ts';
import type { ControlRecord } from './epoch-keeper.ts';
import { RecordBuilder } from './record-builder.ts';
import { type SessionContext, sendingPlace } from './session-context.ts';
import { signBatch } from './signed-batch.ts';
import { FRAME, LENGTH_BYTES, RECORD_HEADER_BYTES, TAG_BYTES } from './wire.ts';
import { WireBuffers } from './wire-buffers.ts';

const RECORD_OVERHEAD_BYTES = LENGTH_BYTES + RECORD_HEADER_BYTES + TAG_BYTES;

export class Outgoing {
  readonly #context: SessionContext;
  readonly #builder: RecordBuilder;
  readonly #wire = new WireBuffers();
  #sealed: Uint8Array[] = [];
  #records = 0;
  #batches = 0;
  #messages = 0;
  #batchMessages: BatchMessages | undefined;
  #epoch: Epoch | undefined;

  constructor(context: SessionContext) {
    this.#context = context;
    this.#builder = new RecordBuilder(context.crypto.saltedTree.longFrom);
  }

  /** Records sealed so far. */
  get records(): number {
    return this.#records;
  }

  /** Batches signed so far. */
  get batches(): number {
    return this.#batches;
  }

  /** Messages taken so far. */
  get messages(): number {
    return this.#messages;
  }

  /** Bytes of messages that wait. */
  get queuedBytes(): number {
    return this.#builder.bytes;
  }

  /** Copies a message, which waits for the next flush. */
  push(message: Uint8Array): void {
    this.#builder.push(message);
    this.#messages++;
  }

  /** Seals a record of the session itself, ahead of messages that wait. */
  sealControl(record: ControlRecord): void {
    this.#sealed.push(this.#context.epochs.sending.sending.seal([record]));
    this.#records++;
  }

  /** Signs and seals the messages that wait. */
  sealMessages(): void {
    if (this.#builder.bytes === 0) return;
    const { crypto, epochs, parties } = this.#context;
    const { sending } = epochs.sending;
    const messages = this.#batchMessagesOf(epochs.sending);
    const taken = this.#builder.take();
    for (const batch of taken) {
      signBatch(crypto, parties.messageKey, messages, sending, this.#batches++, batch);
      const frame = { type: FRAME.batch, plaintext: batch.plaintext };
      this.#sealed.push(
        sending.seal([frame], this.#wire.take(RECORD_OVERHEAD_BYTES + batch.plaintext.length)),
      );
      this.#records++;
    }
    this.#builder.reuse(taken);
  }

  /** Everything for the wire, in order. */
  flush(): Uint8Array[] {
    this.sealMessages();
    const sealed = this.#sealed;
    this.#sealed = [];
    return sealed;
  }

  /** The bytes of a flush are the channel's again. */
  release(bytes: Uint8Array): void {
    this.#wire.release(bytes);
  }

  /** Gives up buffers that only a busy channel needs. */
  rest(): void {
    this.#builder.shrink();
    this.#wire.clear();
  }

  clear(): void {
    this.#builder.clear();
    this.#sealed = [];
  }

  /** Made anew when epoch or keys have changed. */
  #batchMessagesOf(epoch: Epoch): BatchMessages {
    const { senderHash, receiverHash } = this.#context.parties.sending;
    const place = this.#batchMessages?.place;
    const isCurrent =
      this.#epoch === epoch && place?.senderHash === senderHash && place.receiverHash === receiverHash;
    if (!isCurrent) this.#batchMessages = new BatchMessages(sendingPlace(this.#context, epoch));
    this.#epoch = epoch;
    return this.#batchMessages!;
  }
}
