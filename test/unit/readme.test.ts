/** What the README shows is what happens: its example runs, and its console prints what stands below it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import * as assert from '../support/assert.ts';
import { suite } from '../support/suite.ts';

const test = suite('README', { timeout: 180_000 });
const README = readFileSync('README.md', 'utf8');

const LIBRARY = readFileSync(join('docs', 'library.md'), 'utf8');

const blocks = (language: string, text = README) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, block]) => block);

test('the example runs and prints what it says', async () => {
  const [example, ...more] = blocks('ts');
  assert.is(more.length, 0);
  assert.is(await run(example), 'hello world\n');
});

test('the examples of the library page run, as one program', async () => {
  const printed = [
    '3',
    '1',
    '2',
    '3',
    'OOTO_STREAM_METHOD',
    'true',
    'I owe you one',
    'over another connection',
    'asked once, answered once',
    'once, or not at all',
    'sealed and checked elsewhere',
    'hello',
  ];
  assert.is(await run(blocks('ts', LIBRARY).join('\n')), `${printed.join('\n')}\n`);
});

/** What a program prints. Inside the package, its own name leads to its own build. */
async function run(program: string): Promise<string> {
  mkdirSync(join('build', 'test'), { recursive: true });
  const folder = mkdtempSync(join('build', 'test', 'readme-'));
  try {
    const outfile = join(folder, 'example.mjs');
    await build({
      stdin: { contents: program, loader: 'ts', resolveDir: '.' },
      bundle: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
      outfile,
    });
    const { status, stdout, stderr } = spawnSync(process.execPath, [outfile], { encoding: 'utf8' });
    assert.is(status, 0, stderr);
    return stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('each console block prints what stands below its command', () => {
  for (const block of blocks('console')) {
    const [command, ...expected] = block.trimEnd().split('\n');
    assert.ok(command.startsWith('$ '));
    const { stdout, stderr } = spawnSync('sh', ['-c', command.slice(2)], { encoding: 'utf8' });
    assert.is(stdout.trimEnd(), expected.join('\n'), stderr);
  }
});

test('the two commands are there', () => {
  assert.equal(blocks('sh')[0].trim().split('\n'), ['npm start', 'npm test']);
});
