/** The clocks of a page. What flows through here: milliseconds, and callbacks that are due. */
import type { Clock } from '../../ports.ts';

/** A browser fires a timer at once when asked for more than this (setTimeout keeps a signed 32-bit delay). */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function browserClock(): Clock {
  return { now: () => Date.now(), monotonic: () => performance.now(), after };
}

function after(ms: number, callback: () => void): () => void {
  const due = performance.now() + ms;
  let timer: ReturnType<typeof setTimeout>;
  const arm = () => {
    const left = due - performance.now();
    const wait = Math.min(Math.max(left, 0), LONGEST_TIMER_MS);
    timer = setTimeout(left > LONGEST_TIMER_MS ? arm : callback, wait);
  };
  arm();
  return () => clearTimeout(timer);
}
