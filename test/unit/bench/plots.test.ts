/** Plots are well-formed, say what the figures say, and let no name break out; kept results and the README agree. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { keptResults, readmeWithTable, resultsText } from '../../../bench/report/folder.ts';
import { allPlots } from '../../../bench/report/plots.ts';
import { README_TABLES } from '../../../bench/report/readme-table.ts';
import { rates, throughputSeries } from '../../../bench/report/series.ts';
import { PLOT_STYLE, ratePlot, ratioPlot, throughputPlot } from '../../../bench/report/svg.ts';
import type { Results } from '../../../bench/results.ts';
import type { CaseView, Row } from '../../../bench/suite.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('bench plots');
const VIEW: CaseView = { title: 'Sealing', unit: 'bytes', bytes: (size) => size };
const OPTIONS = { title: 'A <title> & more', own: ['wasm'] };

const row = (change: Partial<Row>): Row => ({
  suite: 'core',
  case: 'seal',
  size: 1024,
  subject: 'wasm',
  rival: 'noble',
  subjectOps: 2e5,
  rivalOps: 1e4,
  ratio: 20,
  spread: 0.02,
  ...change,
});

/** Every element is closed in order, and nothing but elements and text is there. */
function requireWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, slash, name, closed] of svg.matchAll(/<(\/?)([\w-]+)[^<>]*?(\/?)>/g)) {
    if (slash) assert.is(open.pop(), name);
    else if (!closed) open.push(name);
  }
  assert.equal(open, []);
  assert.not.match(svg, /NaN|Infinity|undefined/);
}

test('lines go through all sizes, subjects first, the better of some not among them', () => {
  const rows = [
    row({}),
    row({ size: 64, subjectOps: 1e6, rivalOps: 4e4 }),
    row({ rival: 'best-engine' }),
    row({ size: 128, subjectOps: Number.POSITIVE_INFINITY, rivalOps: null }),
  ];
  assert.equal(throughputSeries(rows, VIEW), [
    {
      engine: 'wasm',
      points: [
        { x: 64, y: 64 },
        { x: 1024, y: 204.8 },
      ],
    },
    {
      engine: 'noble',
      points: [
        { x: 64, y: 2.56 },
        { x: 1024, y: 10.24 },
      ],
    },
  ]);
  assert.equal(
    rates(rows, 1024).map(({ engine }) => engine),
    ['wasm', 'noble'],
  );
});

test('every plot of any figures is well-formed, and shows its labels', () => {
  const figure = fc.double({ min: 1e-3, max: 1e9, noNaN: true });
  const engine = fc.constantFrom('wasm', 'node-crypto', 'noble', '<script>', 'a"b&c');
  fc.assert(
    fc.property(fc.array(fc.tuple(engine, figure, figure), { minLength: 1, maxLength: 12 }), (given) => {
      const svgs = [
        throughputPlot(
          given.map(([engine, x, y]) => ({
            engine,
            points: [
              { x, y },
              { x: x * 2, y: y / 3 },
            ],
          })),
          OPTIONS,
        ),
        ratioPlot(
          given.map(([label, ratio, floor]) => ({ label, ratio, floor })),
          OPTIONS,
        ),
        ratePlot(
          given.map(([engine, perSecond]) => ({ engine, perSecond })),
          { ...OPTIONS, standalone: true },
        ),
      ];
      for (const svg of svgs) {
        requireWellFormed(svg.replace(/<style>[\s\S]*<\/style>/, ''));
        assert.ok(svg.includes('A &lt;title> &amp; more'));
        assert.not.match(svg, /<script/);
      }
    }),
    { numRuns: 40 },
  );
});

test('a higher speed stands higher, and a larger ratio is longer', () => {
  const svg = throughputPlot(
    [
      {
        engine: 'wasm',
        points: [
          { x: 64, y: 100 },
          { x: 128, y: 200 },
        ],
      },
      {
        engine: 'noble',
        points: [
          { x: 64, y: 10 },
          { x: 128, y: 20 },
        ],
      },
    ],
    OPTIONS,
  );
  const heights = [...svg.matchAll(/class="fill e-(\w+)[^"]*" cx="[\d.]+" cy="([\d.]+)"/g)];
  const top = (engine: string) => Number(heights.find(([, name]) => name === engine)![2]);
  assert.ok(top('wasm') < top('noble'));
  const widths = [
    ...ratioPlot(
      [
        { label: 'a', ratio: 2 },
        { label: 'b', ratio: 8 },
      ],
      OPTIONS,
    ).matchAll(/width="([\d.]+)"/g),
  ];
  assert.ok(Number(widths[1][1]) > Number(widths[0][1]) * 2.9);
});

test('a file carries its style sheet for light and dark, a page does not need it again', () => {
  const [file] = allPlots([row({}), row({ size: 64 })], { seal: VIEW }, true);
  const [inline] = allPlots([row({}), row({ size: 64 })], { seal: VIEW }, false);
  assert.ok(
    file.svg.includes('prefers-color-scheme: dark') && PLOT_STYLE.includes('prefers-color-scheme: dark'),
  );
  assert.not.match(inline.svg, /<style>/);
  assert.not.match(file.svg, /href|url\(/);
});

test('nothing to draw gives no plot', () => {
  assert.equal(allPlots([], { seal: VIEW }, true), []);
  assert.is(throughputPlot([], OPTIONS), '');
});

test('results are written one row a line, and read back the same', () => {
  const results: Results = {
    schema: 'ooto.bench/1',
    machine: {
      platform: 'node',
      cpu: 'a',
      cores: 2,
      versions: { node: '20' },
      wasm: 'plain',
      load: { before: 1, after: null },
      date: '2026-01-01T00:00:00.000Z',
    },
    rows: [row({}), row({ size: 64 })],
  };
  assert.equal(JSON.parse(resultsText(results)), results);
  assert.is(resultsText(results).match(/^ \{/gm)?.length, 2);
});

test('the tables of the README are those of the kept results', () => {
  const readme = readFileSync('README.md', 'utf8');
  assert.ok(keptResults('core'));
  for (const suite of Object.keys(README_TABLES)) {
    const results = keptResults(suite);
    if (results) assert.is(readme, readmeWithTable(readme, suite, results), suite);
  }
});
