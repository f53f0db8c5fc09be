/** The demonstration where every node has a TPM of its own: all are `measured`, and each join names its quote. */
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
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
