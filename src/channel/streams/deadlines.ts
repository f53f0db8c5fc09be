/** Requests and the moments at which they are given up. What flows through here: streams with a deadline, until they are over or late. */
import type { Stream } from './stream.ts';

const NEVER = Number.POSITIVE_INFINITY;

export class Deadlines {
  readonly #timed = new Set<Stream>();
  /** A moment before which none passes. */
  #earliest = NEVER;

  /** Monotonic milliseconds before which none passes; infinite when there is none. */
  get next(): number {
    return this.#timed.size === 0 ? NEVER : this.#earliest;
  }

  /** Of a request; plain streams have none. */
  set(stream: Stream, now: number): void {
    const { deadlineMs } = stream.head;
    if (deadlineMs === undefined) return;
    stream.dueAt = now + deadlineMs;
    this.#timed.add(stream);
    this.#earliest = this.#timed.size === 1 ? stream.dueAt : Math.min(this.#earliest, stream.dueAt);
  }

  /** The stream is over. */
  drop(stream: Stream): void {
    this.#timed.delete(stream);
  }

  /** Those that are late, each once. */
  takeLate(now: number): Stream[] {
    if (now < this.next) return [];
    const late = [...this.#timed].filter(({ dueAt }) => dueAt <= now);
    for (const stream of late) this.#timed.delete(stream);
    this.#earliest = [...this.#timed].reduce((least, { dueAt }) => Math.min(least, dueAt), NEVER);
    return late;
  }
}
