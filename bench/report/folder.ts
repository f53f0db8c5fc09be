/**
 * The results that are kept: bench/results/<platform>/<suite>/ with the JSON, a page of tables and plots, and the
 * tables of the README, which are made of the JSON and of nothing else.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine, Results } from '../results.ts';
import type { Suite } from '../suite.ts';
import { allPlots } from './plots.ts';
import { README_TABLES, readmeTable } from './readme-table.ts';
import { markdown } from './table.ts';

export const RESULTS = join('bench', 'results');
const END = '<!-- end of measured -->\n';
const beginOf = (suite: string) => `<!-- measured: written by npm run bench -- ${suite} --results -->\n`;

/** What is kept of a suite on Node; the README's table of it is made of this. */
export function keptResults(suite: string): Results | undefined {
  const file = join(RESULTS, 'node', suite, 'results.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : undefined;
}

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

/** The README with the table of this suite as the kept results have it. */
export function readmeWithTable(readme: string, suite: string, results: Results): string {
  const begin = beginOf(suite);
  const start = readme.indexOf(begin) + begin.length;
  const end = readme.indexOf(END, start);
  if (start < begin.length || end < 0) throw new Error(`the README has no place for the table of ${suite}`);
  const table = `${readmeTable(suite, results.rows)}\n${machineText(results.machine)}\n`;
  return `${readme.slice(0, start)}\n${table}\n${readme.slice(end)}`;
}

export function updateReadme(): void {
  let readme = readFileSync('README.md', 'utf8');
  for (const suite of Object.keys(README_TABLES)) {
    const results = keptResults(suite);
    if (results) readme = readmeWithTable(readme, suite, results);
  }
  writeFileSync('README.md', readme);
}
