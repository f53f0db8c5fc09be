import { spawn } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pemEncode } from '../../src/base/pem.ts';
import { formatSpiffeBundle } from '../../src/cert/spiffe-bundle.ts';
import type { ShownBundle } from '../../src/cli/bundle.ts';
import type { VerifiedProof } from '../../src/cli/log-reading.ts';
import * as assert from '../support/assert.ts';
import { AuthorityWorld } from '../support/authority.ts';
import { testCrypto } from '../support/crypto.ts';
import { freeBasePort } from '../support/free-ports.ts';
import { suite } from '../support/suite.ts';

const test = suite('integration/by-hand', { timeout: 100_000 });
const folder = mkdtempSync(join(tmpdir(), 'ooto-by-hand-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** The commands of a section of docs/operations.md, to the letter but for the ports. */
function documented(heading: string, which = 0): string {
  const text = readFileSync('docs/operations.md', 'utf8');
  const section = text.slice(text.indexOf(`\n## ${heading}\n`));
  return [...section.matchAll(/```sh\n([\s\S]*?)```/g)][which][1];
}

test('the documented commands make a mesh, a worker joins it, and a member comes back from its backup', async () => {
  const partner = await writePartner();
  const base = await freeBasePort();
  const cli = join(process.cwd(), 'build', 'cli.js');
  const ooto = join(folder, 'ooto');
  writeFileSync(ooto, `#!/bin/sh\nexec "${process.execPath}" "${cli}" "$@"\n`, { mode: 0o755 });
  const script = [
    'set -e',
    `PATH="${folder}:$PATH"`,
    "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT",
    documented('A mesh by hand').replaceAll('127.0.0.1:470', `127.0.0.1:${Math.floor(base / 10)}`),
    'until ooto status --folder w1 --json > w1.json; do sleep 1; done',
    'until test -f w1/trust-bundle.json; do sleep 0.1; done',
    'ooto bundle w1/trust-bundle.json --json > bundle.json',
    documented('Logs of the authority'),
    'ooto log verify --proof first.tlog-proof --folder w1 --json > proof.json',
    'stopped=$(ooto status --folder a3 --json | sed -n \'s/.*"pid": \\([0-9]*\\).*/\\1/p\')',
    'kill $stopped; while kill -0 $stopped 2>/dev/null; do sleep 0.1; done',
    documented('Backup of a member'),
    'ooto node run --folder a3 &',
    'until ooto status --folder a3 --quiet; do sleep 0.2; done',
    documented('Other meshes').replaceAll('PARTNER', partner),
    'kill $(sed -n \'s/.*"pid": \\([0-9]*\\).*/\\1/p\' w1.json)',
    'while ooto status --folder w1 --quiet 2>/dev/null; do sleep 0.1; done',
    'ooto node run --folder w1 &',
    'until ooto status --folder w1 --quiet; do sleep 0.2; done',
    documented('Other meshes', 1).replaceAll('PARTNER', partner),
    'cat w1.json',
  ].join('\n');
  const { stdout, stderr, code } = await bash(script);
  assert.is(code, 0, stderr);
  assert.match(stdout, /"schema": "ooto.join\/1"/);
  assert.match(stdout, /spiffe:\/\/[0-9a-f]{64}\/worker\/w1/);
  const status = JSON.parse(stdout.slice(stdout.lastIndexOf('{\n  "schema": "ooto.status/1"'))) as {
    state: string;
    mesh: string;
  };
  assert.is(status.state, 'ready');
  const bundle = JSON.parse(readFileSync(join(folder, 'bundle.json'), 'utf8')) as ShownBundle;
  assert.equal([bundle.schema, bundle.sequence, bundle.authorities.length], ['ooto.bundle/1', 0, 1]);
  assert.is(bundle.authorities[0].trustDomain, status.mesh);
  const proof = JSON.parse(readFileSync(join(folder, 'proof.json'), 'utf8')) as VerifiedProof;
  assert.equal([proof.origin, proof.entry.kind], [`${status.mesh}/log/a1`, 'certificate']);
  assert.match(stdout, /^a3 \d+ certificate spiffe:.*\/worker\/w1 key/m);
  assert.match(stdout, new RegExp(`id: spiffe://${partner}/worker/w9`));
  const { keys } = JSON.parse(readFileSync(join(folder, 'w1', 'trust-bundle.json'), 'utf8'));
  const root = new X509Certificate(Buffer.from(keys[0].x5c[0], 'base64'));
  assert.ok(root.verify(createPublicKey({ key: keys[0], format: 'jwk' })));
});

/** The bundle of another mesh and the certificate of a node of it; its trust domain. */
async function writePartner(): Promise<string> {
  const world = new AuthorityWorld(testCrypto(), { begins: Date.now() - 60_000 });
  await world.establish();
  const { valid } = await world.certify('worker', 'w9');
  const roots = [world.authority.root];
  const text = formatSpiffeBundle(roots, { sequence: 0, refreshSeconds: 300 });
  writeFileSync(join(folder, 'partner.json'), text);
  writeFileSync(join(folder, 'partner-w9.pem'), pemEncode([{ label: 'CERTIFICATE', bytes: valid.der }]));
  return valid.trustDomain;
}

function bash(script: string): Promise<{ stdout: string; stderr: string; code: number | null }> {
  const child = spawn('bash', ['-c', script], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  return new Promise((resolve) => child.on('close', (code) => resolve({ ...output, code })));
}
