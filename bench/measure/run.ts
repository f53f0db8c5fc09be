/**
 * One suite from beginning to end, on whatever platform. What flows through here: contests are made, checked and
 * timed one after the other, rows leave as they come; what the suite measures itself follows.
 */
import type { Platform } from '../platform.ts';
import type { Contest, Reporter, Row, Suite } from '../suite.ts';
import { check } from './check.ts';
import { measure, type Plan } from './contest.ts';
import { rowsOf } from './rows.ts';

export interface Watcher extends Reporter {
  rows(rows: readonly Row[]): void;
}

export interface Wish {
  plan: Plan;
  /** Words that a case's name contains; none wishes for all. */
  cases: readonly string[];
  /** Cases that take minutes as well. */
  large?: boolean;
}

export async function runSuite(
  suite: Suite,
  platform: Platform,
  { plan, cases, large = false }: Wish,
  watcher: Watcher,
): Promise<void> {
  const wanted = casesOf(suite, cases, large);
  const contests = (suite.contests?.(platform) ?? []).filter((contest) => wanted.includes(contest.case));
  for (const [done, planned] of contests.entries()) {
    watcher.progress(done, contests.length, `${planned.case} ${planned.size}`);
    watcher.rows(await runContest(suite.name, await planned.make(), plan, platform));
  }
  const figures = await suite.figures?.(platform, wanted, watcher);
  if (figures) watcher.rows(figures);
}

/** Names of the suite's cases that contain one of `words`; large ones only where they are asked for. */
export function casesOf(suite: Suite, words: readonly string[], large = false): string[] {
  const names = Object.keys(suite.cases).filter((name) => large || !suite.cases[name].large);
  return words.length === 0 ? names : names.filter((name) => words.some((word) => name.includes(word)));
}

async function runContest(
  suite: string,
  contest: Contest,
  plan: Plan,
  { interruptions, processorSeconds }: Platform,
): Promise<Row[]> {
  await check(contest);
  (globalThis as { gc?: () => void }).gc?.();
  const times = await measure(contest.contestants, plan, {
    random: Math.random,
    interruptions,
    processorSeconds,
  });
  await check(contest);
  return rowsOf(suite, contest, times);
}
