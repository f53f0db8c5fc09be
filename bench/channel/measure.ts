/**
 * What two processes measure together. What flows through here: the accepting side tells the dialling side over
 * their IPC channel what to do; throughput is counted where messages are delivered, from the first to the last;
 * round trips and handshakes are timed where they begin.
 */
import type { Link, Rival } from './link.ts';

export type Task =
  | { kind: 'throughput'; rival: string; port: number; size: number; ms: number }
  | { kind: 'round-trips'; rival: string; port: number; size: number; count: number }
  | { kind: 'handshakes'; rival: string; port: number; count: number; inFlight: number };

/**
 * Messages a second at the receiver; and microseconds that one costs each side in its fastest stretches of a quarter
 * of a megabyte: where others compute on the same machine, those are the ones that nobody disturbed.
 */
export interface Throughput {
  perSecond: number;
  receiverMicros: number;
  senderMicros: number;
}

const STRETCH_BYTES = 256 * 1024;
const FASTEST_SHARE = 0.1;
const stretchOf = (size: number) => Math.max(1, Math.ceil(STRETCH_BYTES / (size + 4)));

/** Sends for `ms`, then ends the link. Returns the microseconds of a message. */
export async function sendFor(link: Link, size: number, ms: number): Promise<number> {
  const message = new Uint8Array(size).map((_, i) => i);
  const until = performance.now() + ms;
  const burst = stretchOf(size);
  const stretches: number[] = [];
  while (performance.now() < until) {
    const began = performance.now();
    let [sent, room] = [0, true];
    link.begin();
    for (; sent < burst && room; sent++) room = link.send(message);
    link.end();
    await undefined;
    if (sent === burst) stretches.push(performance.now() - began);
    await link.drained();
    await turn();
  }
  link.close();
  return (1000 * percentile(stretches, FASTEST_SHARE)) / burst;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Counts what arrives on one link until it ends; the first fifth warms up. */
export function countMessages(
  link: Link,
  size: number,
  ms: number,
): Promise<Omit<Throughput, 'senderMicros'>> {
  return new Promise((resolve) => {
    const burst = 4 * stretchOf(size);
    const stretches: number[] = [];
    let [count, began, last] = [0, 0, 0];
    let warm = false;
    link.onMessage = () => {
      if (++count % burst !== 0) return;
      const now = performance.now();
      if (last > 0) stretches.push(now - last);
      last = now;
      began ||= now;
      if (warm || now - began < ms / 5) return;
      warm = true;
      [began, count] = [now, 0];
    };
    link.onEnd = () => {
      const receiverMicros = (1000 * percentile(stretches, FASTEST_SHARE)) / burst;
      resolve({ perSecond: (1000 * count) / (performance.now() - began), receiverMicros });
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

/** Connections a second with `inFlight` dialled at once. */
export async function handshakes(
  rival: Rival,
  port: number,
  count: number,
  inFlight: number,
): Promise<number> {
  let left = count;
  const dialAll = async () => {
    while (left-- > 0) {
      const link = await rival.dial(port);
      link.close();
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: inFlight }, dialAll));
  return (1000 * count) / (performance.now() - began);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
