/** Operators who change the authority, as docs/operations.md has it, on real processes. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from '../support/assert.ts';
import { freeBasePort } from '../support/free-ports.ts';
import { builtProgram, LiveMesh } from '../support/live-mesh.ts';
import { suite } from '../support/suite.ts';

const test = suite('integration/operators', { timeout: 300_000 });
const folder = mkdtempSync(join(tmpdir(), 'ooto-operators-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** All commands of "Changing the authority". */
function documented(): string {
  const text = readFileSync('docs/operations.md', 'utf8');
  const section = text.split('## Changing the authority\n')[1].split('\n## ')[0];
  return [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block).join('');
}

test('two operators revoke a node by the documented commands; one cannot, and nobody twice', async () => {
  const base = await freeBasePort();
  const program = `#!/bin/sh\nexec "${process.execPath}" "${builtProgram()}" "$@"\n`;
  writeFileSync(join(folder, 'ooto'), program, { mode: 0o755 });
  const script = [
    'set -e',
    `PATH="${folder}:$PATH"`,
    "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT",
    'verdict() { local code=0; "$@" > out.json 2> err.txt || code=$?; echo "$code $(cat err.txt | head -n 1)" ; }',
    documented().replaceAll('127.0.0.1:470', `127.0.0.1:${Math.floor(base / 10)}`),
    'echo REVOKED',
    // Its sessions are closed, and no new one is made.
    'for i in 1 2 3; do grep -q OOTO_AUTHORITY_REVOKED a$i/node.log && echo "a$i refuses"; done | head -n 1',
    'verdict ooto authority apply w1.action --member console',
    'verdict ooto authority apply w1.action --member console --lead a2',
    'ooto authority propose note --authority a1 --number 9 --text "by one alone" --out note.action',
    'ooto authority approve note.action --operator ben --yes --quiet',
    'verdict ooto authority apply note.action --member console',
    'ooto authority propose note --authority a1 --number 1 --text "number taken" --out taken.action',
    'ooto authority approve taken.action --operator ann --yes --quiet',
    'verdict ooto authority approve taken.action --operator ben --quiet < /dev/null',
    'ooto authority approve taken.action --operator ben --yes --quiet',
    'verdict ooto authority apply taken.action --member console',
    // This one only reads.
    'ooto invite --operator ann --authority a1 --role collector --name auditor --out auditor.invite',
    'ooto authority sign auditor.invite --operator ben --yes --quiet',
    'ooto join --folder auditor --invite auditor.invite --quiet',
    // Every other ceremony, each from where the one before led.
    'agreed() { ooto authority propose "$@" --authority a1 --out next.action --quiet && ooto authority approve next.action --operator ann --yes --quiet && ooto authority approve next.action --operator ben --yes --quiet && ooto authority apply next.action --member console; }',
    'verdict ooto authority apply refresh.action --member console --lead a3',
    'agreed repair --number 3 --epoch 1 --lost a2 > repair.txt',
    'agreed reshare --number 4 --epoch 1 --threshold 3 --founder a1.json a2.json a3.json > reshare.txt',
    'ooto authority actions --member auditor --json > auditor.json',
    'agreed rotate --number 5 --bundle 0 --overlap 1 > rotate.txt',
    'tail -qn 1 repair.txt reshare.txt rotate.txt',
    'ooto authority actions --member console --json',
  ].join('\n');
  const { stdout, stderr, code } = await bash(script);
  assert.is(code, 0, `${stderr}\n${stdout}`);
  assert.match(
    stdout,
    /a1: in its log, proven\na2: in its log, proven\na3: in its log, proven\n[\s\S]*done\n/,
  );
  const after = stdout.slice(stdout.indexOf('REVOKED'));
  const verdicts = [...after.matchAll(/^(\d) .*\((OOTO_\w+),/gm)].map(([, exit, name]) => `${exit} ${name}`);
  assert.equal(verdicts, [
    '1 OOTO_MESH_ACTION_REPLAYED',
    '1 OOTO_MESH_ACTION_REPLAYED',
    '4 OOTO_CLI_APPROVALS',
    '2 OOTO_CLI_USAGE',
    '1 OOTO_MESH_ACTION_NUMBER',
    '1 OOTO_MESH_ACTION_REPLAYED',
  ]);
  assert.match(after, /^done\ndone\ndone$/m);
  const audit = JSON.parse(after.slice(after.indexOf('{\n  "schema": "ooto.actions/1"')));
  assert.is(audit.next, 6);
  assert.equal(audit.failed, []);
  assert.equal(audit.twice, []);
  assert.equal(
    audit.actions.map(({ kind }: { kind: string }) => kind),
    ['revoke-node', 'refresh', 'repair', 'reshare', 'rotate'],
  );
  const read = JSON.parse(readFileSync(join(folder, 'auditor.json'), 'utf8'));
  assert.equal([read.next, read.failed, read.epoch], [5, [], 2]);
  assert.equal([audit.epoch, audit.threshold, audit.bundle], [3, 3, 1]);
  const [{ operators, logged }] = audit.actions;
  assert.equal(operators, ['ann', 'ben']);
  assert.equal(
    logged.map(({ member }: { member: string }) => member),
    ['a1', 'a2', 'a3'],
  );
});

test('where one operator is enough, a node is revoked at once and its sessions end', async () => {
  const mesh = new LiveMesh();
  try {
    await mesh.found();
    await mesh.invite('worker', 'worker-1');
    await mesh.invite('originator', 'console');
    mesh.start('worker-1');
    const [{ id }] = await mesh.ready('worker-1');
    const args = ['--operator', mesh.folderOf('operator'), '--member', mesh.folderOf('console')];
    const { stdout, stderr, code } = await run([
      ...['revoke', id, ...args],
      ...['--reason', 'stolen', '--yes', '--json'],
    ]);
    assert.is(code, 0, stderr);
    const report = JSON.parse(stdout);
    assert.is(report.failure, null);
    assert.equal([...report.logged].sort(), ['authority-1', 'authority-2', 'authority-3']);
    const again = await run(['revoke', id, ...args, '--reason', 'stolen', '--yes']);
    assert.match(again.stderr, /OOTO_MESH_ACTION_REPLAYED/);
    assert.is(again.code, 1);
    const audit = JSON.parse(
      (await run(['authority', 'actions', '--member', mesh.folderOf('console'), '--json'])).stdout,
    );
    assert.is(audit.actions.length, 1);
  } finally {
    await mesh.stop();
    rmSync(mesh.folder, { recursive: true, force: true });
  }
});

function bash(script: string) {
  const file = join(folder, 'script.sh');
  writeFileSync(file, script);
  return ended(spawn('bash', [file], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] }));
}

function run(args: readonly string[]) {
  return ended(spawn(process.execPath, [builtProgram(), ...args], { stdio: ['ignore', 'pipe', 'pipe'] }));
}

function ended(
  child: ReturnType<typeof spawn>,
): Promise<{ stdout: string; stderr: string; code: number | null }> {
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  return new Promise((resolve) => child.on('close', (code) => resolve({ ...output, code })));
}
