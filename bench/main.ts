/**
 * The benchmark's command. What flows through here: words become arguments; rivals are installed and suites
 * bundled; each suite runs in a process of its own, or in Chromium; its rows are printed as they come, then
 * written, drawn, and compared with targets.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Arguments, parseArguments, USAGE, UsageError } from './arguments.ts';
import { load, nodeMachine } from './machine/node.ts';
import { casesOf } from './measure/run.ts';
import { bundleSuites, installRivals, suiteNames } from './prepare.ts';
import { runInProcess } from './process.ts';
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
  if (given.help || given.suites.length === 0) {
    process.stdout.write(`${USAGE}\nsuites: ${suiteNames().join(', ')}\n`);
    return 0;
  }
  const targets = given.targets === undefined ? undefined : targetsOf(given.targets);
  installRivals(say);
  const suites = await bundleSuites(given.suites);
  const machine = nodeMachine();
  const rows: Row[] = [];
  const print = given.json === '-' ? () => {} : (line: string) => process.stdout.write(`${line}\n`);
  for (const { suite, file } of suites) rows.push(...(await run(suite, file, given, print)));
  machine.load.after = load();
  const results: Results = { schema: SCHEMA, machine, rows };
  if (given.json !== undefined) write(given.json, `${JSON.stringify(results, null, 1)}\n`);
  if (targets === undefined) return 0;
  const ran = suites.flatMap(({ suite }): Ran[] =>
    given.cases.length === 0
      ? [{ suite: suite.name }]
      : casesOf(suite, given.cases).map((name) => ({ suite: suite.name, case: name })),
  );
  return compare(targets, results, ran);
}

async function run(
  suite: Suite,
  file: string,
  given: Arguments,
  print: (line: string) => void,
): Promise<Row[]> {
  const progress = new Progress(process.stderr, () => performance.now());
  const rows = await runInProcess(file, given, {
    progress: (done, total, doing) => progress.show(done, total, `${suite.name}: ${doing}`),
    rows(rows) {
      progress.clear();
      for (const line of linesOf(rows, suite.cases)) print(line);
    },
    note: say,
  });
  progress.clear();
  return rows;
}

function targetsOf(file: string): Target[] {
  try {
    return readTargets(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`);
  }
}

function compare(targets: readonly Target[], { rows }: Results, ran: readonly Ran[]): number {
  const verdicts = judge(targets, rows, ran);
  say(describeVerdicts(verdicts));
  return verdicts.every(({ reached }) => reached) ? 0 : 1;
}

function write(file: string, text: string): void {
  if (file === '-') process.stdout.write(text);
  else writeFileSync(file, text);
}
