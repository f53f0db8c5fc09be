/** Style and types of the whole tree: what `npm run lint` checks, as tests that are counted. */
import { spawnSync } from 'node:child_process';
import { suite } from '../support/suite.ts';

const test = suite('lint', { timeout: 180_000 });

/** Runs a tool of node_modules; its output is the failure's. */
function run(script: string, ...args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`exit ${status}\n${stdout}\n${stderr}`);
}

test('biome finds nothing', () => run('node_modules/@biomejs/biome/bin/biome', 'check', '.', '--colors=off'));
test('types hold', () => run('node_modules/typescript/bin/tsc', '--noEmit', '--pretty', 'false'));
