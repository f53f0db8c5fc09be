import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from '../support/assert.ts';
import { suite } from '../support/suite.ts';

const test = suite('integration/demo', { timeout: 150_000 });
const base = mkdtempSync(join(tmpdir(), 'ooto-demo-test-'));
const program = join(process.cwd(), 'build', 'cli.js');
test.after(() => rmSync(base, { recursive: true, force: true }));

interface Demo {
  schema: string;
  mesh: {
    id: string;
    nodes: { id: string; role: string; pid: number; folder: string }[];
    authorities: number;
    threshold: number;
  };
  joins: { id: string; tier: string; ms: number }[];
  channels: { count: number; suite: string; epochs: number; signedMessages: number };
  workload: {
    definition: string;
    input: { bytes: number; sha256: string };
    output: { bytes: number; lines: number; words: number; top: { word: string; count: number }[] };
    receipts: number;
    verified: number;
  };
  telemetry: { nodes: number; records: number; verified: number; checkpoint: { root: string } };
  files: { receipt: string; log: string; certificates: string[] };
}

let report: Demo;

test('the demo runs its job on a mesh of processes and prints one object', async () => {
  const { stdout, code } = await run(['demo', '--once', '--json', '--folder', join(base, 'mesh')]);
  assert.is(code, 0);
  report = JSON.parse(stdout) as Demo;
  assert.is(report.schema, 'ooto.demo/1');
  const roles = report.mesh.nodes.map(({ role }) => role).sort();
  assert.equal(roles, ['authority', 'authority', 'authority', 'collector', 'scheduler', 'worker', 'worker']);
  assert.is(new Set(report.mesh.nodes.map(({ pid }) => pid)).size, 7);
  assert.is(new Set(report.mesh.nodes.map(({ folder }) => folder)).size, 7);
  assert.equal([report.mesh.authorities, report.mesh.threshold], [3, 2]);
  assert.ok(report.joins.every(({ tier, ms }) => tier === 'software' && ms > 0));
  assert.ok(report.channels.epochs >= 2 && report.channels.signedMessages > 0);
  assert.ok(report.workload.receipts > 1 && report.workload.verified === report.workload.receipts);
  assert.ok(report.telemetry.nodes >= 6 && report.telemetry.verified === report.telemetry.records);
});

test('the statistics are those of a count made here', () => {
  const content = readFileSync('extra/texts/paradise-lost.txt');
  const words = content
    .toString('latin1')
    .split(/[\t-\r ]+/)
    .filter((word) => word !== '');
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const { output } = report.workload;
  const lines = content.filter((byte) => byte === 10).length;
  assert.equal([output.bytes, output.lines, output.words], [content.length, lines, words.length]);
  for (const { word, count } of output.top) assert.is(counts.get(word), count);
  assert.is(output.top[0].count, Math.max(...counts.values()));
});

test('no process is left when it has ended', () => {
  for (const { pid } of report.mesh.nodes) assert.throws(() => process.kill(pid, 0), /ESRCH/);
});

test('OpenSSL accepts the certificates', () => {
  for (const file of report.files.certificates) {
    const { stdout } = spawnSync('openssl', ['verify', '-x509_strict', '-CAfile', file, file], {
      encoding: 'utf8',
    });
    assert.match(stdout, /: OK/);
  }
});

test('ooto verify accepts what the demo left, and names the check that a changed byte fails', async () => {
  const { receipt, log, certificates } = report.files;
  const files = [receipt, log, certificates[0]];
  const verdicts = await Promise.all(files.map((file) => run(['verify', file, '--mesh', report.mesh.id])));
  assert.equal(
    verdicts.map(({ code }) => code),
    [0, 0, 0],
  );
  for (const file of files) {
    const content = readFileSync(file);
    const at = Math.floor(content.length * 0.4);
    content[at] ^= 1;
    const changed = join(base, 'changed.pem');
    writeFileSync(changed, content);
    const { code, stderr } = await run(['verify', changed, '--mesh', report.mesh.id]);
    assert.is(code, 3);
    assert.match(stderr, /the check "[a-z ]+" failed/);
  }
});

test('the file is judged against the mesh that is named, not the one it names', async () => {
  const { code } = await run(['verify', report.files.receipt, '--mesh', 'ab'.repeat(32)]);
  assert.is(code, 3);
  const unnamed = await run(['verify', report.files.receipt], { XDG_CONFIG_HOME: join(base, 'none') });
  assert.is(unnamed.code, 2);
});

function run(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ stdout: string; stderr: string; code: number | null }> {
  const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, ...env } });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  return new Promise((resolve) => child.on('close', (code) => resolve({ ...output, code })));
}
