/**
 * Who was refused, counted and logged. What flows through here: every refusal adds to the count of its code; the
 * first of a second go to the log one by one, and of the rest only how many they were: a flood of strangers must
 * not become a flood of lines.
 */
import type { OotoError } from '../base/errors.ts';
import type { Clock, Logger, LogLevel } from '../ports.ts';

const WINDOW_MS = 1_000;
const LINES_PER_WINDOW = 32;
/** Codes are this program's own; nobody else can add to them. */
const MOST_CODES = 256;

export class Refusals {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #counts = new Map<string, number>();
  #windowEnds = 0;
  #lines = 0;
  #unlogged = 0;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** By code, since the node was started. */
  get counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  count(code: string): void {
    if (this.#counts.has(code) || this.#counts.size < MOST_CODES)
      this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
  }

  /** Counts the refusal, and logs it unless too many were logged in this second. */
  note(
    error: OotoError,
    fields: Readonly<Record<string, unknown>>,
    [level, message]: readonly [LogLevel, string] = ['warn', 'refused'],
  ): void {
    const { code, fault } = error;
    this.count(code);
    const now = this.#clock.monotonic();
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + WINDOW_MS;
      this.#lines = 0;
    }
    if (++this.#lines > LINES_PER_WINDOW) {
      this.#unlogged++;
      return;
    }
    const before = this.#unlogged > 0 ? { unlogged: this.#unlogged } : {};
    this.#unlogged = 0;
    this.#logger.log(level, message, { ...fields, code, fault, error, ...before });
  }
}
