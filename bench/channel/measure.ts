/**
 * What two processes measure together. What flows through here: the accepting side tells the dialling side over
 * their IPC channel what to do; throughput is counted where messages are delivered, from the first to the last;
 * round trips and handshakes are timed where they begin.
 */
import type { Link, Rival } from './link.ts';

export type Task =
  | { kind: 'throughput'; rival: string; port: number; size: number; ms: number; epochEveryMs?: number }
  | { kind: 'round-trips'; rival: string; port: number; size: number; count: number }
  | { kind: 'handshakes'; rival: string; port: number; count: number; inFlight: number };

const STRETCH_BYTES = 256 * 1024;
/** The clock is looked at so often, for those to whom a whole stretch is long. */
const MOST_UNTIMED = 256;
const stretchOf = (size: number) => Math.max(1, Math.ceil(STRETCH_BYTES / (size + 4)));

/** What a process did with messages or connections. */
export interface Work {
  /** A second. */
  readonly rate: number;
  /** Microseconds of the processor for each, on all threads of the process. */
  readonly cpuMicros: number;
}

/** From its making to its end. */
export class Shift {
  readonly #began = performance.now();
  readonly #cpu = process.cpuUsage();

  end(count: number): Work {
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      rate: (1000 * count) / (performance.now() - this.#began),
      cpuMicros: (user + system) / count,
    };
  }
}

/** Sends for `ms`, then ends the link; calls `each` before every stretch. The first fifth warms up. */
export async function sendFor(
  link: Link,
  size: number,
  ms: number,
  each: (elapsed: number) => void = () => {},
): Promise<Work> {
  const message = new Uint8Array(size).map((_, i) => i);
  const began = performance.now();
  const stretch = stretchOf(size);
  let shift: Shift | undefined;
  let count = 0;
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - began) {
    each(elapsed);
    if (!shift && elapsed >= ms / 5) [shift, count] = [new Shift(), 0];
    let room = true;
    link.begin();
    for (let i = 0; i < stretch && room; i++, count++) room = link.send(message);
    link.end();
    await link.drained();
    await turn();
  }
  const work = shift!.end(count);
  link.close();
  return work;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Counts messages on one link until it ends; the first fifth of `ms` warms up. */
export function countMessages(link: Link, size: number, ms: number): Promise<Work> {
  return new Promise((resolve) => {
    const stretch = Math.min(stretchOf(size), MOST_UNTIMED);
    let [count, began] = [0, 0];
    let shift: Shift | undefined;
    link.onMessage = () => {
      if (++count % stretch !== 0 || shift) return;
      const now = performance.now();
      began ||= now;
      if (now - began >= ms / 5) [shift, count] = [new Shift(), 0];
    };
    link.onEnd = () => resolve((shift ?? new Shift()).end(count));
  });
}

/**
 * The largest gaps between deliveries, milliseconds, in windows in which `epochOf` moved and in as many in which it
 * did not.
 */
export function watchGaps(link: Link, windowMs: number, epochOf: () => number): Promise<[number, number]> {
  return new Promise((resolve) => {
    const [changed, calm]: [number[], number[]] = [[], []];
    let [windowBegan, last, gap, epoch] = [performance.now(), performance.now(), 0, epochOf()];
    link.onMessage = () => {
      const now = performance.now();
      gap = Math.max(gap, now - last);
      last = now;
      if (now - windowBegan < windowMs) return;
      const current = epochOf();
      (current === epoch ? calm : changed).push(gap);
      [windowBegan, gap, epoch] = [now, 0, current];
    };
    link.onEnd = () => {
      const [a, b] = [changed.slice(1), calm.slice(1)];
      const windows = Math.min(a.length, b.length);
      resolve([Math.max(0, ...a.slice(0, windows)), Math.max(0, ...b.slice(0, windows))]);
    };
  });
}

/** Milliseconds of each of `count` round trips, one at a time; the first tenth warms up. */
export async function roundTrips(link: Link, size: number, count: number): Promise<number[]> {
  const message = new Uint8Array(size);
  const times: number[] = [];
  return new Promise((resolve) => {
    let began = 0;
    const next = () => {
      began = performance.now();
      link.begin();
      link.send(message);
      link.end();
    };
    link.onMessage = () => {
      times.push(performance.now() - began);
      if (times.length < count) queueMicrotask(next);
      else {
        link.close();
        resolve(times.slice(count / 10));
      }
    };
    next();
  });
}

/** Connections with `inFlight` dialled at once. */
export async function handshakes(rival: Rival, port: number, count: number, inFlight: number): Promise<Work> {
  let left = count;
  const dialAll = async () => {
    while (left-- > 0) {
      const link = await rival.dial(port);
      link.close();
    }
  };
  const shift = new Shift();
  await Promise.all(Array.from({ length: inFlight }, dialAll));
  return shift.end(count);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
