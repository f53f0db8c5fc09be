/**
 * Conformance: every published vector against the oracle. What flows through here: the suites one after the
 * other; a line for each with its counts and the reasons of what was skipped; failures on stderr; last
 * `N passed, N failed, N skipped`.
 *   npm run conformance -- [folder] [--browser]
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openAnswerer } from '../oracle/answerer.ts';
import { runSuite, type SuiteResult } from './run.ts';
import { SUITES } from './suites.ts';

const SHOWN_FAILURES = 20;
const { folder, browser } = readArguments();

if (existsSync(folder)) await main();
else {
  console.error(`no folder ${folder}: give the folder of the published vectors as the argument`);
  console.log('0 passed, 1 failed, 0 skipped');
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const answerer = await openAnswerer({ browser });
  const totals = { passed: 0, failed: 0, skipped: 0 };
  try {
    for (const suite of SUITES) {
      const started = performance.now();
      const result = await runSuite(suite, folder, answerer);
      report(result, performance.now() - started);
      totals.passed += result.passed;
      totals.failed += result.failed;
      totals.skipped += result.skipped;
    }
  } finally {
    await answerer.close();
  }
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  process.exitCode = totals.failed > 0 ? 1 : 0;
}

function report(
  { title, passed, failed, skipped, failures, reasons, summary }: SuiteResult,
  ms: number,
): void {
  const why = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(', ');
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped${why && ` (${why})`}`;
  console.log(`${title}: ${counts}${summary && `, ${summary}`}`);
  console.error(`  ${title}: ${Math.round(ms)} ms`);
  for (const failure of failures.slice(0, SHOWN_FAILURES)) console.error(`  FAIL ${failure}`);
  if (failures.length > SHOWN_FAILURES) console.error(`  and ${failures.length - SHOWN_FAILURES} more`);
}

function readArguments(): { folder: string; browser: boolean } {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { browser: { type: 'boolean', default: false } },
  });
  const beside = join(dirname(import.meta.dirname), '..', 'shared', 'vectors');
  return { folder: resolve(positionals[0] ?? beside), browser: values.browser };
}
