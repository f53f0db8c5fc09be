/**
 * A channel between two nodes over one ordered byte stream, as a machine without I/O. What flows through here:
 * `start`, then bytes of the peer into `receive`, messages of this side into `send`; `flush` gives the bytes for
 * the wire, `takeEvents` what happened, `deadline` when `tick` wants to be called. Whatever goes wrong closes the
 * channel: the peer sees the connection end and nothing else, this side's event has the precise error.
 */
import { concat } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import type { LabelKind } from '../envelope/labels.ts';
import type { OwnCredential, Peer } from './credential.ts';
import { type ChannelEvent, type ChannelListener, EventQueue } from './event-queue.ts';
import { type Authenticated, createHandshake, HANDSHAKE_PROTOCOL, type Handshake } from './handshake.ts';
import type { SignatureJob } from './incoming.ts';
import { type ChannelLimits, DEFAULT_LIMITS, type Moment } from './limits.ts';
import { badOptions, type ChannelOptions, DEFAULT_EXPORTS, requireSoundOptions } from './options.ts';
import type { Outgoing } from './outgoing.ts';
import { ProofMaker } from './proof-maker.ts';
import { Session, type SessionEvent } from './session.ts';
import type { SignedItem } from './signed-batch.ts';
import { type Frame, FrameReader, MAX_RECORD_BYTES } from './wire.ts';

export { type ChannelEvent, type ChannelListener, SPENT } from './event-queue.ts';
export type { ChannelOptions } from './options.ts';

/** A channel on which nothing moves for so long gives up its buffers. */
const REST_MS = 1_000;

export type ChannelState = 'new' | 'handshake' | 'established' | 'closed';

export interface ChannelStatus {
  readonly state: ChannelState;
  readonly suite: string;
  /** The running epoch's number; as many epochs were begun before it. */
  readonly epoch: number;
  readonly recordsSent: number;
  readonly recordsReceived: number;
  /** Each covered by this side's signature. */
  readonly messagesSent: number;
  /** Each covered by the peer's signature, which was checked. */
  readonly messagesReceived: number;
}

export class Channel implements Disposable {
  readonly #options: ChannelOptions;
  readonly #limits: ChannelLimits;
  #frames = new FrameReader();
  /** At the head of a new connection records may come again. */
  #isReconnected = false;
  #state: ChannelState = 'new';
  #handshake: Handshake | undefined;
  #session: Session | undefined;
  #output: Uint8Array[] = [];
  readonly #events: EventQueue;
  #proofs: ProofMaker | undefined;
  #handshakeDeadline = Number.POSITIVE_INFINITY;
  #hasEndedHere = false;
  /** Monotonic milliseconds at which bytes last came or went. */
  #stirredAt = 0;

  /** @throws OOTO_CHANNEL_OPTIONS (caller) for options that do not fit together. */
  constructor(options: ChannelOptions) {
    requireSoundOptions(options);
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#events = new EventQueue(options.crypto);
  }

  get state(): ChannelState {
    return this.#state;
  }

  /** Who is at the other end; undefined until the channel is established. */
  get peer(): Peer | undefined {
    return this.#state === 'established' ? this.#session?.peer : undefined;
  }

  /** The final hash of the handshake, 32 bytes; undefined until the channel is established. */
  get sessionId(): Uint8Array | undefined {
    return this.#state === 'established' ? this.#session?.sessionId : undefined;
  }

  /** Whether there are full records, which need not wait for the end of a turn: see {@link takeFull}. */
  get hasFull(): boolean {
    return this.#session?.outgoing.hasSealed ?? false;
  }

  /** Bytes that wait for {@link flush}. */
  get queuedBytes(): number {
    return this.#session?.outgoing.queuedBytes ?? 0;
  }

  get status(): ChannelStatus {
    const { outgoing, incoming, epochs } = this.#session ?? {};
    return {
      state: this.#state,
      suite: HANDSHAKE_PROTOCOL,
      epoch: epochs?.number ?? 0,
      recordsSent: outgoing?.records ?? 0,
      recordsReceived: incoming?.records ?? 0,
      messagesSent: outgoing?.messages ?? 0,
      messagesReceived: incoming?.messages ?? 0,
    };
  }

  /** Begins the handshake; an initiator's first bytes come with the next flush. */
  start(now: Moment): void {
    if (this.#state !== 'new') throw wrongState(this.#state);
    this.#state = 'handshake';
    this.#handshakeDeadline = now.monotonic + this.#limits.handshakeMs;
    this.#handshake = createHandshake({
      ...this.#options,
      expectedId: this.#options.expectedId,
      accept: this.#options.accept ?? ['member'],
      cookies: this.#options.cookies,
    });
    this.#output.push(...this.#handshake.start().output);
  }

  /** How many records of this side the peer is known to have. */
  get acknowledged(): number {
    return this.#session?.lifeSigns.acknowledged ?? 0;
  }

  /** Whether both sides keep what they send, so that the session can go on over another connection. */
  get isLasting(): boolean {
    return this.#session?.lifeSigns.isLasting ?? false;
  }

  /** Whether this side has said that nothing follows. */
  get hasEndedHere(): boolean {
    return this.#hasEndedHere;
  }

  /** Whether the peer keeps what it sends; undefined until its first record has come. */
  get peerLasts(): boolean | undefined {
    return this.#session?.lifeSigns.peerLasts;
  }

  /** Another connection carries the session on, from the beginning of a record that came or is the next. */
  reconnected(): void {
    this.#frames = new FrameReader();
    this.#isReconnected = true;
  }

  /**
   * Bytes of the peer, in any pieces, of which nothing is kept. Never throws for what the peer did: it closes the
   * channel instead.
   */
  receive(bytes: Uint8Array, now: Moment): void {
    if (this.#state === 'new') throw wrongState(this.#state);
    this.#guarded(() => {
      this.#checkTime(now);
      this.#stirredAt = now.monotonic;
      this.#frames.push(bytes);
      for (let frame = this.#nextFrame(); frame; frame = this.#nextFrame()) this.#receiveFrame(frame, now);
      this.#session?.finishTurn();
      this.#checkTime(now);
    });
  }

  /** The connection ended. Without the peer's last record before, that is a failure. */
  receiveEnd(): void {
    this.#guarded(() => {
      this.#session?.incoming.check();
      throw new OotoError('OOTO_CHANNEL_TRUNCATED', 'peer', 'the connection ended before the channel did', {
        hint: 'the peer stopped, or someone cut the connection',
      });
    });
  }

  /**
   * Queues a message (at most `limits.messageBytes`) for the next flush; the bytes are copied.
   * @throws OOTO_CHANNEL_STATE (caller) unless established; OOTO_CHANNEL_SIZE (caller) for a message too long;
   *   OOTO_CHANNEL_QUEUE (caller) when too much waits already.
   */
  send(message: Uint8Array): void {
    if (this.#state !== 'established') throw wrongState(this.#state);
    if (message.length > this.#limits.messageBytes)
      throw new OotoError('OOTO_CHANNEL_SIZE', 'caller', `a message of ${message.length} bytes is too long`, {
        hint: `at most ${this.#limits.messageBytes} bytes; cut it, or raise the limit at both ends`,
      });
    if (this.queuedBytes + message.length > this.#limits.queueBytes)
      throw new OotoError('OOTO_CHANNEL_QUEUE', 'caller', 'too many bytes wait to be sent', {
        hint: 'flush, and wait until the transport took what is there',
      });
    this.#guarded(() => this.#session!.outgoing.push(message));
  }

  /** The bytes for the wire since the last flush; empty when there are none. Call it once a turn. */
  flush(now: Moment): Uint8Array {
    const output = this.flushParts(now);
    return output.length === 1 ? output[0] : concat(...output);
  }

  /** The records that are full, in order; the rest waits for {@link flush}. */
  takeFull(now: Moment): Uint8Array[] {
    return this.#outputWith(now, (outgoing) => outgoing.takeSealed());
  }

  /** {@link flush} without joining what is to be written in order. */
  flushParts(now: Moment): Uint8Array[] {
    return this.#outputWith(now, (outgoing) => outgoing.flush());
  }

  /** The owner has no more use for bytes that a flush gave: their memory serves other records. Need not be called. */
  release(bytes: Uint8Array): void {
    this.#session?.outgoing.release(bytes);
  }

  /** Signatures to be checked; none unless the options say that the owner takes them. */
  takeJob(): SignatureJob | undefined {
    return this.#state === 'established' ? this.#session?.takeJob() : undefined;
  }

  /**
   * The answer to a job.
   * @param refused places of the signatures that are not good; whatever else is wrong must close the channel
   */
  settle(job: SignatureJob, refused: readonly number[]): void {
    this.#guarded(() => this.#session?.settle(job.id, refused));
  }

  /** Does what is due by now. */
  tick(now: Moment): void {
    this.#guarded(() => {
      this.#checkTime(now);
      if (now.monotonic >= this.#stirredAt + REST_MS) this.#rest();
    });
  }

  /** Monotonic milliseconds at which {@link tick} is next needed; infinite when never. */
  deadline(): number {
    if (this.#state === 'closed' || this.#state === 'new') return Number.POSITIVE_INFINITY;
    return Math.min(this.#handshakeDeadline, this.#session?.deadline ?? Number.POSITIVE_INFINITY);
  }

  /** What happened since the last call, in order. */
  takeEvents(): ChannelEvent[] {
    return this.#events.takeAll();
  }

  /** {@link takeEvents} without an object for each message. */
  drain(listener: ChannelListener): void {
    this.#events.drain(listener);
  }

  /**
   * 32 bytes that only both ends of an epoch know.
   * @param epoch the running one unless said; the one before it is kept as well
   * @throws OOTO_CHANNEL_STATE, OOTO_CHANNEL_EXPORT (caller).
   */
  export(label: LabelKind, context?: Uint8Array, epoch?: number): Uint8Array {
    if (this.#state !== 'established') throw wrongState(this.#state);
    const { epochs } = this.#session!;
    return epochs.exported(label, context, epoch ?? epochs.number);
  }

  /** The proof of a message that this channel delivered. @throws as {@link ProofMaker.prove}. */
  prove(items: readonly SignedItem[]): Uint8Array {
    this.#proofs ??= new ProofMaker(this.#options.crypto);
    return this.#proofs.prove(items);
  }

  /** Begins a change of epoch now instead of when it is due. */
  renewEpoch(): void {
    if (this.#state !== 'established') throw wrongState(this.#state);
    this.#guarded(() => this.#session!.renewEpoch());
  }

  /**
   * Shows the peer a new credential or delegation of this side, for the same id: the channel lives as long as
   * the newest one. Its message key signs from now on; its Noise static key serves later handshakes.
   * @throws OOTO_CHANNEL_STATE (caller) unless established; OOTO_CHANNEL_OPTIONS (caller) for another id or kind.
   */
  renewCredential(own: OwnCredential): void {
    if (this.#state !== 'established') throw wrongState(this.#state);
    if (own.id !== this.#options.own.id || own.kind !== this.#options.own.kind)
      throw badOptions('a renewed credential is for the same id and kind');
    this.#guarded(() => this.#session!.renewCredential(own));
  }

  /**
   * Ends the channel: what waits and the mark of the end come with the next flush. Where an epoch or a delegation has
   * run out, nothing more is sealed, and the end is an error. Idempotent.
   */
  close(now: Moment): void {
    this.#guarded(() => {
      this.#checkTime(now);
      if (this.#state === 'established') {
        this.#session!.finish();
        this.#hasEndedHere = true;
        this.#output.push(...this.#session!.outgoing.flush());
      }
      this.#end();
    });
  }

  /** Ends the channel with an error of this side's own making, for example a lapsed attestation. */
  fail(error: OotoError): void {
    this.#guarded(() => {
      throw error;
    });
  }

  /** Ends the channel on this side alone: nothing more is sealed, and the peer sees the connection end. */
  [Symbol.dispose](): void {
    this.#output = [];
    this.#guarded(() => this.#end());
  }

  /** Where time has run out, nothing more leaves. */
  #outputWith(now: Moment, take: (outgoing: Outgoing) => Uint8Array[]): Uint8Array[] {
    this.#guarded(() => {
      this.#checkTime(now);
      if (!this.#session) return;
      const records = take(this.#session.outgoing);
      if (records.length > 0) {
        this.#stirredAt = now.monotonic;
        this.#session.lifeSigns.sent(now.monotonic);
      }
      this.#output.push(...records);
    });
    const output = this.#output;
    this.#output = [];
    return output;
  }

  #nextFrame(): Frame | undefined {
    if (this.#state === 'closed') return undefined;
    return this.#frames.next(this.#handshake?.longestFrame ?? MAX_RECORD_BYTES);
  }

  #receiveFrame(frame: Frame, now: Moment): void {
    if (this.#session) {
      if (this.#isReconnected && this.#session.hasTaken(frame)) return;
      this.#isReconnected = false;
      this.#session.receive(frame, now);
      return;
    }
    const { output, result } = this.#handshake!.receive(frame, now);
    this.#output.push(...output);
    if (result) this.#open(result, now);
  }

  #open({ peer, split }: Authenticated, now: Moment): void {
    const { exports = DEFAULT_EXPORTS, onNonce } = this.#options;
    const options = { ...this.#options, peer, limits: this.#limits, exports, onNonce };
    this.#session = new Session(options, split, now, (event) => this.#onSessionEvent(event));
    this.#handshake = undefined;
    if (this.#session.isEstablished) this.#establish();
  }

  #onSessionEvent(event: SessionEvent): void {
    if (event.type === 'established') this.#establish();
    else if (event.type === 'ended') this.#end();
    else if (event.type === 'renewed') this.#events.push({ ...event, peer: this.#session!.peer });
    else this.#events.push(event);
  }

  #establish(): void {
    this.#state = 'established';
    this.#handshakeDeadline = Number.POSITIVE_INFINITY;
    this.#events.push({
      type: 'established',
      peer: this.#session!.peer,
      sessionId: this.#session!.sessionId,
    });
  }

  #checkTime(now: Moment): void {
    if (this.#state === 'closed') return;
    if (now.monotonic >= this.#handshakeDeadline)
      throw new OotoError(
        'OOTO_CHANNEL_HANDSHAKE_TIMEOUT',
        'peer',
        'the handshake was not finished in time',
        {
          hint: 'the peer is unreachable or overloaded',
        },
      );
    if (this.#state === 'established') this.#session!.maintain(now);
  }

  /** Gives up buffers that only a busy channel needs; at the latest the next change of epoch comes by here. */
  #rest(): void {
    this.#frames.rest();
    this.#session?.outgoing.rest();
    this.#session?.incoming.rest();
  }

  /** Runs a step; an error closes the channel, with nothing more for the wire. */
  #guarded(step: () => void): void {
    if (this.#state === 'closed') return;
    try {
      step();
    } catch (cause) {
      this.#output = [];
      this.#end(isOotoError(cause) ? cause : internal(cause));
    }
  }

  #end(error?: OotoError): void {
    this.#state = 'closed';
    this.#handshake?.[Symbol.dispose]();
    this.#session?.[Symbol.dispose]();
    this.#events.push(error ? { type: 'closed', error } : { type: 'closed' });
  }
}

function wrongState(state: ChannelState): OotoError {
  return new OotoError('OOTO_CHANNEL_STATE', 'caller', `the channel is ${state}`);
}

function internal(cause: unknown): OotoError {
  return new OotoError('OOTO_CHANNEL_INTERNAL', 'local', 'a step of the channel failed unexpectedly', {
    cause,
  });
}
