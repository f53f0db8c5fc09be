/** The plots of one suite: for each case lines over size, or bars where there is one size; and the ratios as bars. */
import type { CaseView, Row } from '../suite.ts';
import { isDrawable, rates, throughputSeries } from './series.ts';
import { ratePlot, ratioPlot, throughputPlot } from './svg.ts';
import { sizeText } from './table.ts';

export interface Plot {
  /** Without ending; the case's name, or `ratios`. */
  name: string;
  title: string;
  svg: string;
}

const SUBJECTS = ['wasm', 'auto', 'ooto'];

export function casePlot(
  name: string,
  view: CaseView,
  rows: readonly Row[],
  standalone: boolean,
): Plot | undefined {
  const own = rows.filter((row) => row.case === name);
  if (own.length === 0) return undefined;
  const options = { title: view.title, own: SUBJECTS, standalone };
  const sizes = [...new Set(own.map(({ size }) => size))];
  const lines = view.bytes !== undefined && view.unit === 'bytes' && sizes.length > 1;
  const size = sizes.includes(64) ? 64 : sizes[sizes.length - 1];
  const title = sizes.length > 1 && !lines ? `${view.title}, ${sizeText(size, view.unit)}` : view.title;
  const svg = lines
    ? throughputPlot(throughputSeries(own, view), options)
    : ratePlot(rates(own, size), { ...options, title });
  return svg === '' ? undefined : { name, title: view.title, svg };
}

/** The subject `wasm` (or the suite's own) against one rival, case by case. */
export function ratiosPlot(
  rows: readonly Row[],
  cases: Readonly<Record<string, CaseView>>,
  rival: string,
  standalone: boolean,
): Plot | undefined {
  const bars = rows
    .filter(
      (row) =>
        row.rival === rival && row.subject !== 'auto' && row.rivalOps !== null && isDrawable(row.ratio),
    )
    .map((row) => ({
      label: `${row.case} ${labelOf(row, cases[row.case])}`.trim(),
      ratio: row.ratio,
    }));
  if (bars.length === 0) return undefined;
  const title = `How many times as fast as ${rival}`;
  return { name: `against-${rival}`, title, svg: ratioPlot(bars, { title, own: SUBJECTS, standalone }) };
}

/** Without the unit where the name of the case tells it. */
function labelOf({ size }: Row, view: CaseView | undefined): string {
  if (view?.unit === 'bytes') return sizeText(size, 'bytes');
  return size === 1 ? '' : String(size);
}

export function allPlots(
  rows: readonly Row[],
  cases: Readonly<Record<string, CaseView>>,
  standalone: boolean,
): Plot[] {
  const rivals = [...new Set(rows.map(({ rival }) => rival))];
  return [
    ...Object.entries(cases).map(([name, view]) => casePlot(name, view, rows, standalone)),
    ...['node-crypto', 'webcrypto-32', 'noble']
      .filter((rival) => rivals.includes(rival))
      .map((rival) => ratiosPlot(rows, cases, rival, standalone)),
  ].filter((plot) => plot !== undefined);
}
