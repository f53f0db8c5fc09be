/**
 * Signs of life on a session. What flows through here: whoever sent nothing for an interval sends an `alive` record,
 * which says how many of the peer's records have come; whoever hears nothing authentic for a limit gives the peer up.
 * Where both sides keep what they send until it is acknowledged, `alive` records also go out soon after records came.
 */
import { readU64be, u64be } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import type { Random } from '../../ports.ts';
import type { ControlRecord } from '../epoch-keeper.ts';
import type { ChannelLimits } from '../limits.ts';
import { badFrame, FRAME, type Frame } from '../wire.ts';

const COUNT_BYTES = 8;
/** Up to a quarter early, at random, so that the channels of a node do not speak in step. */
const JITTER = 1 / 4;
/** What came is acknowledged after so much of it, so many records, or so long. */
const ACKNOWLEDGED_BYTES = 512 * 1024;
const ACKNOWLEDGED_RECORDS = 64;
const ACKNOWLEDGED_MS = 1_000;
const NEVER = Number.POSITIVE_INFINITY;

export interface LifeSignsOptions {
  readonly random: Random;
  readonly limits: Pick<ChannelLimits, 'keepAliveMs' | 'silenceMs'>;
  /** Whether this side keeps what it sends until the peer has it. */
  readonly lasting: boolean;
  /** Records of the session so far. */
  readonly counts: () => { readonly sent: number; readonly received: number };
}

/** All times are monotonic milliseconds. */
export class LifeSigns {
  readonly #options: LifeSignsOptions;
  #sentAt: number;
  #patience: number;
  /** Time is counted in steps of an interval at most: in a machine that slept, the peer gets another chance. */
  #silentMs = 0;
  #lookedAt: number;
  #acknowledged = 0;
  #peerLasts: boolean | undefined;
  #unacknowledgedBytes = 0;
  #unacknowledgedRecords = 0;
  #acknowledgeAt = NEVER;

  constructor(options: LifeSignsOptions, now: number) {
    this.#options = options;
    this.#sentAt = now;
    this.#lookedAt = now;
    this.#patience = this.#drawPatience();
  }

  /** How many records of this side the peer is known to have. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Whether the peer keeps what it sends, which its first record says; undefined before. */
  get peerLasts(): boolean | undefined {
    return this.#peerLasts;
  }

  /** Whether both sides keep what they send, so that the session can go on over another connection. */
  get isLasting(): boolean {
    return this.#peerLasts === true && this.#options.lasting;
  }

  /** When {@link maintain} has something to do. */
  get deadline(): number {
    return Math.min(this.#sentAt + this.#patience, this.#silenceEndsAt, this.#acknowledgeAt);
  }

  /** Records left. */
  sent(now: number): void {
    this.#sentAt = now;
  }

  /** An authentic record came. */
  heard({ type, whole }: Frame, now: number): void {
    this.#silentMs = 0;
    this.#lookedAt = now;
    if (type !== FRAME.confirmation) this.#peerLasts ??= false;
    if (!this.isLasting) return;
    this.#unacknowledgedBytes += whole.length;
    this.#unacknowledgedRecords++;
    if (type !== FRAME.alive) this.#acknowledgeAt = Math.min(this.#acknowledgeAt, now + ACKNOWLEDGED_MS);
    if (
      this.#unacknowledgedBytes >= ACKNOWLEDGED_BYTES ||
      this.#unacknowledgedRecords >= ACKNOWLEDGED_RECORDS
    )
      this.#acknowledgeAt = now;
  }

  /**
   * What time demands now.
   * @throws OOTO_CHANNEL_SILENT (peer) when nothing came for too long; not where another connection can be had.
   */
  maintain(now: number): ControlRecord | undefined {
    this.#requireSigns(now);
    if (now < this.#sentAt + this.#patience && now < this.#acknowledgeAt) return undefined;
    this.#sentAt = now;
    this.#patience = this.#drawPatience();
    this.#acknowledgeAt = NEVER;
    this.#unacknowledgedBytes = 0;
    this.#unacknowledgedRecords = 0;
    return { type: FRAME.alive, plaintext: u64be(this.#options.counts().received) };
  }

  /** The peer's `alive`. @throws OOTO_CHANNEL_FRAME (peer). */
  receiveAlive(plaintext: Uint8Array): void {
    if (plaintext.length !== COUNT_BYTES) throw badFrame('a sign of life of another length');
    const count = readU64be(plaintext);
    if (count < BigInt(this.#acknowledged) || count > BigInt(this.#options.counts().sent))
      throw badFrame('a count of records that cannot be');
    this.#acknowledged = Number(count);
  }

  /**
   * The peer keeps what it sends: its first record says so or none, for this side has kept nothing since.
   * @throws OOTO_CHANNEL_FRAME (peer).
   */
  receiveLasting(plaintext: Uint8Array): void {
    if (plaintext.length > 0 || this.#peerLasts !== undefined)
      throw badFrame('a late, second or longer offer to last');
    this.#peerLasts = true;
  }

  get #silenceEndsAt(): number {
    if (this.isLasting) return NEVER;
    return this.#lookedAt + Math.min(this.#options.limits.silenceMs - this.#silentMs, this.#longestStep);
  }

  get #longestStep(): number {
    return this.#options.limits.keepAliveMs;
  }

  #requireSigns(now: number): void {
    this.#silentMs += Math.min(now - this.#lookedAt, this.#longestStep);
    this.#lookedAt = now;
    if (this.isLasting || this.#silentMs < this.#options.limits.silenceMs) return;
    throw new OotoError(
      'OOTO_CHANNEL_SILENT',
      'peer',
      `nothing came from the peer for ${this.#silentMs} ms`,
      {
        hint: 'the peer or the way to it is gone; dial again',
      },
    );
  }

  #drawPatience(): number {
    const { random, limits } = this.#options;
    const [high, low] = random.bytes(2);
    return Math.floor(limits.keepAliveMs * (1 - (((high << 8) | low) / 0x10000) * JITTER));
  }
}
