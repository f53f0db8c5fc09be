/**
 * The results that are kept: bench/results/<platform>/<suite>/ with the JSON, a page of tables and plots, and the
 * table of the README, which is made of the JSON and of nothing else.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine, Results } from '../results.ts';
import type { Suite } from '../suite.ts';
import { allPlots } from './plots.ts';
import { readmeTable } from './readme-table.ts';
import { markdown } from './table.ts';

export const RESULTS = join('bench', 'results');
export const README_RESULTS = join(RESULTS, 'node', 'core', 'results.json');
const [BEGIN, END] = [
  '<!-- measured: written by npm run bench -- core --results -->\n',
  '<!-- end of measured -->\n',
];

/** Writes what was measured of one suite; plots of an earlier run go. */
export function writeResults(suite: Suite, results: Results): string {
  const folder = join(RESULTS, results.machine.platform, suite.name);
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(folder)) if (file.endsWith('.svg')) rmSync(join(folder, file));
  const own: Results = { ...results, rows: results.rows.filter((row) => row.suite === suite.name) };
  const plots = allPlots(own.rows, suite.cases, true);
  for (const { name, svg } of plots) writeFileSync(join(folder, `${name}.svg`), svg);
  writeFileSync(join(folder, 'results.json'), resultsText(own));
  const images = plots.map(({ name, title }) => `![${title}](${name}.svg)\n`).join('\n');
  const page = `# Suite \`${suite.name}\`: ${suite.about}\n\n${machineText(own.machine)}\n\n${images}\n${markdown(own.rows, suite.cases)}`;
  writeFileSync(join(folder, 'README.md'), page);
  return folder;
}

/** One row a line, so that a change of one shows as one. */
export function resultsText({ schema, machine, rows }: Results): string {
  const lines = rows.map((row) => ` ${JSON.stringify(row)}`).join(',\n');
  return `{"schema":${JSON.stringify(schema)},\n"machine":${JSON.stringify(machine)},\n"rows":[\n${lines}\n]}\n`;
}

export function machineText({ cpu, cores, versions, wasm, load, date, platform }: Machine): string {
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const busy =
    load.before === null ? '' : ` Load of the last minute: ${load.before} before, ${load.after} after.`;
  return `${cpu ?? 'Unknown processor'}, ${cores} cores; ${platform === 'node' ? 'Node: ' : ''}${names.join(', ')}; ${wasm} SIMD build of the core; ${date.slice(0, 10)}.${busy}`;
}

/** The README with its table as the kept results have it. */
export function readmeWithTable(readme: string, results: Results): string {
  const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (from < 0 || to < from) throw new Error('the README has no place for the measured table');
  const table = `${readmeTable(results.rows)}\n${machineText(results.machine)}\n`;
  return `${readme.slice(0, from + BEGIN.length)}\n${table}\n${readme.slice(to)}`;
}

export function updateReadme(): void {
  if (!existsSync(README_RESULTS)) return;
  const results = JSON.parse(readFileSync(README_RESULTS, 'utf8')) as Results;
  writeFileSync('README.md', readmeWithTable(readFileSync('README.md', 'utf8'), results));
}
