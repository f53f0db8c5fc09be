/** The demonstration where every node has a TPM of its own: all are `measured`, and each join names its quote. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from '../support/assert.ts';
import { temporaryFolder } from '../support/folder.ts';
import { suite } from '../support/suite.ts';
import { missingForTpm } from '../support/swtpm.ts';

const test = suite('integration/tpm-demo', { timeout: 150_000 });
const program = resolve('build/cli.js');
const missing = missingForTpm();
const HASH = /^[0-9a-f]{64}$/;

interface Report {
  joins: {
    id: string;
    tier: string;
    request: string;
    quote: string;
    channels: { peer: string; tier: string; challenge: string; quote: string }[];
  }[];
  attacks: { name: string; refused: boolean }[];
}

const title = 'every node is measured, and every join names its quote and the request it is bound to';
if (missing !== undefined) test.unavailable(title, missing);
else
  test(title, async () => {
    const folder = join(temporaryFolder(), 'mesh');
    const { stdout, stderr, code } = await run(['demo', '--once', '--json', '--tpm', '--folder', folder]);
    assert.is(code, 0, stderr);
    const { joins, attacks } = JSON.parse(stdout) as Report;
    assert.is(joins.length, 8);
    for (const { tier, quote, request, channels } of joins) {
      assert.is(tier, 'measured');
      assert.match(quote, HASH);
      assert.match(request, HASH);
      assert.ok(channels.length > 0);
      for (const channel of channels) {
        // Founders' channels were made before anything had shown where their keys are.
        assert.is(channel.tier, channel.peer.startsWith('spiffe://') ? 'measured' : 'software');
        assert.match(channel.quote, HASH);
        assert.match(channel.challenge, HASH);
      }
    }
    for (const name of ['quote', 'request'] as const)
      assert.is(new Set(joins.map((node) => node[name])).size, joins.length);
    const challenges = joins.flatMap((node) => node.channels.map(({ challenge }) => challenge));
    assert.is(new Set(challenges).size, challenges.length);
    assert.equal(
      attacks.filter(({ refused }) => !refused),
      [],
    );
  });

const killed = 'a demonstration that is killed takes its TPMs with it';
if (missing !== undefined) test.unavailable(killed, missing);
else
  test(killed, async () => {
    const folder = join(temporaryFolder(), 'mesh');
    const child = spawn(process.execPath, [program, 'demo', '--tpm', '--folder', folder], {
      stdio: 'ignore',
    });
    const running = () => processesNaming(`dir=${folder}`).length;
    await until(() => running() >= 3);
    child.kill('SIGKILL');
    await until(() => running() === 0);
  });

function processesNaming(words: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(words);
    } catch {
      return false;
    }
  });
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 30_000; !condition(); await sleep(50))
    assert.ok(performance.now() < end, 'in time');
}

test('without swtpm it says what to install', async () => {
  const folder = join(temporaryFolder(), 'mesh');
  const { stderr, code } = await run(['demo', '--once', '--tpm', '--folder', folder], { PATH: '/nowhere' });
  assert.is(code, 1);
  assert.match(stderr, /OOTO_CLI_TPM/);
  assert.match(stderr, /apt-get install swtpm/);
});

function run(
  words: string[],
  env: Record<string, string> = {},
): Promise<{ stdout: string; stderr: string; code: number | null }> {
  const child = spawn(process.execPath, [program, ...words], { env: { ...process.env, ...env } });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
    });
  return new Promise((done) => child.on('close', (code) => done({ ...said, code })));
}
