/**
 * An authenticated session: records in both directions. What flows through here, sending: messages wait in a
 * queue; a flush packs all of them into as few records as they fit, signs each record once and seals them
 * together. Receiving: headers must follow each other exactly; waiting batches are opened together, their
 * signatures checked together, and only then are messages delivered, in order.
 */
import { concat } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import type { RecordFrame } from '../crypto/crypto.ts';
import type { SplitResult } from '../noise/handshake-state.ts';
import { type BatchPlace, type Item, itemBytes, MAX_ITEMS_BYTES } from './batch.ts';
import type { OwnCredential, Peer } from './credential.ts';
import type { Epoch } from './epoch.ts';
import { type ControlRecord, EpochKeeper, type EpochKeeperOptions } from './epoch-keeper.ts';
import { Fragmenter, FragmentOrder } from './fragments.ts';
import type { Moment } from './limits.ts';
import { MessageAssembler, type SignedItem, signBatch, verifyBatches } from './signed-batch.ts';
import { confirmationMessage, otherRole, ROLE_BYTE } from './transcript.ts';
import { badFrame, FRAME, type Frame, readRecordHeader } from './wire.ts';

export interface SessionOptions extends Omit<EpochKeeperOptions, 'context'> {
  readonly meshId: Uint8Array;
  readonly own: OwnCredential;
  readonly peer: Peer;
}

export type SessionEvent =
  | { readonly type: 'established' }
  | { readonly type: 'message'; readonly message: Uint8Array; readonly items: readonly SignedItem[] }
  | { readonly type: 'epoch'; readonly epoch: number }
  | { readonly type: 'ended' };

export interface SessionCounts {
  recordsSent: number;
  recordsReceived: number;
  /** Messages sent and received, each covered by its sender's signature. */
  messagesSent: number;
  messagesReceived: number;
}

export class Session implements Disposable {
  /** The final `h` of the handshake. */
  readonly sessionId: Uint8Array;
  readonly counts: SessionCounts = {
    recordsSent: 0,
    recordsReceived: 0,
    messagesSent: 0,
    messagesReceived: 0,
  };
  readonly epochs: EpochKeeper;
  readonly #options: SessionOptions;
  readonly #emit: (event: SessionEvent) => void;
  readonly #fragmenter = new Fragmenter();
  readonly #order: FragmentOrder;
  readonly #assembler = new MessageAssembler();
  readonly #ownKeyHash: Uint8Array;
  readonly #peerKeyHash: Uint8Array;
  #queue: Item[] = [];
  #queuedBytes = 0;
  #output: Uint8Array[] = [];
  #established: boolean;
  /** Batches whose headers are in order, still sealed. */
  #run: Uint8Array[] = [];

  constructor(options: SessionOptions, split: SplitResult, now: Moment, emit: (event: SessionEvent) => void) {
    const { crypto, role, own, peer, limits } = options;
    this.#options = options;
    this.#emit = emit;
    this.sessionId = split.handshakeHash;
    this.#order = new FragmentOrder(limits.messageBytes);
    this.#ownKeyHash = crypto.sha256(own.messageKey.publicKey);
    this.#peerKeyHash = crypto.sha256(peer.delegation.messageKey);
    const [initiatorId, responderId] =
      role === 'initiator' ? [own.id, peer.identity.id] : [peer.identity.id, own.id];
    const context = {
      crypto,
      messageKey: own.messageKey,
      peerMessageKey: peer.delegation.messageKey,
      initiatorId,
      responderId,
    };
    this.epochs = new EpochKeeper({ ...options, context }, split, now.monotonic);
    this.#established = role === 'responder';
    if (this.#established) this.#confirm();
  }

  /** Whether messages may be sent: at the initiator only after the responder's confirmation. */
  get isEstablished(): boolean {
    return this.#established;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Queues a message until the next flush; it must not be changed before. */
  send(message: Uint8Array): void {
    for (const item of this.#fragmenter.cut(message)) {
      this.#queue.push(item);
      this.#queuedBytes += itemBytes(item);
    }
    this.counts.messagesSent++;
  }

  /** Everything for the wire, in order. */
  flush(): Uint8Array {
    this.#sealQueue();
    const output = this.#output;
    this.#output = [];
    return output.length === 1 ? output[0] : concat(...output);
  }

  /** Seals what waits and marks the end of this direction. */
  finish(): void {
    this.#sealQueue();
    this.#sendControl({ type: FRAME.close, plaintext: new Uint8Array() });
  }

  /** Takes one record frame. Batches are held until {@link deliver} or the next record of another type. */
  receive(frame: Frame, now: Moment): void {
    const header = readRecordHeader(frame);
    const epoch = this.epochs.epochOf(header.epoch, frame.type);
    const expected = epoch.receiving.counter + (epoch === this.epochs.receiving ? this.#run.length : 0);
    if (header.counter !== BigInt(expected))
      throw new OotoError(
        'OOTO_CHANNEL_COUNTER',
        'peer',
        `record ${header.counter} arrived where ${expected} is next`,
        { hint: 'records were replayed, reordered or dropped on the way' },
      );
    if (frame.type === FRAME.batch && this.#established) this.#run.push(frame.whole);
    else this.#receiveControl(epoch, frame, now);
  }

  /**
   * Opens and verifies the batches that wait, and hands out their messages.
   * @throws the reason why a batch is bad, after the messages before it were handed out.
   */
  deliver(): void {
    if (this.#run.length === 0) return;
    const frames = this.#run;
    this.#run = [];
    const { opened, failure } = openAll(this.epochs.receiving, frames);
    this.#deliverBatches(opened, failure);
  }

  /** What time or wear demands. @throws OOTO_CHANNEL_EPOCH_OVERDUE (peer). */
  maintain(now: Moment): void {
    const record = this.epochs.maintain(now.monotonic);
    if (record) this.#sendControl(record);
  }

  /** Begins a change of epoch now. */
  renewEpoch(): void {
    const record = this.epochs.renew();
    if (record) this.#sendControl(record);
  }

  [Symbol.dispose](): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#run = [];
    this.epochs[Symbol.dispose]();
  }

  /** The responder's first record. */
  #confirm(): void {
    const { own, role } = this.#options;
    const plaintext = own.messageKey.sign(confirmationMessage(role, this.sessionId));
    this.#sendControl({ type: FRAME.confirmation, plaintext });
  }

  #receiveConfirmation(signature: Uint8Array): void {
    const { crypto, role, peer } = this.#options;
    const message = confirmationMessage(otherRole(role), this.sessionId);
    try {
      crypto.ed25519.verify(peer.delegation.messageKey, message, signature);
    } catch (cause) {
      throw new OotoError(
        'OOTO_CHANNEL_CONFIRMATION',
        'peer',
        'the responder did not confirm the session with its key',
        { cause },
      );
    }
    this.#established = true;
    this.#emit({ type: 'established' });
  }

  #receiveControl(epoch: Epoch, frame: Frame, now: Moment): void {
    this.deliver();
    if (this.#established === (frame.type === FRAME.confirmation))
      throw new OotoError(
        'OOTO_CHANNEL_ORDER',
        'peer',
        'the peer sent records in an order that is not its own',
      );
    const [{ plaintext }] = epoch.receiving.open([frame.whole]);
    this.counts.recordsReceived++;
    this.#dispatch(frame.type, plaintext, now);
  }

  #dispatch(type: number, plaintext: Uint8Array, now: Moment): void {
    const { epochs } = this;
    switch (type) {
      case FRAME.confirmation:
        this.#receiveConfirmation(plaintext);
        break;
      case FRAME.epochRequest:
        this.#sendControl(epochs.receiveRequest(plaintext));
        break;
      case FRAME.epochOffer:
        this.#sendControl(epochs.receiveOffer(plaintext, now.monotonic));
        break;
      case FRAME.epochAnswer:
        this.#sendControl(epochs.receiveAnswer(plaintext, now.monotonic));
        break;
      case FRAME.epochConfirmation:
        this.#sendControl(epochs.receiveConfirmation(plaintext));
        this.#emit({ type: 'epoch', epoch: epochs.number });
        break;
      case FRAME.epochSwitched:
        epochs.receiveSwitched(plaintext);
        this.#emit({ type: 'epoch', epoch: epochs.number });
        break;
      case FRAME.close:
        this.#emit({ type: 'ended' });
        break;
      default:
        throw badFrame(`a record of unknown type ${type}`);
    }
  }

  #sendControl(record: ControlRecord | undefined): void {
    if (!record) return;
    this.#output.push(this.epochs.sending.sending.seal([record]));
    this.counts.recordsSent++;
  }

  #sealQueue(): void {
    if (this.#queue.length === 0) return;
    const { crypto, own } = this.#options;
    const { sending } = this.epochs.sending;
    const place = this.#place(this.epochs.sending, true);
    const first = sending.counter;
    const records = packed(this.#queue).map((items, i) => ({
      type: FRAME.batch,
      plaintext: signBatch(crypto, own.messageKey, place, sending, first + i, items),
    }));
    this.#output.push(sending.seal(records));
    this.counts.recordsSent += records.length;
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #deliverBatches(opened: readonly RecordFrame[], failure: unknown): void {
    const { crypto, peer } = this.#options;
    const { receiving } = this.epochs;
    const verified = verifyBatches(
      {
        crypto,
        place: this.#place(receiving, false),
        senderKey: peer.delegation.messageKey,
        direction: receiving.receiving,
        order: this.#order,
      },
      opened.map(({ counter, plaintext }) => ({ counter: Number(counter), plaintext })),
    );
    this.counts.recordsReceived += opened.length;
    for (const item of verified.items) this.#deliverItem(item);
    if (verified.failure) throw verified.failure;
    if (failure) throw failure;
  }

  #deliverItem(item: SignedItem): void {
    const complete = this.#assembler.add(item);
    if (!complete) return;
    this.counts.messagesReceived++;
    this.#emit({ type: 'message', ...complete });
  }

  #place(epoch: Epoch, sending: boolean): BatchPlace {
    const { meshId, role } = this.#options;
    return {
      meshId,
      sessionId: this.sessionId,
      epochHash: epoch.hash,
      epoch: epoch.number,
      direction: ROLE_BYTE[sending ? role : otherRole(role)],
      senderKeyHash: sending ? this.#ownKeyHash : this.#peerKeyHash,
      receiverKeyHash: sending ? this.#peerKeyHash : this.#ownKeyHash,
    };
  }
}

/** As few groups as hold all items in their order, each of which fits a record. */
function packed(items: readonly Item[]): Item[][] {
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

/** Opens frames together; when one of them is not authentic, those before it are opened all the same. */
function openAll(epoch: Epoch, frames: readonly Uint8Array[]): { opened: RecordFrame[]; failure?: unknown } {
  try {
    return { opened: epoch.receiving.open(frames) };
  } catch (error) {
    if (!isOotoError(error, 'OOTO_CRYPTO_AUTHENTICATION') || frames.length === 1)
      return { opened: [], failure: error };
  }
  const opened: RecordFrame[] = [];
  for (const frame of frames) {
    try {
      opened.push(...epoch.receiving.open([frame]));
    } catch (failure) {
      return { opened, failure };
    }
  }
  return { opened };
}
