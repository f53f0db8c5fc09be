/**
 * An authenticated session. What flows through here: the responder's confirmation comes first; batches pass to
 * {@link Incoming}, every other record changes the session: its epoch, the peer's
 * credential, its end. What is due by time or wear is asked for in {@link Session.maintain}.
 */
import { concat, readU64be, u64be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { SplitResult } from '../noise/handshake-state.ts';
import {
  authenticatePeer,
  type CredentialVerifier,
  makePayload,
  type OwnCredential,
  type Peer,
} from './credential.ts';
import type { Epoch } from './epoch.ts';
import {
  type BatchCounts,
  type ControlRecord,
  EpochKeeper,
  type EpochKeeperOptions,
  requireAllArrived,
} from './epoch-keeper.ts';
import { type Delivery, Incoming, type SignatureJob } from './incoming.ts';
import { LifeSigns } from './lasting/life-signs.ts';
import type { Moment } from './limits.ts';
import { Outgoing } from './outgoing.ts';
import { Parties } from './parties.ts';
import type { SignedBatch, SignedItem } from './signed-batch.ts';
import { closeMessage, confirmationMessage, otherRole, renewalMessage } from './transcript.ts';
import { badFrame, FRAME, type Frame, readRecordHeader } from './wire.ts';

export interface SessionOptions extends Omit<EpochKeeperOptions, 'context'> {
  readonly meshId: Uint8Array;
  readonly own: OwnCredential;
  readonly peer: Peer;
  readonly verifier: CredentialVerifier;
  readonly delivery?: Delivery;
  readonly defersSignatures?: boolean;
  readonly lasting?: boolean;
}

export type SessionEvent =
  | { readonly type: 'established' }
  | { readonly type: 'batch'; readonly batch: SignedBatch }
  | { readonly type: 'message'; readonly message: Uint8Array; readonly items: readonly SignedItem[] }
  | { readonly type: 'epoch'; readonly epoch: number }
  | { readonly type: 'renewed' }
  | { readonly type: 'ended' };

const NOTHING = new Uint8Array();
const CLOSE_BYTES = 8 + 64;
/** Messages that were delivered unchecked wait so long for company: checking many signatures costs little more than one. */
const CHECK_DELAY_MS = 2;

export class Session implements Disposable {
  /** The final `h` of the handshake. */
  readonly sessionId: Uint8Array;
  readonly epochs: EpochKeeper;
  readonly outgoing: Outgoing;
  readonly incoming: Incoming;
  readonly lifeSigns: LifeSigns;
  /** Without the peer, which may be another one later: {@link Parties} has it. */
  readonly #options: Omit<SessionOptions, 'peer'>;
  readonly #emit: (event: SessionEvent) => void;
  readonly #parties: Parties;
  #established: boolean;
  /** When signatures of messages that were delivered already are checked. */
  #checkAt = Number.POSITIVE_INFINITY;
  /** Whether that time has come for an owner that checks them. */
  #isJobDue = false;

  constructor(
    { peer, ...options }: SessionOptions,
    split: SplitResult,
    now: Moment,
    emit: (event: SessionEvent) => void,
  ) {
    const { crypto, role, own } = options;
    this.#options = options;
    this.#emit = emit;
    this.sessionId = split.handshakeHash;
    this.#parties = new Parties(crypto, role, own, peer, now);
    this.epochs = new EpochKeeper({ ...options, context: this.#parties }, split, now.monotonic);
    const { sessionId, epochs } = this;
    const context = { ...options, sessionId, epochs, parties: this.#parties };
    this.outgoing = new Outgoing(context);
    this.incoming = new Incoming(context, options.delivery ?? 'verified', {
      batch: (batch) => emit({ type: 'batch', batch }),
      message: (message, items) => emit({ type: 'message', message, items }),
    });
    const counts = () => ({ sent: this.outgoing.records, received: this.incoming.records });
    const { limits, lasting = false } = options;
    this.lifeSigns = new LifeSigns({ random: crypto.random, limits, lasting, counts }, now.monotonic);
    this.#established = role === 'responder';
    if (this.#established) this.#confirm();
  }

  /** Whether messages may be sent: at the initiator only after the responder's confirmation. */
  get isEstablished(): boolean {
    return this.#established;
  }

  get peer(): Peer {
    return this.#parties.peer;
  }

  /** Whether a record came before; from its header alone, which is not authenticated. */
  hasTaken(frame: Frame): boolean {
    const { epoch, counter } = readRecordHeader(frame);
    const { number, receiving } = this.epochs.receiving;
    return epoch < number || (epoch === number && counter < receiving.counter);
  }

  /** Takes one record frame. What is wrong with it is thrown after the messages before it were delivered. */
  receive(frame: Frame, now: Moment): void {
    try {
      const epoch = this.incoming.epochOf(frame);
      if (frame.type === FRAME.batch && this.#established) this.#receiveBatch(epoch, frame, now);
      else this.#receiveControl(epoch, frame, now);
      this.lifeSigns.heard(frame, now.monotonic);
    } catch (error) {
      this.incoming.check();
      throw error;
    }
  }

  /** All that arrived together was taken. */
  finishTurn(): void {
    if (!this.#options.defersSignatures && this.#options.delivery !== 'authenticated') this.incoming.check();
  }

  /** Monotonic milliseconds at which {@link maintain} is next needed. */
  get deadline(): number {
    return Math.min(
      this.epochs.deadline,
      this.#parties.lapsesAt,
      this.#checkAt,
      this.#established ? this.lifeSigns.deadline : Number.POSITIVE_INFINITY,
    );
  }

  /**
   * What time or wear demands.
   * @throws OOTO_CHANNEL_LAPSED, OOTO_CHANNEL_EPOCH_OVERDUE, OOTO_CHANNEL_SILENT (peer).
   */
  maintain(now: Moment): void {
    if (now.monotonic >= this.#checkAt) this.#endPatience();
    this.#parties.requireValidPeer(now);
    const change = this.epochs.maintain(now.monotonic);
    if (change) this.lifeSigns.sent(now.monotonic);
    this.#sendControl(change);
    this.#sendControl(this.lifeSigns.maintain(now.monotonic));
  }

  /** Signatures to be checked by the owner, once it is time. */
  takeJob(): SignatureJob | undefined {
    if (!this.#options.defersSignatures) return undefined;
    if (this.#options.delivery === 'authenticated' && !this.#isJobDue) return undefined;
    const job = this.incoming.takeJob();
    if (job) this.#isJobDue = false;
    return job;
  }

  /** The answer to a signature job. @throws OOTO_CHANNEL_SIGNATURE (peer). */
  settle(id: number, refused: readonly number[]): void {
    this.incoming.settle(id, refused);
  }

  /** Begins a change of epoch now. */
  renewEpoch(): void {
    this.#sendControl(this.epochs.renew());
  }

  /** Shows a new credential of this side; batches from here on are signed with its message key. */
  renewCredential(own: OwnCredential): void {
    if (!this.#parties.renewOwn(own)) return;
    const { crypto, role } = this.#options;
    const { hash, number } = this.epochs.sending;
    const plaintext = makePayload(crypto, own, (contentHash) =>
      renewalMessage(role, this.sessionId, hash, number, contentHash),
    );
    this.#sendControl({ type: FRAME.credential, plaintext });
  }

  /** Seals what waits and marks the end of this direction: `u64be batches ‖ signature`. */
  finish(): void {
    // What was handed out unchecked ends no channel in agreement before it is checked.
    if (this.#options.delivery === 'authenticated') this.incoming.check();
    this.outgoing.sealMessages();
    const { batches } = this.outgoing;
    const message = closeMessage(this.#options.role, this.sessionId, batches);
    const signature = this.#parties.messageKey.sign(message);
    this.#sendControl({ type: FRAME.close, plaintext: concat(u64be(batches), signature) });
  }

  [Symbol.dispose](): void {
    this.outgoing.clear();
    this.incoming.clear();
    this.epochs[Symbol.dispose]();
  }

  get #batches(): BatchCounts {
    return { sent: this.outgoing.batches, received: this.incoming.batches };
  }

  #sendControl(record: ControlRecord | undefined): void {
    if (record) this.outgoing.sealControl(record);
  }

  /** The responder's first record. */
  #confirm(): void {
    const message = confirmationMessage(this.#options.role, this.sessionId);
    this.#sendControl({ type: FRAME.confirmation, plaintext: this.#parties.messageKey.sign(message) });
    this.#offerToLast();
  }

  #offerToLast(): void {
    if (this.#options.lasting) this.#sendControl({ type: FRAME.lasting, plaintext: NOTHING });
  }

  #receiveBatch(epoch: Epoch, frame: Frame, now: Moment): void {
    this.incoming.take(epoch, frame);
    if (this.#options.delivery === 'authenticated' && !this.#isJobDue)
      this.#checkAt = Math.min(this.#checkAt, now.monotonic + CHECK_DELAY_MS);
  }

  /** The wait for company is over. */
  #endPatience(): void {
    this.#checkAt = Number.POSITIVE_INFINITY;
    if (this.#options.defersSignatures) this.#isJobDue = true;
    else this.incoming.check();
  }

  #checkNow(): void {
    this.#checkAt = Number.POSITIVE_INFINITY;
    this.#isJobDue = false;
    this.incoming.check();
  }

  #receiveControl(epoch: Epoch, frame: Frame, now: Moment): void {
    this.#checkNow();
    if (this.#established === (frame.type === FRAME.confirmation))
      throw new OotoError(
        'OOTO_CHANNEL_ORDER',
        'peer',
        `a record of type ${frame.type} has no place at this point of a session`,
      );
    this.#dispatch(frame.type, this.incoming.openControl(epoch, frame), now);
  }

  #dispatch(type: number, plaintext: Uint8Array, now: Moment): void {
    const { epochs } = this;
    switch (type) {
      case FRAME.confirmation:
        this.#receiveConfirmation(plaintext);
        break;
      case FRAME.epochRequest:
        this.#sendControl(epochs.receiveRequest(plaintext, now.monotonic));
        break;
      case FRAME.epochOffer:
        this.#sendControl(epochs.receiveOffer(plaintext, now.monotonic));
        break;
      case FRAME.epochAnswer:
        this.#sendControl(epochs.receiveAnswer(plaintext, now.monotonic, this.outgoing.batches));
        break;
      case FRAME.epochConfirmation:
        this.#sendControl(epochs.receiveConfirmation(plaintext, this.#batches));
        this.#emit({ type: 'epoch', epoch: epochs.number });
        break;
      case FRAME.epochSwitched:
        epochs.receiveSwitched(plaintext, this.incoming.batches);
        this.#emit({ type: 'epoch', epoch: epochs.number });
        break;
      case FRAME.credential:
        this.#receiveCredential(plaintext, now);
        break;
      case FRAME.credentialAccepted:
        this.#receiveAcknowledgement(plaintext);
        break;
      case FRAME.alive:
        this.lifeSigns.receiveAlive(plaintext);
        break;
      case FRAME.lasting:
        this.lifeSigns.receiveLasting(plaintext);
        break;
      case FRAME.close:
        this.#receiveClose(plaintext);
        break;
      default:
        throw badFrame(`a record of unknown type ${type}`);
    }
  }

  #receiveConfirmation(signature: Uint8Array): void {
    const message = confirmationMessage(otherRole(this.#options.role), this.sessionId);
    this.#verify(
      message,
      signature,
      'OOTO_CHANNEL_CONFIRMATION',
      'the responder did not confirm the session with its key',
    );
    this.#established = true;
    this.#emit({ type: 'established' });
    this.#offerToLast();
  }

  /**
   * The peer's new credential must be for the same id and kind, and be signed in this session and epoch. A peer that
   * enrols has none to renew: whoever let it would hold its channel open for ever without ever having a certificate.
   */
  #receiveCredential(payload: Uint8Array, now: Moment): void {
    const { crypto, role, meshId, verifier } = this.#options;
    const { own, peer } = this.#parties;
    const { hash, number } = this.epochs.receiving;
    const { id: expectedId, kind } = peer.identity;
    if (kind === 'enrol')
      throw new OotoError('OOTO_CHANNEL_KIND', 'peer', 'a channel for an enrolment is not prolonged');
    const message = (contentHash: Uint8Array) =>
      renewalMessage(otherRole(role), this.sessionId, hash, number, contentHash);
    const context = { crypto, meshId, role, own, expectedId, accept: [kind], verifier };
    this.#parties.renewPeer(authenticatePeer(context, { payload, message }, now), now);
    this.#sendControl({ type: FRAME.credentialAccepted, plaintext: NOTHING });
    this.#emit({ type: 'renewed' });
  }

  #receiveAcknowledgement(plaintext: Uint8Array): void {
    if (plaintext.length > 0) throw badFrame('an acknowledgement with content');
    const waiting = this.#parties.acknowledged();
    if (waiting) this.renewCredential(waiting);
  }

  /** An end that the peer has signed, after all its batches. */
  #receiveClose(plaintext: Uint8Array): void {
    if (plaintext.length !== CLOSE_BYTES) throw badFrame('an end of another length');
    const batches = readU64be(plaintext);
    const message = closeMessage(otherRole(this.#options.role), this.sessionId, batches);
    this.#verify(message, plaintext.subarray(8), 'OOTO_CHANNEL_END', 'the end is not signed by the peer');
    requireAllArrived('batches', batches, this.incoming.batches);
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
