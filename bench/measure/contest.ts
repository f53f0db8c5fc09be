/**
 * The stop-watch. What flows through here: the contestants of one contest warm up until their speed settles, get
 * a number of calls that fills a round, and then run laps: in each lap every contestant runs one round, in an
 * order that is shuffled anew. One whose single call is longer than a round sits laps out, so that it cannot eat
 * the time of the others. Out come seconds for each operation, lap by lap.
 */
import type { Contestant } from '../suite.ts';
import { median } from './statistics.ts';

export interface Plan {
  /** Milliseconds of calls before anything counts, at the least; and until the speed settles. */
  readonly warmMs: number;
  readonly roundMs: number;
  /** At the most. */
  readonly laps: number;
  /** Milliseconds after which no lap begins that is not needed: on a busy machine a contest has fewer laps, not a longer run. */
  readonly budgetMs: number;
}

/** About one and a half seconds for ten contestants. */
export const FULL_PLAN: Plan = { warmMs: 60, roundMs: 0.8, laps: 61, budgetMs: 2000 };
/** For tests of structure: everything happens, nothing is measured well. */
export const TINY_PLAN: Plan = { warmMs: 0, roundMs: 0.1, laps: 3, budgetMs: 0 };

/** Seconds of one operation in each lap, undefined where the contestant sat the lap out. */
export type Laps = (number | undefined)[];

/** Clocks of browsers tick in steps of 5 µs, or of 100 µs where the page is not isolated. */
const MEASURABLE_SECONDS = 1e-4;
const SETTLED = 0.05;
const MOST_WARM_UPS = 5;
/** Rounds of the slowest in a full number of laps, and of everyone however late it is. */
const [SLOW_ROUNDS, LEAST_ROUNDS] = [5, 3];
/** How often a round in which the system took the processor away is repeated; hopeless for calls of many slices. */
const RETRIES = 3;
const MOST_RETRIED_MS = 30;
/** The untimed calls at the beginning of a round, as a part of it: the one before has emptied the caches. */
const LEAD_IN = 0.5;

/** What the stop-watch needs of its surroundings. The last two are asked outside of what is timed. */
export interface Surroundings {
  /** From 0 to below 1. */
  random(): number;
  /** How often the system has taken the processor away so far; always 0 where nobody tells. */
  interruptions(): number;
  /** Seconds that the processor has worked for this program so far; undefined where nobody tells. */
  processorSeconds(): number | undefined;
}

export async function measure(
  contestants: readonly Contestant[],
  plan: Plan,
  surroundings: Surroundings,
): Promise<Laps[]> {
  const entries = [];
  for (const contestant of contestants) entries.push(await enter(contestant, plan));
  const times: Laps[] = entries.map(() => []);
  const start = performance.now();
  const enough = () =>
    performance.now() - start > plan.budgetMs &&
    times.every((laps) => laps.filter((time) => time !== undefined).length >= LEAST_ROUNDS);
  for (let lap = 0; lap < plan.laps && !enough(); lap++)
    for (const place of shuffled(entries.length, surroundings.random)) {
      const runs = lap % entries[place].every === 0;
      times[place].push(runs ? await timeRound(entries[place], surroundings) : undefined);
    }
  return times;
}

interface Entry {
  contestant: Contestant;
  /** Calls of one round. */
  calls: number;
  /** Takes part in one lap of so many. */
  every: number;
  retries: number;
}

async function enter(contestant: Contestant, plan: Plan): Promise<Entry> {
  const milliseconds = await warm(contestant, plan);
  const rounds = milliseconds / plan.roundMs;
  return {
    contestant,
    calls: Math.max(1, Math.round(1 / rounds)),
    every: powerBelow(Math.max(1, Math.min(Math.round(rounds), plan.laps / SLOW_ROUNDS))),
    retries: milliseconds > MOST_RETRIED_MS ? 0 : RETRIES,
  };
}

/** Powers of two, so that whoever runs seldom meets in its laps all who run more often. */
function powerBelow(number: number): number {
  return 2 ** Math.floor(Math.log2(number));
}

/** Runs for `warmMs`, again until two stretches agree, and returns the milliseconds of one call. */
async function warm(contestant: Contestant, { warmMs }: Plan): Promise<number> {
  let before = await stretch(contestant, warmMs);
  for (let again = 1; again < MOST_WARM_UPS; again++) {
    const now = await stretch(contestant, warmMs / 2);
    if (Math.abs(now - before) <= SETTLED * before) return Math.min(now, before);
    before = now;
  }
  return before;
}

/** Milliseconds of one call over as many as `ms` holds, and over as many as the clock can tell from none. */
async function stretch(contestant: Contestant, ms: number): Promise<number> {
  const start = performance.now();
  const times: number[] = [];
  for (let calls = 1; ; ) {
    const { seconds } = await timeCalls(contestant, calls);
    times.push((seconds * 1000) / calls);
    if (seconds < MEASURABLE_SECONDS) calls *= 2;
    else if (performance.now() - start >= ms) return median(times.slice(-9));
  }
}

/**
 * Seconds of one operation, in a round that nobody interrupted if there is one soon. If there is none, the
 * processor's own time is taken, which stands still while others have it; but not of who answers later, since
 * other threads work for it.
 */
async function timeRound(
  { contestant, calls, retries: most }: Entry,
  surroundings: Surroundings,
): Promise<number> {
  const leadIn = Math.floor(calls * LEAD_IN);
  if (leadIn > 0) await timeCalls(contestant, leadIn);
  for (let retries = most; ; retries--) {
    const [interruptions, worked] = [surroundings.interruptions(), surroundings.processorSeconds()];
    const { seconds, later } = await timeCalls(contestant, calls);
    const operations = calls * contestant.operations;
    if (surroundings.interruptions() === interruptions) return seconds / operations;
    if (retries > 0) continue;
    const own = later || worked === undefined ? seconds : surroundings.processorSeconds()! - worked;
    return Math.min(own, seconds) / operations;
  }
}

interface Timed {
  seconds: number;
  /** Whether the contestant answers later. */
  later: boolean;
}

/** Times `calls` calls. Awaits only what must be awaited: a turn of the event loop is no engine's work. */
async function timeCalls(contestant: Contestant, calls: number): Promise<Timed> {
  const start = performance.now();
  const first = contestant.call();
  const later = first instanceof Promise;
  if (later) {
    await first;
    for (let i = 1; i < calls; i++) await contestant.call();
  } else for (let i = 1; i < calls; i++) contestant.call();
  return { seconds: (performance.now() - start) / 1000, later };
}

/** The numbers below `length` in random order (Fisher and Yates). */
export function shuffled(length: number, random: () => number): number[] {
  const order = Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
