/**
 * How long to wait before dialling again, and whether to dial again at all. What flows through here: each failure
 * doubles the longest wait, up to a ceiling, and the wait is drawn from all of it, so that many who lost the same peer
 * do not come back together; a channel that stood for some time makes the next wait short again.
 */
import { isOotoError } from '../../base/errors.ts';
import type { Random } from '../../ports.ts';

export interface BackOffLimits {
  /** The longest first wait. */
  firstMs: number;
  /** No wait is longer. */
  ceilingMs: number;
  /** A channel that stood for so long counts as a success. */
  steadyMs: number;
}

export const DEFAULT_BACK_OFF: Readonly<BackOffLimits> = {
  firstMs: 500,
  ceilingMs: 30_000,
  steadyMs: 30_000,
};

export class BackOff {
  readonly #random: Random;
  readonly #limits: BackOffLimits;
  #bound: number;

  constructor(random: Random, limits: Partial<BackOffLimits> = {}) {
    this.#random = random;
    this.#limits = { ...DEFAULT_BACK_OFF, ...limits };
    this.#bound = this.#limits.firstMs;
  }

  /** Milliseconds until the next attempt, after a failed one or the end of a channel that stood for `stoodMs`. */
  next(stoodMs = 0): number {
    const { firstMs, ceilingMs, steadyMs } = this.#limits;
    if (stoodMs >= steadyMs) this.#bound = firstMs;
    const bound = Math.min(this.#bound, ceilingMs);
    this.#bound = bound * 2;
    const [high, low] = this.#random.bytes(2);
    return Math.floor((bound * ((high << 8) | low)) / 0x10000);
  }
}

/**
 * What befell the bytes, or the peer's presence: another connection may be better. An attacker on the way can cause
 * each of them, and must not be able to keep two nodes apart after he is gone.
 */
const MENDABLE = new Set([
  'OOTO_CHANNEL_CLOSED',
  'OOTO_CHANNEL_COOKIE',
  'OOTO_CHANNEL_COUNTER',
  'OOTO_CHANNEL_EPOCH',
  'OOTO_CHANNEL_EPOCH_OVERDUE',
  'OOTO_CHANNEL_FRAME',
  'OOTO_CHANNEL_HANDSHAKE_TIMEOUT',
  'OOTO_CHANNEL_KEY_SPENT',
  'OOTO_CHANNEL_LAPSED',
  'OOTO_CHANNEL_RESUMPTION',
  'OOTO_CHANNEL_SILENT',
  'OOTO_CHANNEL_TRUNCATED',
  'OOTO_CRYPTO_AUTHENTICATION',
  'OOTO_NOISE_LENGTH',
]);

/**
 * Whether dialling again may help: where the surroundings are at fault, or the bytes of one connection. Not where the
 * caller is, nor where the peer has shown who it is and that is refused.
 */
export function isMendable(error: unknown): boolean {
  if (!isOotoError(error) || error.fault === 'caller') return false;
  return error.fault === 'environment' || MENDABLE.has(error.code);
}
