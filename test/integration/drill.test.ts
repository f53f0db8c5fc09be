/** `ooto authority drill` on this machine, a few of its rows. */
import { spawnSync } from 'node:child_process';
import * as assert from '../support/assert.ts';
import { builtProgram } from '../support/live-mesh.ts';
import { suite } from '../support/suite.ts';

const test = suite('integration/drill', { timeout: 300_000 });

interface Report {
  schema: string;
  ok: boolean;
  rows: { name: string; ok: boolean; ms: number; detail: string }[];
}

/** Those without a bound of time that take the least; test/long has all of them. */
const ROWS = [
  'founders-appraised',
  'generate-3-of-5',
  'issue-2-lying',
  'request-without-evidence',
  'refresh',
  'rescue-after-expiry',
];

test('some rows of the drill, each ok', () => {
  const { status, stdout, stderr } = run(['--json', '--row', ...ROWS]);
  const { schema, ok, rows } = JSON.parse(stdout) as Report;
  for (const row of rows) assert.ok(row.ok, `${row.name}: ${row.detail}\n${stderr}`);
  assert.is(schema, 'ooto.drill/1');
  assert.ok(ok);
  assert.is(status, 0, stderr);
  assert.equal(
    rows.map(({ name }) => name),
    ROWS,
  );
  for (const { ms, detail } of rows) assert.ok(ms > 0 && detail.length > 0);
});

test('a row that there is not is refused', () => {
  const { status, stderr } = run(['--row', 'nothing']);
  assert.is(status, 2, stderr);
  assert.match(stderr, /split-view/);
});

function run(words: string[]) {
  return spawnSync(process.execPath, [builtProgram(), 'authority', 'drill', ...words], { encoding: 'utf8' });
}
