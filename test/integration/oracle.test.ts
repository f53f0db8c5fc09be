/** The oracle as a process, on Node and in Chromium: one answer per line, in order, until stdin ends. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Answer } from '../oracle/answer.ts';
import * as assert from '../support/assert.ts';
import { chromiumIsInstalled } from '../support/chromium.ts';
import { suite } from '../support/suite.ts';

const test = suite('oracle process', { timeout: 60_000 });

interface Run {
  readonly code: number | null;
  readonly answers: readonly Answer[];
  readonly stderr: string;
}

async function run(lines: readonly string[], ...flags: readonly string[]): Promise<Run> {
  const oracle = spawn(process.execPath, ['build/oracle.js', ...flags], { stdio: 'pipe' });
  const [out, err] = [[] as Buffer[], [] as Buffer[]];
  oracle.stdout.on('data', (chunk) => out.push(chunk));
  oracle.stderr.on('data', (chunk) => err.push(chunk));
  oracle.stdin.end(lines.map((line) => `${line}\n`).join(''));
  const [code] = await once(oracle, 'close');
  const text = Buffer.concat(out).toString();
  const answers =
    text === ''
      ? []
      : text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Answer);
  return { code, answers, stderr: Buffer.concat(err).toString() };
}

const messageOf = (i: number) => Buffer.from(`message ${i}`);
const requestOf = (i: number) => JSON.stringify({ id: i, op: 'sha256', msg: messageOf(i).toString('hex') });

function requireAnswers(answers: readonly Answer[], count: number): void {
  assert.is(answers.length, count);
  for (const [i, answer] of answers.entries()) {
    const digest = createHash('sha256').update(messageOf(i)).digest('hex');
    if (JSON.stringify(answer) !== JSON.stringify({ id: i, ok: true, out: { digest } }))
      throw new Error(`answer ${i} is ${JSON.stringify(answer)}`);
  }
}

test('answers ten thousand lines in order and ends with its input', async () => {
  const { code, answers, stderr } = await run(Array.from({ length: 10_000 }, (_, i) => requestOf(i)));
  requireAnswers(answers, 10_000);
  assert.is(code, 0);
  assert.is(stderr, '');
});

test('answers a line before the next one is there', async () => {
  const oracle = spawn(process.execPath, ['build/oracle.js'], { stdio: 'pipe' });
  for (let i = 0; i < 3; i++) {
    oracle.stdin.write(`${requestOf(i)}\n`);
    const [line] = await once(oracle.stdout, 'data');
    assert.is(JSON.parse(String(line)).id, i);
  }
  oracle.stdin.end();
  const [code] = await once(oracle, 'close');
  assert.is(code, 0);
});

test('goes on after lines that are no requests', async () => {
  const { code, answers } = await run(['nonsense', requestOf(0), '', '{"id":5,"op":"none"}', requestOf(1)]);
  const codes = answers.map((answer) => (answer.ok ? 'ok' : answer.code));
  const refused = 'OOTO_ORACLE_REQUEST';
  assert.equal(codes, [refused, 'ok', refused, 'OOTO_ORACLE_UNKNOWN_OP', 'ok']);
  assert.is(code, 0);
});

test('no input, no answer', async () => {
  assert.equal(await run([]), { code: 0, answers: [], stderr: '' });
});

if (chromiumIsInstalled())
  test('answers the same in Chromium', async () => {
    const { code, answers } = await run(
      [...Array.from({ length: 500 }, (_, i) => requestOf(i)), 'nonsense'],
      '--browser',
    );
    requireAnswers(answers.slice(0, -1), 500);
    assert.equal(answers[500], { id: null, ok: false, code: 'OOTO_ORACLE_REQUEST' });
    assert.is(code, 0);
  });
else test.unavailable('answers the same in Chromium', 'Chromium is not installed');
