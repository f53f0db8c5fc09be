/**
 * The secrets that cookies are made with. What flows through here: the time goes in; the secret that makes cookies
 * now comes out, and the one before it while that is still accepted. What is past both is overwritten.
 */
import { wipe } from '../base/disposal.ts';
import type { Random } from '../ports.ts';

/** A secret makes cookies for one period, and is accepted for one more. */
export const COOKIE_PERIOD_MS = 120_000;
const SECRET_BYTES = 32;

export class CookieSecrets {
  readonly #random: Random;
  #secrets: Uint8Array[] = [];
  #since = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The newest first. @param now monotonic milliseconds */
  at(now: number): readonly Uint8Array[] {
    const periods = Math.floor((now - this.#since) / COOKIE_PERIOD_MS);
    if (this.#secrets.length > 0 && periods === 0) return this.#secrets;
    const kept = this.#secrets.length > 0 && periods === 1 ? this.#secrets.slice(0, 1) : [];
    wipe(...this.#secrets.filter((secret) => !kept.includes(secret)));
    this.#since = kept.length > 0 ? this.#since + COOKIE_PERIOD_MS : now;
    this.#secrets = [this.#random.bytes(SECRET_BYTES), ...kept];
    return this.#secrets;
  }
}
