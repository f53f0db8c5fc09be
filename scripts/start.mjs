// `npm start`: sets up what a fresh clone lacks, then runs the demo with the arguments given. Set-up speaks on
// stderr alone, so stdout is the demo's, untouched; signals reach the demo, and its exit code is this one's.
//   npm start [-- --once] [--json] [--input FILE]
import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = dirname(import.meta.dirname);
const CLI = join(ROOT, 'build', 'cli.js');

const setUp = spawnSync(process.execPath, [join(ROOT, 'scripts', 'setup.mjs')], { stdio: ['ignore', 2, 2] });
if (setUp.status !== 0) process.exit(setUp.status ?? 1);

const demo = spawn(process.execPath, [CLI, 'demo', ...process.argv.slice(2)], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => passOn(signal));
demo.on('exit', (code, signal) => {
  process.exitCode = signal ? 128 + constants.signals[signal] : code;
});

/** A terminal sends Ctrl-C to the demo as well: it must not arrive there twice. */
function passOn(signal) {
  if (signal !== 'SIGINT' || !process.stdin.isTTY) demo.kill(signal);
}
