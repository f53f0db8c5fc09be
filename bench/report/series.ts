/** From rows to what plots show: lines of throughput over size for each engine, and bars of ratios. */
import type { CaseView, Row } from '../suite.ts';

export interface Series {
  engine: string;
  points: { x: number; y: number }[];
}

export interface Bar {
  label: string;
  ratio: number;
  /** The floor of the targets, where there is one. */
  floor?: number;
}

/** Megabytes a second over size, one line for each engine, subjects first. */
export function throughputSeries(rows: readonly Row[], view: CaseView): Series[] {
  const speeds = new Map<string, Map<number, number>>();
  const note = (engine: string, size: number, perSecond: number | null) => {
    if (!isDrawable(perSecond) || view.bytes === undefined) return;
    const line = speeds.get(engine) ?? new Map<number, number>();
    speeds.set(engine, line.set(size, (perSecond * view.bytes(size)) / 1e6));
  };
  for (const row of rows) note(row.subject, row.size, row.subjectOps);
  for (const row of rows) if (row.rival !== 'best-engine') note(row.rival, row.size, row.rivalOps);
  return [...speeds].map(([engine, line]) => ({
    engine,
    points: [...line].map(([x, y]) => ({ x, y })).sort((a, b) => a.x - b.x),
  }));
}

/** Operations a second of one size, the fastest first. */
export function rates(rows: readonly Row[], size: number): { engine: string; perSecond: number }[] {
  const rates = new Map<string, number>();
  for (const row of rows.filter((row) => row.size === size)) {
    if (isDrawable(row.subjectOps)) rates.set(row.subject, row.subjectOps);
    if (isDrawable(row.rivalOps) && row.rival !== 'best-engine') rates.set(row.rival, row.rivalOps);
  }
  return [...rates]
    .map(([engine, perSecond]) => ({ engine, perSecond }))
    .sort((a, b) => b.perSecond - a.perSecond);
}

/** Whether a figure has a place on an axis: a clock that is too coarse makes infinite ones. */
export function isDrawable(figure: number | null): figure is number {
  return figure !== null && Number.isFinite(figure) && figure > 0;
}
