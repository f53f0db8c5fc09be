/**
 * The benchmark as a user runs it, with next to no rounds: every engine computes the same, the rows of the targets are
 * there, and what is written has its schema. Nothing here asks how fast.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Results } from '../../bench/results.ts';
import * as assert from '../support/assert.ts';
import { chromiumIsInstalled } from '../support/chromium.ts';
import { suite } from '../support/suite.ts';

const test = suite('bench', { timeout: 200_000 });
const bench = (...words: string[]) =>
  spawnSync(process.execPath, ['scripts/bench.mjs', ...words], { encoding: 'utf8' });

const folder = mkdtempSync(join(tmpdir(), 'ooto-bench-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

test('core: every contest is right and gives its rows, and standard output is the JSON alone', () => {
  const { status, stdout, stderr } = bench('core', '--tiny', '--json');
  assert.is(status, 0, stderr);
  const { schema, machine, rows } = JSON.parse(stdout) as Results;
  assert.is(schema, 'ooto.bench/1');
  assert.is(machine.platform, 'node');
  assert.is(machine.versions.node, process.versions.node);
  assert.type(machine.load.after, 'number');
  for (const row of rows) {
    assert.is(row.suite, 'core');
    assert.ok(row.ratio > 0 && row.subjectOps! > 0 && row.rivalOps! > 0, JSON.stringify(row));
  }
  const rivalsOf = (name: string) =>
    new Set(rows.filter((row) => row.case === name).map(({ rival }) => rival));
  for (const name of ['gcm-seal', 'gcm-open', 'sha256'])
    for (const rival of ['node-crypto', 'webcrypto', 'webcrypto-32', 'noble', 'best-engine'])
      assert.ok(rivalsOf(name).has(rival), `${name} against ${rival}`);
  assert.ok(rivalsOf('mlkem768-decaps').has('noble'));
});

test('targets that no machine reaches are printed, and the command fails', () => {
  const target = { suite: 'core', case: 'x25519', size: 1, subject: 'wasm', rival: 'noble' };
  const file = join(folder, 'targets.json');
  const run = (...rows: object[]) => {
    writeFileSync(file, JSON.stringify({ schema: 'ooto.targets/1', rows }));
    return bench('core', '--tiny', '--case', 'x25519', '--targets', file, '--json', join(folder, 'out.json'));
  };
  const short = run({ ...target, min: 1e9 }, { ...target, suite: 'channel', min: 1e9 });
  assert.is(short.status, 1, short.stderr);
  assert.match(short.stderr, /falls short {2}core x25519 1 wasm against noble: floor 1000000000, measured/);
  assert.match(short.stderr, /0 of 1 floors reached/);
  assert.is((JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8')) as Results).schema, 'ooto.bench/1');
  assert.is(run({ ...target, min: 1e-9 }).status, 0);
});

test('what cannot be done is said with exit code 2', () => {
  const { status, stderr } = bench('nothing');
  assert.is(status, 2);
  assert.match(stderr, /no suite is called nothing/);
});

if (!chromiumIsInstalled()) test.unavailable('the page', 'Chromium is not installed');
else
  test('the page measures the same in Chromium, on an isolated page', () => {
    const { status, stdout, stderr } = bench(
      'core',
      '--tiny',
      '--browser',
      '--case',
      'gcm-seal-many',
      '--case',
      'x25519',
      '--json',
    );
    assert.is(status, 0, stderr);
    const { machine, rows } = JSON.parse(stdout) as Results;
    assert.is(machine.platform, 'browser');
    assert.match(machine.versions.Chromium, /^\d+\./);
    const rivals = new Set(rows.map(({ rival }) => rival));
    for (const rival of ['webcrypto', 'webcrypto-32', 'noble']) assert.ok(rivals.has(rival), rival);
    assert.not.ok(rivals.has('node-crypto'));
    assert.not.match(stderr, /Content Security Policy/);
  });
