/** The clocks of this machine. What flows through here: milliseconds, and callbacks that are due. */
import type { Clock } from '../../ports.ts';

/** Node fires a timer at once when asked for more than this (setTimeout keeps a signed 32-bit delay). */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function nodeClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after,
    soon: (callback) => void setImmediate(callback),
  };
}

function after(ms: number, callback: () => void): () => void {
  const due = performance.now() + ms;
  let timer: ReturnType<typeof setTimeout>;
  const arm = () => {
    const left = due - performance.now();
    timer = setTimeout(
      left > LONGEST_TIMER_MS ? arm : callback,
      Math.min(Math.max(left, 0), LONGEST_TIMER_MS),
    );
  };
  arm();
  return () => clearTimeout(timer);
}
