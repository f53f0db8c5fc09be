/** Results as Markdown: for each case one table, a line for each size and contestant, the fastest first. */
import type { CaseView, Row } from '../suite.ts';

const UNIT_BYTES = ['B', 'KiB', 'MiB'];

/** `1.23M`, `45.6k`, `789`. */
export function rateText(perSecond: number | null): string {
  if (perSecond === null) return '';
  if (perSecond >= 1e6) return `${threeDigits(perSecond / 1e6)}M`;
  if (perSecond >= 1e3) return `${threeDigits(perSecond / 1e3)}k`;
  return threeDigits(perSecond);
}

/** `64 B`, `16 KiB`, `1 MiB`. */
export function bytesText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && value % 1024 === 0 && unit < UNIT_BYTES.length - 1)
    [value, unit] = [value / 1024, unit + 1];
  return `${value} ${UNIT_BYTES[unit]}`;
}

export function sizeText(size: number, unit: CaseView['unit']): string {
  if (unit === 'bytes') return bytesText(size);
  return size === 1 ? '' : `${size} ${unit}`;
}

/** `3.85x`; plain figures without the sign. */
export function ratioText({ ratio, rivalOps }: Pick<Row, 'ratio' | 'rivalOps'>): string {
  return rivalOps === null ? threeDigits(ratio) : `${threeDigits(ratio)}x`;
}

/** Megabytes a second, of a case that works through bytes. */
export function throughputText(perSecond: number | null, bytes: number | undefined): string {
  return perSecond === null || bytes === undefined ? '' : threeDigits((perSecond * bytes) / 1e6);
}

/** All rows of one suite under a heading for each case. */
export function markdown(rows: readonly Row[], cases: Readonly<Record<string, CaseView>>): string {
  return Object.entries(cases)
    .map(([name, view]) => ({ name, view, rows: rows.filter((row) => row.case === name) }))
    .filter(({ rows }) => rows.length > 0)
    .map(({ name, view, rows }) => `### ${view.title}\n\n\`${name}\`\n\n${caseTable(rows, view)}`)
    .join('\n');
}

function caseTable(rows: readonly Row[], view: CaseView): string {
  const unit = view.bytes ? 'MB/s' : undefined;
  const head = [
    'size',
    'subject',
    'ops/s',
    ...(unit ? [unit] : []),
    'rival',
    'ops/s',
    ...(unit ? [unit] : []),
    'ratio',
    '±',
  ];
  const line = (row: Row) => [
    sizeText(row.size, view.unit),
    row.subject,
    rateText(row.subjectOps),
    ...(unit ? [throughputText(row.subjectOps, view.bytes?.(row.size))] : []),
    row.rival,
    rateText(row.rivalOps),
    ...(unit ? [throughputText(row.rivalOps, view.bytes?.(row.size))] : []),
    ratioText(row),
    `${Math.round(row.spread * 100)} %`,
  ];
  return tableText(head, rows.map(line), ['size', 'subject', 'rival']);
}

/** A Markdown table; columns that `left` does not name stand to the right. */
export function tableText(
  head: readonly string[],
  lines: readonly string[][],
  left: readonly string[],
): string {
  const rule = head.map((name) => (left.includes(name) ? '---' : '---:'));
  return [head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

function threeDigits(value: number): string {
  if (value >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}
