/**
 * The commands of "With TPMs" in docs/operations.md, to the letter but for the ports: every machine has an swtpm of its
 * own. The mesh stands, all are measured and launched; then a program of which a file was changed, and which still claims
 * to be the golden one, is refused by the register that its launcher has extended.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import * as assert from '../support/assert.ts';
import { freeBasePort } from '../support/free-ports.ts';
import { suite } from '../support/suite.ts';
import { missingForTpm, Swtpm } from '../support/swtpm.ts';

const test = suite('integration/by-hand-tpm', { timeout: 240_000 });
const missing = missingForTpm();
const folder = mkdtempSync(join(tmpdir(), 'ooto-by-hand-tpm-'));
const tpms = new Map<string, Swtpm>();

function documented(): string {
  const text = readFileSync('docs/operations.md', 'utf8');
  const section = text.slice(text.indexOf('### With TPMs'));
  return /```sh\n([\s\S]*?)```/.exec(section)![1];
}

/** The machine is known by the folder that a command names; one that names none is the worker's. */
function writeCommands(): void {
  const machine = [
    '#!/bin/bash',
    'machine=w1; before=; words=()',
    'for word in "$@"; do [ "$before" = --folder ] && machine=$(basename "$word"); before=$word; done',
    `tcti=$(cat "${folder}/tpm-$machine" 2>/dev/null)`,
    'for word in "$@"; do case $word in',
    '  /dev/tpmrm0 | device:/dev/tpmrm0) word=$tcti ;;',
    'esac; words+=("$word"); done',
  ];
  const write = (name: string, last: string) =>
    writeFileSync(join(folder, name), [...machine, last, ''].join('\n'), { mode: 0o755 });
  write('ooto', `exec "${process.execPath}" "${resolve('build/cli.js')}" "\${words[@]}"`);
  const launcher = resolve('extra/launch/ooto-launch');
  write('ooto-launch', `TPM2TOOLS_TCTI=$tcti exec "\${LAUNCHER:-${launcher}}" "\${words[@]}"`);
}

test.before(async () => {
  if (missing !== undefined) return;
  for (const name of ['a1', 'a2', 'a3', 'w1', 'w2']) {
    const swtpm = await Swtpm.start();
    tpms.set(name, swtpm);
    writeFileSync(join(folder, `tpm-${name}`), swtpm.tcti);
  }
  writeCommands();
});
test.after(async () => {
  for (const swtpm of tpms.values()) await swtpm.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** A copy of what is installed, whose program claims the golden manifest whatever it is. */
function changedProgram(golden: string): string {
  const copy = join(folder, 'changed');
  for (const name of ['package.json', 'package-lock.json', 'node_modules', 'extra/launch'])
    cpSync(name, join(copy, name), { recursive: true, verbatimSymlinks: true });
  cpSync('build', join(copy, 'build'), {
    recursive: true,
    filter: (path) => !/build\/(test|types|.*\.map)/.test(path),
  });
  let changed = 0;
  for (const name of readdirSync(join(copy, 'build')).filter((each) => each.endsWith('.js'))) {
    const file = join(copy, 'build', name);
    const text = readFileSync(file, 'utf8');
    const lying = text.replace(
      /function ownDigest\([^)]*\) \{/,
      (start) => `${start} return Uint8Array.from(Buffer.from('${golden}', 'hex'));`,
    );
    if (lying === text) continue;
    writeFileSync(file, lying);
    changed++;
  }
  assert.is(changed, 1, 'one file says what the program is');
  return copy;
}

const title = 'the documented commands make a measured mesh, and a changed program is refused';
if (missing !== undefined) test.unavailable(title, missing);
else
  test(title, async () => {
    const base = await freeBasePort();
    const { digest } = JSON.parse((await bash('ooto measure --json')).stdout) as { digest: string };
    const copy = changedProgram(digest);
    const script = [
      'set -e',
      "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT",
      documented().replaceAll('127.0.0.1:470', `127.0.0.1:${Math.floor(base / 10)}`),
      'until ooto status --folder w1 --json > w1.json; do sleep 1; done',
      'ooto status --folder a1 --json > a1-status.json',
      'key=$(ooto doctor --tcti "$(cat tpm-w2)" | sed -n "s/.*endorsement key \\([0-9a-f]*\\).*/\\1/p")',
      'ooto invite --operator operator --authority a1 --role worker --name w2 --endorsement-key "$key" --out w2.invite',
      `if LAUNCHER=${copy}/extra/launch/ooto-launch ooto-launch --list ooto.list --node "$(command -v node)" -- ` +
        'join --folder w2 --invite w2.invite --tpm /dev/tpmrm0 --json 2> refused.txt; then exit 9; fi',
    ].join('\n');
    const { stderr, code } = await bash(script);
    assert.is(code, 0, stderr);
    for (const file of ['w1.json', 'a1-status.json']) {
      const status = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { state: string; tier: string };
      assert.is(status.state, 'ready');
      assert.is(status.tier, 'measured');
    }
    const refusal = readFileSync(join(folder, 'refused.txt'), 'utf8');
    assert.match(refusal, /OOTO_ATTEST_REFUSED/, refusal);
    assert.match(refusal, /launch register 15 does not hold this manifest and it alone/);
  });

function bash(script: string): Promise<{ stdout: string; stderr: string; code: number | null }> {
  const path = `${folder}:${dirname(process.execPath)}:${process.env.PATH}`;
  const child = spawn('bash', ['-c', script], {
    cwd: folder,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  return new Promise((done) => child.on('close', (code) => done({ ...output, code })));
}
