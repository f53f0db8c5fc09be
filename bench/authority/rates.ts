/** What a case of this suite measures, and how times become rates. */
import { median, summarise } from '../measure/statistics.ts';
import type { Row } from '../suite.ts';

export type Measured = Pick<Row, 'rival' | 'subjectOps' | 'rivalOps' | 'ratio' | 'spread'>;

/** Operations a second, from the seconds of one in each lap. */
export function rateOf(seconds: readonly number[]): number {
  return 1 / median(seconds);
}

/** A plain rate, from the seconds of one operation in each lap. */
export function perSecond(seconds: readonly number[]): Measured {
  const { median: rate, spread } = summarise(seconds.map((each) => 1 / each));
  return { rival: 'per-second', ratio: rate, spread, subjectOps: rate, rivalOps: null };
}
