/**
 * How often a peer may begin a new epoch. What flows through here: each change that the peer begins takes a token; a
 * change costs both sides some milliseconds, so a peer that begins one after the other would keep this side at work.
 */
import { OotoError } from '../base/errors.ts';

/** Changes at once ... */
export const EPOCH_BURST = 32;
/** ... and the least life of an epoch after that. By time or wear no epoch is due in less than several seconds. */
export const EPOCH_LEAST_MS = 1_000;

export class EpochPace {
  #tokens = EPOCH_BURST;
  #since: number;

  /** @param now monotonic milliseconds */
  constructor(now: number) {
    this.#since = now;
  }

  /** The peer begins a change. @throws OOTO_CHANNEL_EPOCH_RATE (peer) for one too many. */
  take(now: number): void {
    const earned = Math.floor((now - this.#since) / EPOCH_LEAST_MS);
    this.#tokens = Math.min(EPOCH_BURST, this.#tokens + earned);
    this.#since += earned * EPOCH_LEAST_MS;
    if (this.#tokens < 1)
      throw new OotoError('OOTO_CHANNEL_EPOCH_RATE', 'peer', 'the peer begins one epoch after the other', {
        hint: `at most ${EPOCH_BURST} at once, and then one each ${EPOCH_LEAST_MS} ms`,
      });
    this.#tokens--;
  }
}
