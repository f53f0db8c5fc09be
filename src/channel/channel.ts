/**
 * A channel between two nodes over one ordered byte stream, as a machine without I/O. What flows through here:
 * `start`, then bytes of the peer into `receive`, messages of this side into `send`; `flush` gives the bytes for
 * the wire, `takeEvents` what happened, `deadline` when `tick` wants to be called. Whatever goes wrong closes the
 * channel: the peer sees the connection end and nothing else, this side's event has the precise error.
 */
import { concat } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { LabelKind } from '../envelope/labels.ts';
import type { Role } from '../noise/handshake-state.ts';
import type { CookieGuard } from './cookie.ts';
import type { CredentialKind, CredentialVerifier, OwnCredential, Peer } from './credential.ts';
import type { NonceAudit } from './epoch.ts';
import type { ExportRequest } from './exporter.ts';
import { type Authenticated, createHandshake, HANDSHAKE_PROTOCOL, type Handshake } from './handshake.ts';
import { type ChannelLimits, DEFAULT_LIMITS, type Moment } from './limits.ts';
import { MESH_ID_BYTES } from './preamble.ts';
import { Session, type SessionCounts, type SessionEvent } from './session.ts';
import type { SignedItem } from './signed-batch.ts';
import { type Frame, FrameReader, MAX_HANDSHAKE_BYTES, MAX_RECORD_BYTES } from './wire.ts';

export interface ChannelOptions {
  readonly crypto: Crypto;
  readonly role: Role;
  /** 32 bytes. */
  readonly meshId: Uint8Array;
  readonly own: OwnCredential;
  readonly verifier: CredentialVerifier;
  /** Who was dialled. An initiator must say; only one that enrols may leave it to its verifier. */
  readonly expectedId?: string | undefined;
  /** Kinds of peers to talk to; members alone unless said. */
  readonly accept?: readonly CredentialKind[];
  /** For responders. */
  readonly cookies?: CookieGuard | undefined;
  readonly limits?: Partial<ChannelLimits>;
  /** Values that {@link Channel.export} will be asked for; `attestation-exporter` unless said. */
  readonly exports?: readonly ExportRequest[];
  /** Told of every use of a key, for audits. */
  readonly onNonce?: NonceAudit;
}

export type ChannelEvent =
  | { readonly type: 'established'; readonly peer: Peer; readonly sessionId: Uint8Array }
  /** `items` vouch for the message; see proof.ts. */
  | { readonly type: 'message'; readonly message: Uint8Array; readonly items: readonly SignedItem[] }
  | { readonly type: 'epoch'; readonly epoch: number }
  /** Last event. Without `error` the end was agreed: by this side, or by the peer's last record. */
  | { readonly type: 'closed'; readonly error?: OotoError };

export type ChannelState = 'new' | 'handshake' | 'established' | 'closed';

export interface ChannelStatus extends Readonly<SessionCounts> {
  readonly state: ChannelState;
  readonly suite: string;
  /** The running epoch's number; as many epochs were begun before it. */
  readonly epoch: number;
}

const DEFAULT_EXPORTS: readonly ExportRequest[] = [{ label: 'attestation-exporter' }];
const NO_COUNTS: SessionCounts = { recordsSent: 0, recordsReceived: 0, messagesSent: 0, messagesReceived: 0 };

export class Channel implements Disposable {
  readonly #options: ChannelOptions;
  readonly #limits: ChannelLimits;
  readonly #frames = new FrameReader();
  #state: ChannelState = 'new';
  #handshake: Handshake | undefined;
  #session: Session | undefined;
  #peer: Peer | undefined;
  #output: Uint8Array[] = [];
  #events: ChannelEvent[] = [];
  #handshakeDeadline = Number.POSITIVE_INFINITY;
  #lapse = Number.POSITIVE_INFINITY;

  /** @throws OOTO_CHANNEL_OPTIONS (caller) for options that do not fit together. */
  constructor(options: ChannelOptions) {
    requireSoundOptions(options);
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
  }

  get state(): ChannelState {
    return this.#state;
  }

  /** Who is at the other end; undefined until the channel is established. */
  get peer(): Peer | undefined {
    return this.#state === 'established' ? this.#peer : undefined;
  }

  /** The final hash of the handshake, 32 bytes; undefined until the channel is established. */
  get sessionId(): Uint8Array | undefined {
    return this.#state === 'established' ? this.#session?.sessionId : undefined;
  }

  /** Bytes that wait for {@link flush}. */
  get queuedBytes(): number {
    return this.#session?.queuedBytes ?? 0;
  }

  get status(): ChannelStatus {
    const counts = this.#session?.counts ?? NO_COUNTS;
    return {
      state: this.#state,
      suite: HANDSHAKE_PROTOCOL,
      epoch: this.#session?.epochs.number ?? 0,
      ...counts,
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

  /** Bytes of the peer, in any pieces. Never throws for what the peer did: it closes the channel instead. */
  receive(bytes: Uint8Array, now: Moment): void {
    if (this.#state === 'new') throw wrongState(this.#state);
    this.#guarded(() => {
      this.#frames.push(bytes);
      for (let frame = this.#nextFrame(); frame; frame = this.#nextFrame()) this.#receiveFrame(frame, now);
      this.#session?.deliver();
      this.#checkTime(now);
    });
  }

  /** The connection ended. Without the peer's last record before, that is a failure. */
  receiveEnd(): void {
    this.#guarded(() => {
      throw new OotoError('OOTO_CHANNEL_TRUNCATED', 'peer', 'the connection ended before the channel did', {
        hint: 'the peer stopped, or someone cut the connection',
      });
    });
  }

  /**
   * Queues a message (at most `limits.messageBytes`) for the next flush. The bytes must not be changed before.
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
    this.#session!.send(message);
  }

  /** The bytes for the wire since the last flush; empty when there are none. Call it once a turn. */
  flush(now: Moment): Uint8Array {
    this.#guarded(() => {
      this.#checkTime(now);
      if (this.#session) this.#output.push(this.#session.flush());
    });
    const output = this.#output;
    this.#output = [];
    return output.length === 1 ? output[0] : concat(...output);
  }

  /** Does what is due by now. */
  tick(now: Moment): void {
    this.#guarded(() => this.#checkTime(now));
  }

  /** Monotonic milliseconds at which {@link tick} is next needed; infinite when never. */
  deadline(): number {
    if (this.#state === 'closed' || this.#state === 'new') return Number.POSITIVE_INFINITY;
    const epoch = this.#session?.epochs.deadline ?? Number.POSITIVE_INFINITY;
    return Math.min(this.#handshakeDeadline, this.#lapse, epoch);
  }

  /** What happened since the last call, in order. */
  takeEvents(): ChannelEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
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

  /** Begins a change of epoch now instead of when it is due. */
  renewEpoch(): void {
    if (this.#state !== 'established') throw wrongState(this.#state);
    this.#guarded(() => this.#session!.renewEpoch());
  }

  /** Ends the channel: what waits and the mark of the end come with the next flush. Idempotent. */
  close(): void {
    this.#guarded(() => {
      if (this.#state === 'established') {
        this.#session!.finish();
        this.#output.push(this.#session!.flush());
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

  [Symbol.dispose](): void {
    this.close();
  }

  #nextFrame(): Frame | undefined {
    if (this.#state === 'closed') return undefined;
    return this.#frames.next(this.#session ? MAX_RECORD_BYTES : MAX_HANDSHAKE_BYTES);
  }

  #receiveFrame(frame: Frame, now: Moment): void {
    if (this.#session) {
      this.#session.receive(frame, now);
      return;
    }
    const { output, result } = this.#handshake!.receive(frame, now);
    this.#output.push(...output);
    if (result) this.#open(result, now);
  }

  #open({ peer, split }: Authenticated, now: Moment): void {
    const { crypto, role, meshId, own, exports = DEFAULT_EXPORTS, onNonce } = this.#options;
    this.#peer = peer;
    this.#lapse = now.monotonic + peer.delegation.notAfter - now.wall;
    const options = { crypto, role, meshId, own, peer, limits: this.#limits, exports, onNonce };
    this.#session = new Session(options, split, now, (event) => this.#onSessionEvent(event));
    if (this.#session.isEstablished) this.#establish();
  }

  #onSessionEvent(event: SessionEvent): void {
    if (event.type === 'established') this.#establish();
    else if (event.type === 'ended') this.#end();
    else this.#events.push(event);
  }

  #establish(): void {
    this.#state = 'established';
    this.#handshakeDeadline = Number.POSITIVE_INFINITY;
    this.#events.push({ type: 'established', peer: this.#peer!, sessionId: this.#session!.sessionId });
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
    const notAfter = this.#peer?.delegation.notAfter ?? Number.POSITIVE_INFINITY;
    if (now.monotonic >= this.#lapse || now.wall >= notAfter)
      throw new OotoError('OOTO_CHANNEL_LAPSED', 'peer', "the peer's delegation has lapsed", {
        hint: 'open a new channel: a running peer renews its delegation every 10 minutes',
      });
    if (this.#state === 'established') this.#session!.maintain(now);
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

function requireSoundOptions({ role, meshId, own, expectedId, cookies }: ChannelOptions): void {
  if (meshId.length !== MESH_ID_BYTES) throw badOptions('a mesh id has 32 bytes');
  if (own.noiseStatic.length !== 32) throw badOptions('a Noise static key has 32 bytes');
  if (role === 'initiator' && expectedId === undefined && own.kind !== 'enrol')
    throw badOptions('an initiator must say whom it dials');
  if (role === 'initiator' && cookies) throw badOptions('only responders ask for cookies');
  if (role === 'responder' && own.kind === 'enrol') throw badOptions('an enrolling node dials');
}

function badOptions(why: string): OotoError {
  return new OotoError('OOTO_CHANNEL_OPTIONS', 'caller', why);
}

function wrongState(state: ChannelState): OotoError {
  return new OotoError('OOTO_CHANNEL_STATE', 'caller', `the channel is ${state}`);
}

function internal(cause: unknown): OotoError {
  return new OotoError('OOTO_CHANNEL_INTERNAL', 'local', 'a step of the channel failed unexpectedly', {
    cause,
  });
}
