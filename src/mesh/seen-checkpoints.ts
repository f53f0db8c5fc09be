/**
 * Checkpoints of members' logs that peers showed in their credentials. What flows through here: each that was verified is
 * kept, so many of each log, until whoever watches the logs takes them to hold them against what he is shown.
 */

/** Checkpoints of one log that wait to be held against it. */
const MOST_SEEN = 64;

/** Checkpoints that peers showed in their credentials, until the watch has held them against the logs. */
export class SeenCheckpoints {
  readonly #byLog = new Map<string, Set<string>>();

  /** `note` bears the signature of the log of this name. */
  add(log: string, note: string): void {
    const notes = this.#byLog.get(log) ?? new Set();
    if (notes.size < MOST_SEEN) this.#byLog.set(log, notes.add(note));
  }

  take(log: string): string[] {
    const notes = [...(this.#byLog.get(log) ?? [])];
    this.#byLog.delete(log);
    return notes;
  }
}
