/** From times to rows: every subject of a contest against every other contestant, and against the best of some. */
import type { Contest, Row } from '../suite.ts';
import type { Laps } from './contest.ts';
import { median, pairedRatio } from './statistics.ts';

export function rowsOf(suite: string, contest: Contest, times: readonly Laps[]): Row[] {
  const timed = new Map(contest.contestants.map(({ name }, i) => [name, times[i]]));
  const rows: Row[] = [];
  for (const subject of contest.subjects) {
    const own = timed.get(subject);
    if (own === undefined) continue;
    for (const [rival, laps] of timed)
      if (!contest.subjects.includes(rival)) rows.push(row(suite, contest, [subject, own], [rival, laps]));
    for (const [best, names] of Object.entries(contest.best ?? {})) {
      if (names.includes(subject)) continue;
      const fastest = fastestOf(timed, names);
      if (fastest) rows.push(row(suite, contest, [subject, own], [best, fastest]));
    }
  }
  return rows;
}

function row(
  suite: string,
  { case: name, size, measure }: Contest,
  [subject, own]: [string, Laps],
  [rival, other]: [string, Laps],
): Row {
  const { median: ratio, spread } = measure === 'time' ? pairedRatio(other, own) : pairedRatio(own, other);
  return {
    suite,
    case: name,
    size,
    subject,
    rival,
    subjectOps: rate(own),
    rivalOps: rate(other),
    ratio,
    spread,
  };
}

function rate(laps: Laps): number {
  return 1 / median(laps.filter((time) => time !== undefined));
}

function fastestOf(timed: ReadonlyMap<string, Laps>, names: readonly string[]): Laps | undefined {
  const present = names.map((name) => timed.get(name)).filter((laps) => laps !== undefined);
  return present.sort((a, b) => rate(b) - rate(a))[0];
}
