/**
 * An authenticated session over datagrams. What flows through here: a record finds its key by its header and is
 * counted once; batches wait for their signatures, every other record changes the session. Whoever only receives says
 * now and then that it is there; whoever sends and hears nothing takes the peer for gone. What is not authentic leaves
 * no trace; what an authentic peer may not do is thrown, and ends the session.
 */
import { isOotoError, OotoError } from '../../base/errors.ts';
import type { LabelKind } from '../../envelope/labels.ts';
import type { OwnCredential, Peer } from '../credential.ts';
import type { ControlRecord } from '../epoch-keeper.ts';
import type { SignatureJob } from '../incoming.ts';
import type { Moment } from '../limits.ts';
import { Parties } from '../parties.ts';
import type { SignedItem } from '../signed-batch.ts';
import { closeMessage, confirmationMessage, otherRole } from '../transcript.ts';
import { badFrame, FRAME } from '../wire.ts';
import { DatagramEpochs, type DatagramEpochsOptions, type OpenEpoch } from './epochs.ts';
import type { Met } from './handshake.ts';
import { DatagramIncoming } from './incoming.ts';
import { ECHO_PAUSE_MS, PROBE_PAUSE_MS, PROBES } from './limits.ts';
import { DatagramOutgoing, UNCOUNTED } from './outgoing.ts';
import { DATAGRAM, readRecordPlace, typeOf } from './packet.ts';

export interface DatagramSessionOptions extends Omit<DatagramEpochsOptions, 'context'> {
  readonly meshId: Uint8Array;
  readonly own: OwnCredential;
  /** By which the peer calls this side. */
  readonly index: number;
}

export type DatagramSessionEvent =
  | { readonly type: 'established' }
  | { readonly type: 'message'; readonly message: Uint8Array; readonly items: readonly SignedItem[] }
  | { readonly type: 'epoch'; readonly epoch: number }
  | { readonly type: 'ended' };

/** What became of a datagram: `newest` when no record with a higher counter came before it. */
export type Taken = 'refused' | 'taken' | 'newest';

const NOTHING = new Uint8Array();
const NEVER = Number.POSITIVE_INFINITY;

export class DatagramSession implements Disposable {
  readonly index: number;
  /** The final `h` of the handshake. */
  readonly sessionId: Uint8Array;
  readonly epochs: DatagramEpochs;
  readonly outgoing: DatagramOutgoing;
  readonly incoming: DatagramIncoming;
  readonly #options: DatagramSessionOptions;
  readonly #parties: Parties;
  readonly #emit: (event: DatagramSessionEvent) => void;
  #established: boolean;
  /** The responder's first record, until the initiator has shown that it came. */
  #confirmation: Uint8Array | undefined;
  #confirmedAt = Number.NEGATIVE_INFINITY;
  /** Since when the peer has sent and this side has not. */
  #owesSince = NEVER;
  /** Since when this side has sent and the peer has not. */
  #expectsSince = NEVER;
  #probes = 0;

  constructor(
    options: DatagramSessionOptions,
    { peer, split, remoteIndex }: Met,
    now: Moment,
    emit: (event: DatagramSessionEvent) => void,
  ) {
    const { crypto, role, own, limits } = options;
    this.#options = options;
    this.#emit = emit;
    this.index = options.index;
    this.sessionId = split.handshakeHash;
    this.#parties = new Parties(crypto, role, own, peer, now);
    this.epochs = new DatagramEpochs({ ...options, context: this.#parties }, split, now.monotonic);
    const { sessionId, epochs } = this;
    const context = { ...options, sessionId, epochs, parties: this.#parties };
    this.outgoing = new DatagramOutgoing(context, remoteIndex, limits.datagramBytes);
    this.incoming = new DatagramIncoming(context, limits, (message, items) =>
      emit({ type: 'message', message, items }),
    );
    this.#established = role === 'responder';
    if (this.#established) this.#confirm(now.monotonic);
  }

  /** Whether messages may be sent: at the initiator only after the responder's confirmation. */
  get isEstablished(): boolean {
    return this.#established;
  }

  get peer(): Peer {
    return this.#parties.peer;
  }

  /** Monotonic milliseconds at which the delegation of the peer ends. */
  get lapsesAt(): number {
    return this.#parties.lapsesAt;
  }

  /** Takes one record. @throws OotoError (peer) for what an authentic peer may not do. */
  receive(datagram: Uint8Array, now: number): Taken {
    const type = typeOf(datagram);
    const { epoch: number, counter } = readRecordPlace(datagram);
    const open = this.epochs.keyFor(number, type);
    const isDue = this.#established || type === FRAME.confirmation;
    if (!open || !isDue || counter >= this.#options.limits.keyRecords || !open.window.accepts(counter))
      return 'refused';
    const isHighest = counter > open.window.newest;
    const plaintext = this.incoming.open(open, counter, datagram);
    if (!plaintext) return 'refused';
    this.#heard(type, now);
    if (this.epochs.openedBy(open, now)) this.#emit({ type: 'epoch', epoch: this.epochs.number });
    asPeerFault(() => this.#dispatch(open, counter, type, plaintext, now));
    return isHighest && this.epochs.isNewest(open) ? 'newest' : 'taken';
  }

  /** All that arrived together was taken; signatures are checked here unless the owner does. */
  finishTurn(now: number, defersSignatures: boolean): void {
    if (!defersSignatures || this.incoming.isFull) this.incoming.check(now);
  }

  takeJob(): SignatureJob | undefined {
    return this.incoming.takeJob();
  }

  settle(job: SignatureJob, refused: readonly number[], now: number): void {
    this.incoming.settle(job, refused, now);
  }

  push(message: Uint8Array): void {
    this.outgoing.push(message);
  }

  /** Every datagram for the wire, in order. */
  flush(now: number): Uint8Array[] {
    if (this.outgoing.queuedBytes > 0) {
      this.#sendControl(this.epochs.repeat(now, ECHO_PAUSE_MS), now);
      this.#said(FRAME.batch, now);
    }
    return this.outgoing.flush();
  }

  /** Monotonic milliseconds at which {@link maintain} is next needed. */
  get deadline(): number {
    const { keepAliveMs, silenceMs } = this.#options.limits;
    return Math.min(
      this.epochs.deadline,
      this.#parties.lapsesAt,
      this.#owesSince + keepAliveMs,
      this.#expectsSince + silenceMs - (PROBES - this.#probes) * PROBE_PAUSE_MS,
    );
  }

  /**
   * What time or wear demands.
   * @throws OOTO_CHANNEL_LAPSED, OOTO_CHANNEL_EPOCH_OVERDUE, OOTO_CHANNEL_SILENT (peer).
   */
  maintain(now: Moment): void {
    const { keepAliveMs, silenceMs } = this.#options.limits;
    this.#parties.requireValidPeer(now);
    if (now.monotonic >= this.#expectsSince + silenceMs) throw silent(silenceMs);
    if (!this.#established) return;
    this.#sendControl(this.epochs.maintain(now.monotonic), now.monotonic);
    if (now.monotonic >= this.#owesSince + keepAliveMs) this.keepAlive(now.monotonic);
    this.#probe(now.monotonic);
  }

  keepAlive(now: number): void {
    this.#sendControl({ type: DATAGRAM.keepAlive, plaintext: NOTHING }, now);
  }

  /** The initiator repeats the end of the handshake: the confirmation did not arrive. */
  repeatConfirmation(now: number): Uint8Array | undefined {
    if (!this.#confirmation || now < this.#confirmedAt + ECHO_PAUSE_MS) return undefined;
    this.#confirmedAt = now;
    return this.#confirmation.slice();
  }

  renewEpoch(now: number): void {
    this.#sendControl(this.epochs.renew(now), now);
  }

  exported(kind: LabelKind, context: Uint8Array | undefined): Uint8Array {
    return this.epochs.exported(kind, context);
  }

  /** The datagrams that are left, and the mark of the end. */
  finish(now: number): Uint8Array[] {
    const datagrams = this.flush(now);
    const message = closeMessage(this.#options.role, this.sessionId, UNCOUNTED);
    this.#sendControl({ type: FRAME.close, plaintext: this.#parties.messageKey.sign(message) }, now);
    return [...datagrams, ...this.outgoing.flush()];
  }

  [Symbol.dispose](): void {
    this.outgoing.clear();
    this.incoming.clear();
    this.epochs[Symbol.dispose]();
  }

  /** One lost sign of life is not the end. */
  #probe(now: number): void {
    const { silenceMs } = this.#options.limits;
    if (now < this.#expectsSince + silenceMs - (PROBES - this.#probes) * PROBE_PAUSE_MS) return;
    this.#probes++;
    this.#sendControl({ type: DATAGRAM.probe, plaintext: NOTHING }, now);
  }

  #sendControl(record: ControlRecord | undefined, now: number): void {
    if (!record) return;
    this.outgoing.sealControl(record);
    this.#said(record.type, now);
  }

  /** The responder's first record; what it expects to hear is anything at all. */
  #confirm(now: number): void {
    const message = confirmationMessage(this.#options.role, this.sessionId);
    const record = { type: FRAME.confirmation, plaintext: this.#parties.messageKey.sign(message) };
    this.#confirmation = this.outgoing.sealControl(record).slice();
    this.#confirmedAt = now;
    this.#said(record.type, now);
  }

  #said(type: number, now: number): void {
    this.#owesSince = NEVER;
    if (type !== DATAGRAM.keepAlive) this.#expectsSince = Math.min(this.#expectsSince, now);
  }

  #heard(type: number, now: number): void {
    this.#expectsSince = NEVER;
    this.#probes = 0;
    this.#confirmation = undefined;
    if (type !== DATAGRAM.keepAlive) this.#owesSince = Math.min(this.#owesSince, now);
  }

  #dispatch(open: OpenEpoch, counter: number, type: number, plaintext: Uint8Array, now: number): void {
    const { epochs } = this;
    switch (type) {
      case FRAME.batch:
      case DATAGRAM.part:
        this.incoming.take(open.epoch, counter, type, plaintext);
        break;
      case FRAME.confirmation:
        this.#receiveConfirmation(plaintext, now);
        break;
      case FRAME.epochRequest:
        this.#sendControl(epochs.receiveRequest(plaintext, now), now);
        break;
      case FRAME.epochOffer:
        this.#sendControl(epochs.receiveOffer(plaintext, now), now);
        break;
      case FRAME.epochAnswer:
        this.#sendControl(epochs.receiveAnswer(plaintext, now), now);
        break;
      case FRAME.epochConfirmation:
        this.#receiveEpochConfirmation(open, plaintext, now);
        break;
      case FRAME.epochSwitched:
        epochs.receiveSwitched(plaintext);
        break;
      case DATAGRAM.keepAlive:
        if (plaintext.length > 0) throw badFrame('a sign of life with content');
        break;
      case DATAGRAM.probe:
        if (plaintext.length > 0) throw badFrame('a question with content');
        this.keepAlive(now);
        break;
      case FRAME.close:
        this.#receiveClose(plaintext, now);
        break;
      default:
        throw badFrame(`a record of unknown type ${type}`);
    }
  }

  #receiveEpochConfirmation(open: OpenEpoch, signature: Uint8Array, now: number): void {
    const before = this.epochs.number;
    this.#sendControl(this.epochs.receiveConfirmation(open, signature, now), now);
    if (this.epochs.number !== before) this.#emit({ type: 'epoch', epoch: this.epochs.number });
  }

  #receiveConfirmation(signature: Uint8Array, now: number): void {
    if (this.#established) throw badFrame('a second confirmation');
    this.#verify(
      confirmationMessage(otherRole(this.#options.role), this.sessionId),
      signature,
      'OOTO_CHANNEL_CONFIRMATION',
      'the responder did not confirm the session with its key',
    );
    this.#established = true;
    this.keepAlive(now);
    this.#emit({ type: 'established' });
  }

  /** What came before the end is delivered before it. */
  #receiveClose(signature: Uint8Array, now: number): void {
    const message = closeMessage(otherRole(this.#options.role), this.sessionId, UNCOUNTED);
    this.#verify(message, signature, 'OOTO_CHANNEL_END', 'the end is not signed by the peer');
    this.incoming.check(now);
    this.#emit({ type: 'ended' });
  }

  #verify(message: Uint8Array, signature: Uint8Array, code: string, why: string): void {
    try {
      this.#options.crypto.ed25519.verify(this.#parties.peerMessageKey, message, signature);
    } catch (cause) {
      throw new OotoError(code, 'peer', why, { cause });
    }
  }
}

/** Whether a session ended for want of an answer, so that a new handshake may find the peer again. */
export function isLoss(error: OotoError): boolean {
  return ['SILENT', 'EPOCH_OVERDUE', 'LAPSED', 'KEY_SPENT'].some((what) =>
    isOotoError(error, `OOTO_CHANNEL_${what}`),
  );
}

/** Bytes that do not decode are junk where anyone may send them; from an authentic peer they are a breach. */
function asPeerFault(step: () => void): void {
  try {
    step();
  } catch (cause) {
    if (!isOotoError(cause) || !cause.code.startsWith('OOTO_BASE_')) throw cause;
    throw new OotoError('OOTO_CHANNEL_FRAME', 'peer', 'the peer sent a record that does not decode', {
      cause,
    });
  }
}

function silent(ms: number): OotoError {
  return new OotoError('OOTO_CHANNEL_SILENT', 'peer', `the peer has not been heard of for ${ms} ms`, {
    hint: 'it stopped, or datagrams do not pass',
  });
}
