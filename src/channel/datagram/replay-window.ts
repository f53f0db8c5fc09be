/**
 * Which counters were taken already. What flows through here: the counter of each record is asked about before the
 * record is opened, and marked once it has proven authentic; the last 8,192 counters are remembered in a ring of
 * words, of which the newest may stand anywhere in its word, so that 8,160 below it are always known (RFC 6479).
 */
import { OotoError } from '../../base/errors.ts';

const WINDOW_BITS = 8_192;
const WORD_BITS = 32;
const WORDS = WINDOW_BITS / WORD_BITS;
/** So far behind the newest a counter may be. */
export const USABLE_BITS = WINDOW_BITS - WORD_BITS;

export class ReplayWindow {
  readonly #words = new Uint32Array(WORDS);
  /** The newest counter that was marked; −1 before the first. */
  #newest = -1;

  get newest(): number {
    return this.#newest;
  }

  /** Whether a record with this counter may still be taken. */
  accepts(counter: number): boolean {
    if (!Number.isSafeInteger(counter) || counter < 0) return false;
    if (counter > this.#newest) return true;
    if (this.#newest - counter >= USABLE_BITS) return false;
    return (this.#words[wordOf(counter)] & bitOf(counter)) === 0;
  }

  /**
   * Marks the counter of a record that has proven authentic.
   * @throws OOTO_CHANNEL_COUNTER (peer) for one that {@link accepts} refuses.
   */
  mark(counter: number): void {
    if (!this.accepts(counter))
      throw new OotoError(
        'OOTO_CHANNEL_COUNTER',
        'peer',
        `record ${counter} was taken already, or is too old`,
      );
    if (counter > this.#newest) this.#moveTo(counter);
    this.#words[wordOf(counter)] |= bitOf(counter);
  }

  /** The words between the newest counter and this one begin anew. */
  #moveTo(counter: number): void {
    const before = Math.floor(this.#newest / WORD_BITS);
    const fresh = Math.min(WORDS, Math.floor(counter / WORD_BITS) - before);
    for (let i = 1; i <= fresh; i++) this.#words[(before + i + WORDS) % WORDS] = 0;
    this.#newest = counter;
  }
}

function wordOf(counter: number): number {
  return Math.floor(counter / WORD_BITS) % WORDS;
}

function bitOf(counter: number): number {
  return 1 << (counter % WORD_BITS);
}
