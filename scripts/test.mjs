// Runs the tests. Each test/**/*.test.ts is bundled to build/test/ and run as a process of its own, as many at
// once as there are cores, each with a time limit; a file in which nothing ran is a failure. Prints TAP-like
// progress on stderr with --verbose, the output of what failed always, and `N passed, N failed, N skipped` last.
//   node scripts/test.mjs [path or word …] [--verbose] [--timeout SECONDS] [--long]
import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { nodeOptions } from './build.mjs';

const FILE_LIMIT_SECONDS = 240;
const KILL_GRACE_MS = 2_000;

const options = parse(process.argv.slice(2));
const files = select(options);
if (files.length === 0) {
  console.error('no test file matches');
  process.exit(2);
}
const outdir = join('build', 'test', `run-${process.pid}`);
const running = new Set();
process.on('exit', () => {
  for (const pid of running) killGroup(pid, 'SIGKILL');
  rmSync(outdir, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
await build({ ...nodeOptions, entryPoints: files, outdir, outbase: '.', splitting: false });

const totals = { passed: 0, failed: 0, skipped: 0 };
const queue = [...files];
await Promise.all(Array.from({ length: Math.min(cpus().length, files.length) }, drain));
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed > 0 ? 1 : 0;

async function drain() {
  for (let file = queue.shift(); file; file = queue.shift()) report(await run(file));
}

function parse(args) {
  const read = { words: [], verbose: false, timeout: FILE_LIMIT_SECONDS, long: false };
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--verbose') read.verbose = true;
    else if (args[i] === '--long') read.long = true;
    else if (args[i] === '--timeout') read.timeout = Number(args[++i]);
    else read.words.push(args[i]);
  }
  return read;
}

/** Long tests (test/long) run only when asked for; integration first, since they take longest. */
function select({ words, long }) {
  return walk('test')
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => file.startsWith(join('test', 'long')) === long)
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort((a, b) => Number(a.includes('unit')) - Number(b.includes('unit')) || a.localeCompare(b));
}

function walk(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

function run(file) {
  const script = join(outdir, file.replace(/\.ts$/, '.js'));
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--enable-source-maps', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    running.add(child.pid);
    let output = '';
    let late = false;
    const collect = (chunk) => (output += chunk);
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const timer = setTimeout(() => {
      late = true;
      killGroup(child.pid, 'SIGTERM');
      setTimeout(() => killGroup(child.pid, 'SIGKILL'), KILL_GRACE_MS).unref();
    }, options.timeout * 1000);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      killGroup(child.pid, 'SIGKILL');
      running.delete(child.pid);
      resolve({ file, code, signal, late, output, ms: performance.now() - started });
    });
  });
}

/** The test's whole process group: what a test leaves running is ended with it. */
function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has ended already.
  }
}

function report({ file, code, signal, late, output, ms }) {
  const count = (name) =>
    [...output.matchAll(new RegExp(`^\\s*${name}:\\s+(\\d+)`, 'gm'))].reduce(
      (sum, m) => sum + Number(m[1]),
      0,
    );
  const [total, passed, skipped] = [count('Total'), count('Passed'), count('Skipped')];
  const whole = code === 0 && !late && total > 0 && passed === total;
  totals.passed += passed;
  totals.skipped += skipped;
  totals.failed += whole ? 0 : Math.max(1, total - passed);
  const verdict = whole ? 'ok  ' : 'FAIL';
  const why = late
    ? ` (exceeded ${options.timeout} s)`
    : total === 0
      ? ` (ran no test, exit ${code ?? signal})`
      : '';
  console.error(`${verdict} ${relative('test', file)} ${passed}/${total} ${Math.round(ms)} ms${why}`);
  if (!whole || options.verbose) console.error(output);
  else for (const line of output.split('\n')) if (line.startsWith('skipped: ')) console.error(`     ${line}`);
}
