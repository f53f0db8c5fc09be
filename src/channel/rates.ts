/**
 * How often each of many may do something. What flows through here: a key takes a token from its bucket, or is told
 * that there is none; buckets fill again with time. Only keys that took something lately are remembered, and never
 * more than a bound: beyond it the one that has waited longest is forgotten, which can only help it.
 */

export interface RateOptions {
  /** Tokens that come back in a second. */
  perSecond: number;
  /** Tokens of a full bucket. */
  burst: number;
  /** Keys that are remembered at most. */
  most: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

export class Rates {
  readonly #options: RateOptions;
  /** In the order of last use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: RateOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes a token of `key` at `now` (monotonic milliseconds); false when there is none. */
  take(key: string, now: number): boolean {
    const { perSecond, burst, most } = this.#options;
    this.#forgetFull(now);
    const bucket = this.#buckets.get(key) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) * perSecond) / 1000);
    const admitted = tokens >= 1;
    this.#buckets.delete(key);
    if (this.#buckets.size >= most) this.#buckets.delete(this.#buckets.keys().next().value as string);
    this.#buckets.set(key, { tokens: admitted ? tokens - 1 : tokens, at: now });
    return admitted;
  }

  /** Whoever has not asked for as long as a bucket takes to fill is as good as new. */
  #forgetFull(now: number): void {
    const { perSecond, burst } = this.#options;
    const fillMs = (burst * 1000) / perSecond;
    for (const [key, { at }] of this.#buckets) {
      if (now - at < fillMs) return;
      this.#buckets.delete(key);
    }
  }
}
