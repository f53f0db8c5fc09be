/** Operators rescue a mesh whose certificates have all ended and whose group key is lost, as docs/operations.md has it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SHARE_KEY } from '../../src/mesh/authority/founding.ts';
import { openStore } from '../../src/platform/node/store.ts';
import * as assert from '../support/assert.ts';
import { freeBasePort } from '../support/free-ports.ts';
import { builtProgram } from '../support/live-mesh.ts';
import { suite } from '../support/suite.ts';

const test = suite('integration/rescue', { timeout: 240_000 });
const folder = mkdtempSync(join(tmpdir(), 'ooto-rescue-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** Longer than any certificate. */
const ASLEEP_MS = 5 * 3_600_000;

/** The commands of a section, block by block. */
function documented(section: string): string[] {
  const text = readFileSync('docs/operations.md', 'utf8').split(`\n## ${section}\n`)[1].split('\n## ')[0];
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block);
}

test('two operators rescue a mesh by the documented commands, and its worker comes back with its key', async () => {
  const base = await freeBasePort();
  const ports = (script: string) => script.replaceAll('127.0.0.1:470', `127.0.0.1:${Math.floor(base / 10)}`);
  const [found, join_] = documented('Changing the authority');
  const begun = await bash(0, [ports(found), join_, 'ooto status --folder w1 --json']);
  assert.is(begun.code, 0, begun.stderr);
  const before = JSON.parse(begun.stdout.slice(begun.stdout.lastIndexOf('{\n  "schema": "ooto.status')));
  // Of three shares, two are lost.
  for (const name of ['a2', 'a3']) {
    const store = await openStore(join(folder, name, 'state'));
    await store.commit([{ delete: SHARE_KEY }]);
    await store.close();
  }
  const [make, sign] = documented('Rescue');
  const rescued = await bash(ASLEEP_MS, [
    'verdict() { local code=0; "$@" > out.txt 2> err.txt || code=$?; echo "$code $(head -n 1 err.txt)" ; }',
    'ooto node run --folder a2 &',
    'ooto node run --folder a3 &',
    'verdict ooto authority actions --member console',
    'ooto authority actions --member a1 --json > actions.json',
    make,
    'verdict ooto authority apply rescue.pem --member a1',
    'verdict ooto authority apply rescue.action --member a1',
    // What was cut short leads to the same key.
    'grep -v "OOTO" rescue.pem | head -n 20 > first.txt',
    'ooto authority apply rescue.action --member a1 --out again.pem --quiet',
    sign,
    'verdict ooto authority apply rescue.pem --member a1',
    'ooto status --folder w1 --json',
  ]);
  assert.is(rescued.code, 0, `${rescued.stderr}\n${rescued.stdout}`);
  const verdicts = [...rescued.stdout.matchAll(/^(\d) .*\((OOTO_\w+),/gm)].map(
    ([, code, name]) => `${code} ${name}`,
  );
  assert.equal(verdicts.slice(1), ['4 OOTO_CLI_APPROVALS', '2 OOTO_CLI_USAGE', '1 OOTO_FILES_LOCKED']);
  assert.match(rescued.stdout, /not in force yet: the operators sign rescue\.pem/);
  assert.match(
    rescued.stdout,
    /a1: in its log, proven\na2: in its log, proven\na3: in its log, proven\n[\s\S]*\ndone\n/,
  );
  const { next, bundle } = JSON.parse(readFileSync(join(folder, 'actions.json'), 'utf8'));
  assert.equal([next, bundle], [1, 0]);
  const after = JSON.parse(rescued.stdout.slice(rescued.stdout.lastIndexOf('{\n  "schema": "ooto.status')));
  assert.is(after.id, before.id);
  assert.ok(after.certificate.serial !== before.certificate.serial);
  assert.ok(Date.parse(after.certificate.notAfter) > Date.now() + ASLEEP_MS);
});

/** Runs a script whose programs have a wall clock that is so much later. */
async function bash(aheadMs: number, lines: readonly string[]) {
  const later = `const now = Date.now; Date.now = () => now() + ${aheadMs};`;
  const script = `data:text/javascript,${encodeURIComponent(later)}`;
  const program = `#!/bin/sh\nexec "${process.execPath}" --import "${script}" "${builtProgram()}" "$@"\n`;
  writeFileSync(join(folder, 'ooto'), program, { mode: 0o755 });
  const beginning = ['set -e', `PATH="${folder}:$PATH"`, "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"];
  writeFileSync(join(folder, 'script.sh'), [...beginning, ...lines].join('\n'));
  const child = spawn('bash', ['script.sh'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, ...output };
}
