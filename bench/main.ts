/**
 * The benchmark's command. What flows through here: words become arguments; rivals are installed and suites
 * bundled; each suite runs in a process of its own, or in Chromium; its rows are printed as they come, then
 * written, drawn, and compared with targets.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Arguments, parseArguments, USAGE, UsageError } from './arguments.ts';
import { load, nodeMachine } from './machine/node.ts';
import { casesOf } from './measure/run.ts';
import { type BundledSuite, browserSuites, bundleSuites, installRivals, suiteNames } from './prepare.ts';
import { type ProcessWatcher, runInProcess } from './process.ts';
import { linesOf } from './report/lines.ts';
import { Progress } from './report/progress.ts';
import { describeVerdicts, judge, type Ran, readTargets, type Target } from './report/targets.ts';
import { type Results, SCHEMA } from './results.ts';
import type { Row, Suite } from './suite.ts';

const say = (text: string) => void process.stderr.write(`${text}\n`);

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  say(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}

async function main(words: readonly string[]): Promise<number> {
  const given = parseArguments(words, suiteNames());
  if (given.help || (given.suites.length === 0 && !given.page)) {
    process.stdout.write(
      `${USAGE}\nsuites: ${suiteNames().join(', ')}\nby themselves: crossover, start, timing\n`,
    );
    return 0;
  }
  const targets = given.targets === undefined ? undefined : targetsOf(given.targets);
  installRivals(say);
  const suites = await bundleSuites(given.suites.length > 0 ? given.suites : suiteNames());
  if (given.page) return servePages(suites, given.port);
  const results = given.browser ? await runInBrowser(suites, given) : await runOnNode(suites, given);
  if (given.json !== undefined) write(given.json, `${JSON.stringify(results, null, 1)}\n`);
  if (given.results) await keep(suites, results);
  return targets === undefined ? 0 : compare(askedOf(targets, results), results, suites, given);
}

async function runOnNode(suites: readonly BundledSuite[], given: Arguments): Promise<Results> {
  const machine = nodeMachine();
  const rows: Row[] = [];
  for (const { suite, file } of suites)
    rows.push(...(await watching(suite, given, (watcher) => runInProcess(file, given, watcher))));
  machine.load.after = load();
  return { schema: SCHEMA, machine, rows };
}

async function runInBrowser(suites: readonly BundledSuite[], given: Arguments): Promise<Results> {
  const { buildPage } = await import('./page/build.ts');
  const { runInChromium } = await import('./page/chromium.ts');
  const names = browserSuites(suites);
  for (const { suite } of suites)
    if (!names.includes(suite.name)) say(`${suite.name} does not run in browsers: left out`);
  if (names.length === 0) throw new UsageError('none of these suites runs in browsers');
  await buildPage(names);
  const results: Results[] = [];
  for (const { suite } of suites.filter(({ suite }) => names.includes(suite.name)))
    results.push(
      await watching(suite, given, (watcher) =>
        runInChromium({ suite: suite.name, tiny: given.tiny, cases: given.cases }, watcher),
      ),
    );
  return { ...results[0], rows: results.flatMap(({ rows }) => rows) };
}

/** Shows progress and rows of what `body` runs. */
async function watching<T>(
  suite: Suite,
  { json }: Arguments,
  body: (watcher: ProcessWatcher) => Promise<T>,
): Promise<T> {
  const progress = new Progress(process.stderr, () => performance.now());
  const result = await body({
    progress: (done, total, doing) => progress.show(done, total, `${suite.name}: ${doing}`),
    rows(rows) {
      progress.clear();
      if (json !== '-') for (const line of linesOf(rows, suite.cases)) process.stdout.write(`${line}\n`);
    },
    note: say,
  });
  progress.clear();
  return result;
}

async function servePages(suites: readonly BundledSuite[], port: number): Promise<number> {
  const { buildPage, PAGE } = await import('./page/build.ts');
  const { servePage } = await import('./page/serve.ts');
  await buildPage(browserSuites(suites));
  const server = await servePage(PAGE, port);
  say('The benchmark for your browser; Ctrl-C ends it.');
  process.stdout.write(`${server.address}\n`);
  await new Promise((ended) => {
    process.once('SIGINT', ended);
    process.once('SIGTERM', ended);
  });
  await server.close();
  return 0;
}

async function keep(suites: readonly BundledSuite[], results: Results): Promise<void> {
  const { updateReadme, writeResults } = await import('./report/folder.ts');
  for (const { suite } of suites) say(`written: ${writeResults(suite, results)}`);
  updateReadme();
}

function targetsOf(file: string): Target[] {
  try {
    return readTargets(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`);
  }
}

/** Targets are figures of Node: of a browser nothing is asked about rivals that it does not have. */
function askedOf(targets: readonly Target[], { machine, rows }: Results): readonly Target[] {
  if (machine.platform === 'node') return targets;
  return targets.filter(({ rival }) => rows.some((row) => row.rival === rival));
}

function compare(
  targets: readonly Target[],
  { rows }: Results,
  suites: readonly BundledSuite[],
  { cases, large }: Pick<Arguments, 'cases' | 'large'>,
): number {
  const ran = suites.flatMap(({ suite }): Ran[] =>
    cases.length === 0
      ? [{ suite: suite.name }]
      : casesOf(suite, cases, large).map((name) => ({ suite: suite.name, case: name })),
  );
  const verdicts = judge(targets, rows, ran);
  say(describeVerdicts(verdicts));
  return verdicts.every(({ reached }) => reached) ? 0 : 1;
}

function write(file: string, text: string): void {
  if (file === '-') process.stdout.write(text);
  else writeFileSync(file, text);
}
