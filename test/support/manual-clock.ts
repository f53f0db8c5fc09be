/** A clock that moves only by hand. Timers fire in the order of their times, in the call that passes them. */
import type { Clock } from '../../src/ports.ts';

export const START_WALL = 1_800_000_000_000;

export class ManualClock implements Clock {
  #wall: number;
  #monotonic = 1_000;
  #timers: { at: number; callback: () => void }[] = [];

  constructor(wall = START_WALL) {
    this.#wall = wall;
  }

  /** Whole milliseconds, as of every machine; timers may be set for parts of one. */
  now(): number {
    return Math.floor(this.#wall);
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#monotonic + Math.max(0, ms), callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Timers that are set. */
  get waiting(): number {
    return this.#timers.length;
  }

  /** Moves both clocks, stopping at every timer on the way. */
  advance(ms: number): void {
    const end = this.#monotonic + ms;
    for (let next = this.#nextBy(end); next; next = this.#nextBy(end)) {
      this.#move(next.at);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.callback();
    }
    this.#move(end);
  }

  /** Moves the clock in steps, with all promises settled between them. */
  async run(ms: number, stepMs = 100): Promise<void> {
    await settled();
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.advance(Math.min(stepMs, ms - passed));
      await settled();
    }
  }

  /** Moves the clock in steps until `condition` holds; fails after `limitMs`. */
  async until(condition: () => boolean, limitMs = 120_000, stepMs = 50): Promise<void> {
    await settled();
    for (let passed = 0; !condition(); passed += stepMs) {
      if (passed >= limitMs) throw new Error(`what was awaited did not come about within ${limitMs} ms`);
      this.advance(stepMs);
      await settled();
    }
  }

  /** The wall clock alone jumps. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  #nextBy(end: number) {
    const due = this.#timers.filter(({ at }) => at <= end);
    return due.sort((a, b) => a.at - b.at)[0];
  }

  #move(monotonic: number): void {
    this.#wall += Math.max(0, monotonic - this.#monotonic);
    this.#monotonic = Math.max(this.#monotonic, monotonic);
  }
}

/** Resolves once every promise that can settle without a clock has: some turns of the event loop. */
export async function settled(turns = 12): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
