/** The game day as docs/operations.md has it: every row of the table by its name, each ok. Its times want an idle machine. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXERCISES } from '../../src/cli/drill/index.ts';
import * as assert from '../support/assert.ts';
import { temporaryFolder } from '../support/folder.ts';
import { builtProgram } from '../support/live-mesh.ts';
import { suite } from '../support/suite.ts';

const test = suite('long/drill', { timeout: 600_000 });

interface Report {
  schema: string;
  ok: boolean;
  rows: { name: string; ok: boolean; ms: number; detail: string }[];
}

const folder = temporaryFolder();

/** The commands of "Game day" in docs/operations.md, to the letter. */
function documented(): string {
  const text = readFileSync('docs/operations.md', 'utf8');
  return /```sh\n([\s\S]*?)```/.exec(text.slice(text.indexOf('\n## Game day\n')))![1];
}

test('the documented commands end with every row ok', () => {
  const ooto = join(folder, 'ooto');
  writeFileSync(ooto, `#!/bin/sh\nexec "${process.execPath}" "${builtProgram()}" "$@"\n`, { mode: 0o755 });
  const script = `set -e\nPATH="${folder}:$PATH"\ncd "${folder}"\n${documented()}`;
  const { status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  const { schema, ok, rows } = JSON.parse(readFileSync(join(folder, 'drill.json'), 'utf8')) as Report;
  for (const row of rows) assert.ok(row.ok, `${row.name}: ${row.detail}\n${stderr}`);
  assert.is(schema, 'ooto.drill/1');
  assert.ok(ok);
  assert.is(status, 0, stderr);
  assert.equal(
    rows.map(({ name }) => name),
    EXERCISES.map(({ name }) => name),
  );
  for (const { ms, detail } of rows) assert.ok(ms > 0 && detail.length > 0);
});
