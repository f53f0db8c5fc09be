/**
 * The statistics of a timing experiment (O. Reparaz, J. Balasch, I. Verbauwhede, "Dude, is my code constant time?",
 * 2016). What flows through here: times of two classes; Welch's t over all of them and over what is left when the
 * slowest are cut off at many heights, since the tail is the machine's and a leak may hide below it; the largest
 * counts.
 */

export interface Welch {
  /** Standardised difference of the means; beyond about 5 the classes differ, whatever their distributions. */
  t: number;
  /** How much slower the first class is, as a share of the second's mean. */
  effect: number;
}

export interface Verdict extends Welch {
  /** Share of the times that the comparison kept. */
  kept: number;
}

/** Heights at which the slowest are cut off: shares of all times that are kept. */
export const KEPT_SHARES: readonly number[] = [
  1, 0.999, 0.99, 0.97, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1,
];

/** Fewer times than this say nothing. */
const LEAST_TIMES = 50;

export function welch(a: readonly number[], b: readonly number[]): Welch {
  if (a.length < LEAST_TIMES || b.length < LEAST_TIMES) return { t: 0, effect: 0 };
  const [one, two] = [moments(a), moments(b)];
  const error = Math.sqrt(one.variance / a.length + two.variance / b.length);
  const difference = one.mean - two.mean;
  return {
    t: error > 0 ? difference / error : difference === 0 ? 0 : Infinity,
    effect: difference / two.mean,
  };
}

function moments(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, variance: squares / (values.length - 1) };
}

/** The comparison that speaks loudest, over all heights of cutting. */
export function judge(a: readonly number[], b: readonly number[]): Verdict {
  const pooled = [...a, ...b].sort((x, y) => x - y);
  let loudest: Verdict = { t: 0, effect: 0, kept: 1 };
  for (const kept of KEPT_SHARES) {
    const height = pooled[Math.ceil(kept * pooled.length) - 1];
    const below = (time: number) => time <= height;
    const { t, effect } = welch(a.filter(below), b.filter(below));
    if (Math.abs(t) > Math.abs(loudest.t)) loudest = { t, effect, kept };
  }
  return loudest;
}
