/**
 * Results against a file of targets (schema `ooto.targets/1`): what is missing, what is below its floor, and what
 * has reached the floor but not the goal. Rows of suites that did not run do not count.
 */
import type { Row } from '../suite.ts';

export interface Target extends Pick<Row, 'suite' | 'case' | 'size' | 'subject' | 'rival'> {
  /** The ratio at the least. */
  min?: number;
  /** The ratio at the most: a time, a cost, or a plain figure. */
  max?: number;
  /** What is hoped for beyond the floor, in the same direction. */
  goal?: number;
}

export interface Verdict {
  target: Target;
  /** Undefined when no such row was measured. */
  measured: number | undefined;
  reached: boolean;
  reachedGoal: boolean;
}

/** @throws Error unless `text` is a file of targets. */
export function readTargets(text: string): Target[] {
  const { schema, rows } = JSON.parse(text) as { schema?: unknown; rows?: Target[] };
  if (schema !== 'ooto.targets/1' || !Array.isArray(rows)) throw new Error('not of schema ooto.targets/1');
  for (const row of rows)
    if ((row.min === undefined) === (row.max === undefined))
      throw new Error(`${nameOf(row)} must have either min or max`);
  return rows;
}

/** Cases that ran: of a whole suite also those that it should have, but has not. */
export interface Ran {
  suite: string;
  /** Absent when the whole suite ran. */
  case?: string;
}

/** One verdict for each target of what ran. */
export function judge(targets: readonly Target[], rows: readonly Row[], ran: readonly Ran[]): Verdict[] {
  return targets
    .filter((target) =>
      ran.some((part) => part.suite === target.suite && (part.case ?? target.case) === target.case),
    )
    .map((target) => {
      const measured = rows.find((row) => nameOf(row) === nameOf(target))?.ratio;
      const reaches = (bound: number | undefined) =>
        measured !== undefined && (target.max === undefined ? measured >= bound! : measured <= bound!);
      const reached = reaches(target.max ?? target.min);
      return { target, measured, reached, reachedGoal: reached && (!target.goal || reaches(target.goal)) };
    });
}

/** What a person reads: the rows below their floor, those below their goal, and the count. */
export function describeVerdicts(verdicts: readonly Verdict[]): string {
  const short = verdicts.filter(({ reached }) => !reached);
  const hoped = verdicts.filter(({ reached, reachedGoal }) => reached && !reachedGoal);
  const lines = [
    ...short.map((verdict) => `falls short  ${describe(verdict)}`),
    ...hoped.map((verdict) => `below goal   ${describe(verdict)}`),
    `${verdicts.length - short.length} of ${verdicts.length} floors reached`,
  ];
  return lines.join('\n');
}

function describe({ target, measured }: Verdict): string {
  const bound = target.max === undefined ? `floor ${target.min}` : `ceiling ${target.max}`;
  const goal = target.goal === undefined ? '' : `, goal ${target.goal}`;
  return `${nameOf(target)}: ${bound}${goal}, measured ${measured === undefined ? 'nothing' : round(measured)}`;
}

function nameOf(row: Pick<Row, 'suite' | 'case' | 'size' | 'subject' | 'rival'>): string {
  return `${row.suite} ${row.case} ${row.size} ${row.subject} against ${row.rival}`;
}

function round(value: number): string {
  return String(Number(value.toPrecision(3)));
}
