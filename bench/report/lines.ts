/** Results for a terminal: one line for each subject of a contest, with its rivals from the closest to the slowest. */
import type { CaseView, Row } from '../suite.ts';
import { rateText, ratioText, sizeText } from './table.ts';

export function linesOf(rows: readonly Row[], cases: Readonly<Record<string, CaseView>>): string[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row.case} ${row.size} ${row.subject}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].map((group) => line(group, cases[group[0].case]));
}

function line(rows: readonly Row[], view: CaseView | undefined): string {
  const [{ case: name, size, subject, subjectOps }] = rows;
  const what = `${name} ${view ? sizeText(size, view.unit) : size}`.trim();
  const rivals = [...rows]
    .sort((a, b) => a.ratio - b.ratio)
    .map((row) => `${row.rival} ${ratioText(row)} ±${Math.round(row.spread * 100)}%`);
  return `${what.padEnd(38)} ${subject.padEnd(5)} ${rateText(subjectOps).padStart(7)}/s  ${rivals.join(' · ')}`;
}
