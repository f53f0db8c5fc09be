/**
 * A channel with one peer over datagrams, as a machine without I/O. What flows through here: attempts at a handshake
 * until one succeeds, then datagrams of the peer in, messages and events out. The initiator begins anew when the peer
 * falls silent, and, beside the running session, before a delegation ends; a responder's channel is one session. Junk
 * changes nothing. The peer's address follows its newest authentic record.
 */
import { isOotoError, OotoError } from '../../base/errors.ts';
import type { LabelKind } from '../../envelope/labels.ts';
import type { Role } from '../../noise/handshake-state.ts';
import type { OwnCredential, Peer } from '../credential.ts';
import type { SignatureJob } from '../incoming.ts';
import type { Moment } from '../limits.ts';
import { Arrival } from './arrival.ts';
import { Attempts } from './attempts.ts';
import type { DatagramChannelOptions, DatagramEvent, DatagramState } from './channel-options.ts';
import { isDisturbance, type Met, unanswered } from './handshake.ts';
import { DATAGRAM, type Introduction, type Piece, receiverOf, typeOf } from './packet.ts';
import { DatagramSession, type DatagramSessionEvent, isLoss } from './session.ts';

/** What a channel has of the host that it lives in. */
export interface Berth {
  /** Draws an index under which datagrams come to `channel`. */
  bind(channel: DatagramChannel): number;
  free(index: number): void;
  send(datagram: Uint8Array, to: string): void;
}

const NEVER = Number.POSITIVE_INFINITY;

export class DatagramChannel implements Disposable {
  readonly #options: DatagramChannelOptions;
  readonly #berth: Berth;
  /** Where the peer was dialled, and where it was last heard of. */
  readonly #dialled: string;
  #heardAt: string;
  #address: string;
  #state: DatagramState = 'handshake';
  #session: DatagramSession | undefined;
  /** An initiator's. */
  #attempts: Attempts | undefined;
  /** A responder's, until the initiator is known. */
  #arrival: Arrival | undefined;
  #refused = 0;
  #now: Moment;
  #events: DatagramEvent[] = [];

  private constructor(options: DatagramChannelOptions, berth: Berth, address: string, now: Moment) {
    this.#options = options;
    this.#berth = berth;
    this.#dialled = address;
    this.#heardAt = address;
    this.#address = address;
    this.#now = now;
  }

  /** A channel that begins its handshake. */
  static dialled(
    options: DatagramChannelOptions,
    berth: Berth,
    address: string,
    now: Moment,
  ): DatagramChannel {
    const channel = new DatagramChannel(options, berth, address, now);
    channel.#attempts = channel.#newAttempts();
    channel.#attempts.begin(now.monotonic);
    return channel;
  }

  /** A channel with someone who brought a valid cookie. */
  static accepted(
    options: DatagramChannelOptions,
    berth: Berth,
    address: string,
    introduction: Introduction,
    now: Moment,
  ): DatagramChannel {
    const channel = new DatagramChannel(options, berth, address, now);
    channel.#arrival = new Arrival(options, berth.bind(channel), introduction, now.monotonic);
    return channel;
  }

  get state(): DatagramState {
    return this.#state;
  }

  get role(): Role {
    return this.#options.role;
  }

  /** Where the peer was last heard of. */
  get address(): string {
    return this.#address;
  }

  get peer(): Peer | undefined {
    return this.#state === 'established' ? this.#session?.peer : undefined;
  }

  get sessionId(): Uint8Array | undefined {
    return this.#state === 'established' ? this.#session?.sessionId : undefined;
  }

  /** Bytes of messages that wait for the next flush. */
  get queuedBytes(): number {
    return this.#session?.outgoing.queuedBytes ?? 0;
  }

  /** Bytes held for a handshake that is not finished. */
  get heldBytes(): number {
    return this.#arrival?.heldBytes ?? 0;
  }

  get status() {
    const { outgoing, incoming, epochs } = this.#session ?? {};
    return {
      state: this.#state,
      address: this.#address,
      epoch: epochs?.number ?? 0,
      recordsSent: outgoing?.records ?? 0,
      recordsReceived: incoming?.records ?? 0,
      messagesSent: outgoing?.messages ?? 0,
      messagesReceived: incoming?.messages ?? 0,
      /** Datagrams that changed nothing: forged, repeated, late or out of place. */
      refused: this.#refused,
    };
  }

  /** A piece of message 1, under the cookie that the channel was accepted with. */
  receiveFirst(introduction: Introduction, piece: Piece, now: Moment): void {
    this.#guarded(now, () => {
      const flight = this.#arrival?.receiveFirst(introduction, piece, now.monotonic) ?? [];
      for (const datagram of flight) this.#send(datagram);
    });
  }

  /** Message 1 is whole: {@link answer} works on it. */
  get awaitsAnswer(): boolean {
    return this.#arrival?.awaitsAnswer ?? false;
  }

  /** Works on message 1, which is the dear part of a handshake for who is dialled. */
  answer(now: Moment): void {
    this.#guarded(now, () => {
      for (const datagram of this.#arrival?.answer(now.monotonic) ?? []) this.#send(datagram);
    });
  }

  /** Any other datagram that names an index of this channel. Never throws for what the peer did. */
  receive(datagram: Uint8Array, from: string, now: Moment): void {
    this.#guarded(now, () => {
      if (typeOf(datagram) < DATAGRAM.hello) this.#receiveRecord(datagram, from);
      else this.#receiveHandshake(datagram, from);
    });
  }

  /** All that arrived together was taken. */
  finishTurn(now: Moment): void {
    this.#guarded(now, () => this.#session?.finishTurn(now.monotonic, this.#options.defersSignatures));
  }

  /**
   * Queues a message for the next flush; the bytes are copied. It arrives once, whole, or not at all.
   * @throws OOTO_CHANNEL_STATE (caller) unless established; OOTO_CHANNEL_SIZE (caller) for a message too long;
   *   OOTO_CHANNEL_QUEUE (caller) when too much waits already.
   */
  send(message: Uint8Array): void {
    const { messageBytes, queueBytes } = this.#options.limits;
    if (this.#state !== 'established') throw wrongState(this.#state);
    if (message.length > messageBytes)
      throw new OotoError('OOTO_CHANNEL_SIZE', 'caller', `a message of ${message.length} bytes is too long`, {
        hint: `at most ${messageBytes} bytes; cut it, or raise the limit at both ends`,
      });
    if (this.queuedBytes + message.length > queueBytes)
      throw new OotoError('OOTO_CHANNEL_QUEUE', 'caller', 'too many bytes wait to be sent', {
        hint: 'flush, and wait until the socket took what is there',
      });
    this.#session!.push(message);
  }

  /** Hands to the berth what waits. Call it once a turn. */
  flush(now: Moment): void {
    this.#guarded(now, () => this.#flush());
  }

  tick(now: Moment): void {
    this.#guarded(now, () => this.#doDue());
  }

  /** Monotonic milliseconds at which {@link tick} is next needed; infinite when never. */
  deadline(): number {
    if (this.#state === 'closed') return NEVER;
    return Math.min(
      this.#session?.deadline ?? NEVER,
      this.#arrival?.endsAt ?? NEVER,
      this.#attempts?.deadline ?? NEVER,
    );
  }

  takeJob(): SignatureJob | undefined {
    return this.#options.defersSignatures ? this.#session?.takeJob() : undefined;
  }

  settle(job: SignatureJob, refused: readonly number[], now: Moment): void {
    this.#guarded(now, () => this.#session?.settle(job, refused, now.monotonic));
  }

  /** What happened since the last call, in order. */
  takeEvents(): DatagramEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** Whether {@link takeEvents} has any. */
  get hasEvents(): boolean {
    return this.#events.length > 0;
  }

  /** @throws OOTO_CHANNEL_STATE, OOTO_CHANNEL_EXPORT (caller). */
  export(label: LabelKind, context?: Uint8Array): Uint8Array {
    if (this.#state !== 'established') throw wrongState(this.#state);
    return this.#session!.exported(label, context);
  }

  /** Begins a change of epoch now instead of when it is due. */
  renewEpoch(now: Moment): void {
    if (this.#state !== 'established') throw wrongState(this.#state);
    this.#guarded(now, () => this.#session!.renewEpoch(now.monotonic));
  }

  /** Ends the channel: what waits and the mark of the end go out; whether they arrive is not known. Idempotent. */
  close(now: Moment): void {
    this.#guarded(now, () => {
      if (this.#state === 'established')
        for (const datagram of this.#session!.finish(now.monotonic)) this.#send(datagram);
      this.#end();
    });
  }

  /** Ends the channel with an error of this side's own making. */
  fail(error: OotoError, now: Moment): void {
    this.#guarded(now, () => this.#end(error));
  }

  [Symbol.dispose](): void {
    this.close(this.#now);
  }

  #flush(): void {
    if (!this.#session) return;
    for (const datagram of this.#session.flush(this.#now.monotonic)) this.#send(datagram);
  }

  #send(datagram: Uint8Array): void {
    this.#berth.send(datagram, this.#address);
  }

  #receiveRecord(datagram: Uint8Array, from: string): void {
    const index = receiverOf(datagram);
    const attempted = this.#attempts?.session;
    if (attempted?.index === index)
      return void this.#attempting(() => this.#takeRecord(attempted, datagram, from));
    if (this.#session?.index !== index) return void this.#refuse();
    this.#takeRecord(this.#session, datagram, from);
  }

  #takeRecord(session: DatagramSession, datagram: Uint8Array, from: string): void {
    const taken = session.receive(datagram, this.#now.monotonic);
    if (taken === 'refused') this.#refuse();
    else if (taken === 'newest' && from !== this.#address) this.#move(from);
  }

  /** As WireGuard does it: where the newest authentic record came from, answers go. */
  #move(address: string): void {
    if (this.#state !== 'established') return;
    this.#address = address;
    this.#heardAt = address;
    this.#events.push({ type: 'moved', address });
  }

  #refuse(): void {
    this.#refused++;
  }

  #receiveHandshake(datagram: Uint8Array, from: string): void {
    const attempts = this.#attempts;
    if (this.#arrival) this.#receiveFinish(this.#arrival, datagram, from);
    else if (attempts?.has(receiverOf(datagram)) && from === this.#address)
      this.#attempting(() => attempts.receive(datagram, this.#now) || this.#refuse());
    else this.#repeatConfirmation(datagram);
  }

  #receiveFinish(arrival: Arrival, datagram: Uint8Array, from: string): void {
    if (typeOf(datagram) !== DATAGRAM.finish || from !== this.#address) return void this.#refuse();
    const met = arrival.receiveFinish(datagram, this.#now);
    if (!met) return;
    this.#arrival = undefined;
    this.#session = this.#newSession(met, arrival.own, arrival.index);
    this.#establish();
    this.#flush();
  }

  #repeatConfirmation(datagram: Uint8Array): void {
    const confirmation =
      this.role === 'responder' && typeOf(datagram) === DATAGRAM.finish
        ? this.#session?.repeatConfirmation(this.#now.monotonic)
        : undefined;
    if (confirmation) this.#send(confirmation);
    else this.#refuse();
  }

  #newAttempts(): Attempts {
    return new Attempts(this.#options, {
      bind: () => this.#berth.bind(this),
      free: (index) => this.#berth.free(index),
      send: (datagram) => this.#send(datagram),
      aim: () => this.#aim(),
      open: (met, own, index) => this.#newSession(met, own, index),
    });
  }

  /** Whoever forwarded a record from elsewhere must not keep the peer away after it is gone. */
  #aim(): void {
    if (!this.#session) this.#address = this.#address === this.#dialled ? this.#heardAt : this.#dialled;
  }

  #newSession(met: Met, own: OwnCredential, index: number): DatagramSession {
    const options = { ...this.#options, own, index };
    return new DatagramSession(options, met, this.#now, (event) => this.#onSessionEvent(event));
  }

  #onSessionEvent(event: DatagramSessionEvent): void {
    if (event.type === 'established') this.#adopt();
    else if (event.type === 'ended') this.#end();
    else this.#events.push(event);
  }

  /** The session of the attempt takes the place of the one before it. */
  #adopt(): void {
    const session = this.#attempts!.takeSession(this.#now);
    if (this.#session) this.#drop(this.#session);
    this.#session = session;
    this.#establish();
  }

  #establish(): void {
    const { peer, sessionId } = this.#session!;
    this.#state = 'established';
    this.#events.push({ type: 'established', peer, sessionId });
  }

  #doDue(): void {
    const now = this.#now.monotonic;
    if (this.#arrival && now >= this.#arrival.endsAt) return void this.#end(unanswered());
    this.#maintain();
    const attempts = this.#attempts;
    if (attempts && !attempts.tick(now) && !this.#session)
      return void this.#end(attempts.lastError ?? unanswered());
    this.#flush();
  }

  #maintain(): void {
    if (this.#state === 'established') this.#session?.maintain(this.#now);
  }

  #drop(session: DatagramSession): void {
    this.#berth.free(session.index);
    session[Symbol.dispose]();
  }

  /**
   * Runs a step of an attempt. A disturbed one waits for the next; a peer that proves to be another, or unable to prove
   * itself, ends the channel unless a session runs beside.
   */
  #attempting(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!isOotoError(error) || isJunk(error)) throw error;
      if (!this.#session && !isDisturbance(error)) throw error;
      this.#attempts!.spoil(error);
    }
  }

  /** Runs a step. Junk is counted; a lost peer is sought again by the initiator; all else closes the channel. */
  #guarded(now: Moment, step: () => void): void {
    if (this.#state === 'closed') return;
    this.#now = now;
    try {
      step();
    } catch (cause) {
      this.#judge(isOotoError(cause) ? cause : internal(cause));
    }
  }

  #judge(error: OotoError): void {
    if (isJunk(error)) return void this.#refuse();
    if (this.#session && this.role === 'initiator' && isLoss(error)) return void this.#lose(error);
    this.#end(error);
  }

  #lose(error: OotoError): void {
    this.#drop(this.#session!);
    this.#session = undefined;
    this.#state = 'handshake';
    this.#events.push({ type: 'lost', error });
    this.#attempts!.seek(this.#now.monotonic);
  }

  #end(error?: OotoError): void {
    this.#state = 'closed';
    this.#attempts?.[Symbol.dispose]();
    if (this.#arrival) this.#berth.free(this.#arrival.index);
    this.#arrival?.[Symbol.dispose]();
    this.#arrival = undefined;
    if (this.#session) this.#drop(this.#session);
    this.#events.push(error ? { type: 'closed', error } : { type: 'closed' });
  }
}

/** What needs no key to be sent: it must not change anything. */
function isJunk(error: OotoError): boolean {
  return error.code === 'OOTO_CHANNEL_DATAGRAM' || error.code.startsWith('OOTO_BASE_');
}

function wrongState(state: DatagramState): OotoError {
  return new OotoError('OOTO_CHANNEL_STATE', 'caller', `the channel is ${state}`);
}

function internal(cause: unknown): OotoError {
  return new OotoError('OOTO_CHANNEL_INTERNAL', 'local', 'a step of the channel failed unexpectedly', {
    cause,
  });
}
