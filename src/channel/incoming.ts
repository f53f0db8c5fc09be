/**
 * What a session receives. What flows through here: the header of each record must follow the one before exactly;
 * batches wait until no more are at hand, are opened together, their signatures checked together, and only then
 * are their messages delivered, in order. Nothing of a record that is not authentic leaves a trace.
 */
import { isOotoError, OotoError } from '../base/errors.ts';
import type { RecordFrame } from '../crypto/crypto.ts';
import type { Epoch } from './epoch.ts';
import { FragmentOrder } from './fragments.ts';
import { receivingPlace, type SessionContext } from './session-context.ts';
import { MessageAssembler, type SignedItem, verifyBatches } from './signed-batch.ts';
import { type Frame, readRecordHeader } from './wire.ts';

/** Takes a message and the items that vouch for it. */
export type MessageSink = (message: Uint8Array, items: readonly SignedItem[]) => void;

export class Incoming {
  readonly #context: SessionContext;
  readonly #sink: MessageSink;
  readonly #order: FragmentOrder;
  readonly #assembler = new MessageAssembler();
  /** Batches whose headers are in order, still sealed. */
  #held: Uint8Array[] = [];
  #records = 0;
  #messages = 0;

  constructor(context: SessionContext, sink: MessageSink) {
    this.#context = context;
    this.#sink = sink;
    this.#order = new FragmentOrder(context.limits.messageBytes);
  }

  /** Records opened so far. */
  get records(): number {
    return this.#records;
  }

  /** Messages delivered so far. */
  get messages(): number {
    return this.#messages;
  }

  /**
   * The epoch of a record, whose header must be the next one of it.
   * @throws OOTO_CHANNEL_COUNTER, OOTO_CHANNEL_EPOCH, OOTO_CHANNEL_FRAME (peer).
   */
  epochOf(frame: Frame): Epoch {
    const { epochs } = this.#context;
    const header = readRecordHeader(frame);
    const epoch = epochs.epochOf(header.epoch, frame.type);
    const expected = epoch.receiving.counter + (epoch === epochs.receiving ? this.#held.length : 0);
    if (header.counter !== BigInt(expected))
      throw new OotoError(
        'OOTO_CHANNEL_COUNTER',
        'peer',
        `record ${header.counter} arrived where ${expected} is next`,
        { hint: 'records were replayed, reordered or dropped on the way' },
      );
    return epoch;
  }

  /** Holds a batch of the running epoch until {@link deliver}. */
  hold(batch: Frame): void {
    this.#held.push(batch.whole);
  }

  /** Opens one control record. @throws OOTO_CRYPTO_AUTHENTICATION (peer). */
  openControl(epoch: Epoch, frame: Frame): Uint8Array {
    const [{ plaintext }] = epoch.receiving.open([frame.whole]);
    this.#records++;
    return plaintext;
  }

  /**
   * Opens and verifies the batches held, and hands out their messages.
   * @throws the reason why a batch is bad, after the messages before it were handed out.
   */
  deliver(): void {
    if (this.#held.length === 0) return;
    const frames = this.#held;
    this.#held = [];
    const { crypto, epochs, parties } = this.#context;
    const { opened, failure } = openAll(epochs.receiving, frames);
    this.#records += opened.length;
    const verified = verifyBatches(
      {
        crypto,
        place: receivingPlace(this.#context, epochs.receiving),
        senderKey: parties.peerMessageKey,
        ...parties.shown,
        direction: epochs.receiving.receiving,
        order: this.#order,
      },
      opened.map(({ counter, plaintext }) => ({ counter: Number(counter), plaintext })),
    );
    for (const item of verified.items) this.#deliverItem(item);
    if (verified.failure) throw verified.failure;
    if (failure) throw failure;
  }

  clear(): void {
    this.#held = [];
  }

  #deliverItem(item: SignedItem): void {
    const complete = this.#assembler.add(item);
    if (!complete) return;
    this.#messages++;
    this.#sink(complete.message, complete.items);
  }
}

/** Opens frames together; when one of them is not authentic, those before it are opened all the same. */
function openAll(epoch: Epoch, frames: readonly Uint8Array[]): { opened: RecordFrame[]; failure?: unknown } {
  try {
    return { opened: epoch.receiving.open(frames) };
  } catch (failure) {
    if (!isOotoError(failure, 'OOTO_CRYPTO_AUTHENTICATION') || frames.length === 1)
      return { opened: [], failure };
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
