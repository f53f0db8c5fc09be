/** Order statistics of a few dozen numbers. Medians and quartiles, because one disturbed round must not count. */

export interface Summary {
  median: number;
  /** Interquartile range by median. */
  spread: number;
}

/** The value below which the part `q` (0 to 1) of `values` lies, between two of them where need be; NaN of none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function summarise(values: readonly number[]): Summary {
  const middle = median(values);
  return { median: middle, spread: (quantile(values, 0.75) - quantile(values, 0.25)) / middle };
}

/**
 * How often `b` takes longer than `a`, from times of the same laps; laps that one of them sat out (undefined)
 * do not count. The ratio is taken inside each lap, so that what slows both, slows neither; the median of these
 * ratios then drops the laps in which only one was disturbed.
 */
export function pairedRatio(a: readonly (number | undefined)[], b: readonly (number | undefined)[]): Summary {
  const ratios: number[] = [];
  for (const [lap, time] of a.entries()) {
    const other = b[lap];
    if (time !== undefined && other !== undefined) ratios.push(other / time);
  }
  return summarise(ratios);
}
