/** What the page shows of results: the machine, a few figures in large, plots, and one table for each case. */
import { allPlots } from '../report/plots.ts';
import { rateText, ratioText, sizeText, throughputText } from '../report/table.ts';
import type { Machine } from '../results.ts';
import type { CaseView, Row, Suite } from '../suite.ts';

export function showMachine(place: HTMLElement, machine: Machine): void {
  const versions = Object.entries(machine.versions).map(([name, version]) => [name, version] as const);
  const facts = [...versions, ['Cores', String(machine.cores)], ['Core', `${machine.wasm} SIMD`]] as const;
  place.replaceChildren(
    ...facts.map(([name, value]) => {
      const group = document.createElement('div');
      group.append(text('dt', name), text('dd', value));
      return group;
    }),
  );
}

const HEADLINES: readonly { case: string; size: number; rival: string; what: string }[] = [
  { case: 'gcm-seal', size: 64, rival: 'webcrypto-32', what: 'as fast as WebCrypto at AES-256-GCM of 64 B' },
  { case: 'gcm-seal', size: 16384, rival: 'noble', what: 'as fast as noble at AES-256-GCM of 16 KiB' },
  {
    case: 'ed25519-verify-batch-distinct',
    size: 64,
    rival: 'webcrypto-32',
    what: 'as fast as WebCrypto at 64 Ed25519 signatures',
  },
  { case: 'mlkem768-decaps', size: 1, rival: 'noble', what: 'as fast as noble at ML-KEM-768' },
];

export function showHeadline(place: HTMLElement, rows: readonly Row[]): void {
  place.replaceChildren(
    ...HEADLINES.flatMap(({ what, ...wanted }) => {
      const row = rows.find(
        (row) =>
          row.case === wanted.case &&
          row.size === wanted.size &&
          row.rival === wanted.rival &&
          row.subject === 'wasm',
      );
      if (row === undefined) return [];
      const line = text('p', what);
      line.prepend(text('strong', `${Number(row.ratio.toPrecision(2))}×`));
      return [line];
    }),
  );
}

export function showPlots(place: HTMLElement, { cases }: Suite, rows: readonly Row[]): void {
  place.replaceChildren(
    ...allPlots(rows, cases, false).map(({ svg }) => {
      const figure = document.createElement('figure');
      // The text is this program's own; names in it come from the suites alone, and are escaped.
      figure.innerHTML = svg;
      return figure;
    }),
  );
}

export function showTables(place: HTMLElement, { cases }: Suite, rows: readonly Row[]): void {
  const heading = rows.length > 0 ? [text('h2', 'All figures')] : [];
  const tables = Object.entries(cases).flatMap(([name, view]) => {
    const own = rows.filter((row) => row.case === name);
    return own.length > 0 ? [caseTable(view, own)] : [];
  });
  place.replaceChildren(...heading, ...tables);
}

function caseTable(view: CaseView, rows: readonly Row[]): HTMLElement {
  const table = document.createElement('table');
  const names = [
    'Size',
    'Subject',
    'ops/s',
    ...(view.bytes ? ['MB/s'] : []),
    'Rival',
    'ops/s',
    ...(view.bytes ? ['MB/s'] : []),
    'Ratio',
    '±',
  ];
  const head = document.createElement('tr');
  for (const name of names) {
    const cell = text('th', name);
    cell.scope = 'col';
    if (isLeft(name)) cell.className = 'left';
    head.append(cell);
  }
  const body = document.createElement('tbody');
  body.append(...rows.map((row) => line(view, row)));
  table.createTHead().append(head);
  table.append(body);
  table.createCaption().textContent = view.title;
  const scroll = document.createElement('div');
  scroll.className = 'scroll';
  scroll.tabIndex = 0;
  scroll.role = 'region';
  scroll.ariaLabel = view.title;
  scroll.append(table);
  return scroll;
}

function line(view: CaseView, row: Row): HTMLTableRowElement {
  const bytes = view.bytes?.(row.size);
  const speed = (perSecond: number | null) => [
    rateText(perSecond),
    ...(view.bytes ? [throughputText(perSecond, bytes)] : []),
  ];
  const cells = [
    row.subject,
    ...speed(row.subjectOps),
    row.rival,
    ...speed(row.rivalOps),
    ratioText(row),
    `${Math.round(row.spread * 100)} %`,
  ];
  const size = text('th', sizeText(row.size, view.unit));
  size.scope = 'row';
  size.className = 'left';
  const made = document.createElement('tr');
  made.append(size, ...cells.map((cell) => text('td', cell)));
  const leftCells = [1, view.bytes ? 4 : 3];
  for (const place of leftCells) made.cells[place].className = 'left';
  if (row.ratio > 1) made.cells[made.cells.length - 2].className = 'faster';
  return made;
}

function isLeft(name: string): boolean {
  return ['Size', 'Subject', 'Rival'].includes(name);
}

function text<K extends keyof HTMLElementTagNameMap>(tag: K, content: string): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.textContent = content;
  return made;
}
