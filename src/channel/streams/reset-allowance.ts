/** How often a peer may give up its streams. What flows through here: its resets; streams that are opened and given up at once cost this side more than the peer. */
import { OotoError } from '../../base/errors.ts';
import type { StreamLimits } from './bounds.ts';

export class ResetAllowance {
  readonly #limits: StreamLimits;
  #left: number;
  #at = 0;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
    this.#left = limits.resetBurst;
  }

  /** Counts one. @throws OOTO_STREAM_RESETS (peer) for one too many. */
  take(now: number): void {
    const { resetBurst, resetsPerSecond } = this.#limits;
    const since = Math.max(0, now - this.#at) / 1_000;
    this.#left = Math.min(resetBurst, this.#left + since * resetsPerSecond) - 1;
    this.#at = now;
    if (this.#left < 0)
      throw new OotoError('OOTO_STREAM_RESETS', 'peer', 'the peer gives up too many of its streams', {
        hint: `at most ${resetBurst} at once and ${resetsPerSecond} a second`,
      });
  }
}
