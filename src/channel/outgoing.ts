/**
 * What a session sends. What flows through here: messages wait laid out as a record, which is signed once and sealed
 * when it is full or with the next flush; control records are sealed at once. Counters follow the order in which
 * records were sealed, which is the order on the wire.
 */
import { BatchMessages } from './batch.ts';
import type { Epoch } from './epoch.ts';
import type { ControlRecord } from './epoch-keeper.ts';
import { RecordBuilder, type UnsignedBatch } from './record-builder.ts';
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
  #sealedBytes = 0;
  #records = 0;
  #batches = 0;
  #messages = 0;
  #batchMessages: BatchMessages | undefined;

  constructor(context: SessionContext) {
    this.#context = context;
    this.#builder = new RecordBuilder(context.crypto.saltedTree.longFrom, (batch) => this.#seal(batch));
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

  /** Bytes that wait for the next flush. */
  get queuedBytes(): number {
    return this.#sealedBytes + this.#builder.bytes;
  }

  /** Whether there are records for the wire already. */
  get hasSealed(): boolean {
    return this.#sealed.length > 0;
  }

  /** Copies a message, which waits for the next flush at the latest. */
  push(message: Uint8Array): void {
    this.#builder.push(message);
    this.#messages++;
  }

  /** Seals a record of the session itself, ahead of messages that wait. */
  sealControl(record: ControlRecord): void {
    this.#add(this.#context.epochs.sending.sending.seal([record]));
  }

  /** Signs and seals the messages that wait. */
  sealMessages(): void {
    this.#builder.flush();
  }

  /** Everything for the wire, in order. */
  flush(): Uint8Array[] {
    this.sealMessages();
    return this.takeSealed();
  }

  /** The records that are sealed, in order: none but full ones and those of the session itself. */
  takeSealed(): Uint8Array[] {
    const sealed = this.#sealed;
    this.#sealed = [];
    this.#sealedBytes = 0;
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
    this.#batchMessages = undefined;
  }

  clear(): void {
    this.#builder.clear();
    this.takeSealed();
  }

  #seal(batch: UnsignedBatch): void {
    const { crypto, epochs, parties } = this.#context;
    const { sending } = epochs.sending;
    signBatch(
      crypto,
      parties.messageKey,
      this.#batchMessagesOf(epochs.sending),
      sending,
      this.#batches++,
      batch,
    );
    const { plaintext } = batch;
    const room = this.#wire.take(RECORD_OVERHEAD_BYTES + plaintext.length);
    this.#add(sending.seal([{ type: FRAME.batch, plaintext }], room));
  }

  #add(frames: Uint8Array): void {
    this.#sealed.push(frames);
    this.#sealedBytes += frames.length;
    this.#records++;
  }

  /** Made anew when epoch or keys have changed. */
  #batchMessagesOf(epoch: Epoch): BatchMessages {
    const { senderHash, receiverHash } = this.#context.parties.sending;
    const place = this.#batchMessages?.place;
    const isCurrent =
      place?.epochHash === epoch.hash &&
      place.senderHash === senderHash &&
      place.receiverHash === receiverHash;
    if (!isCurrent) this.#batchMessages = new BatchMessages(sendingPlace(this.#context, epoch));
    return this.#batchMessages!;
  }
}
