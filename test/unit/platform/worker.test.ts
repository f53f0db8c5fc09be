import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { utf8Decode } from '../../../src/base/bytes.ts';
import { findScript, nodeWorker } from '../../../src/platform/node/worker.ts';
import { equal, is, ok, rejectsCode, throwsCode } from '../../support/assert.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { suite } from '../../support/suite.ts';
import { command } from '../../support/wat.ts';

const test = suite('worker threads', { timeout: 60_000 });
const limits = { memoryBytes: 16 * 65536, timeMs: 30_000, outputBytes: 1000 };
const options = { arguments: [] as string[], stdin: new Uint8Array(), limits };
const worker = nodeWorker();
test.after(() => worker.close());

const hello = () =>
  command('(call $write (i32.const 100) (i32.const 5))', { extra: '(data (i32.const 100) "hello")' });
const endless = () => command('(loop $l (br $l))');

test('a module runs in a thread and answers', async () => {
  const { exitCode, stdout, stderr } = await worker.run(hello(), options);
  is(exitCode, 0);
  is(utf8Decode(stdout), 'hello');
  is(stderr.length, 0);
});

test('many at once', async () => {
  const results = await Promise.all(Array.from({ length: 8 }, () => worker.run(hello(), options)));
  for (const { stdout } of results) is(utf8Decode(stdout), 'hello');
});

test('an endless loop ends at its deadline', () =>
  rejectsCode(
    worker.run(endless(), { ...options, limits: { ...limits, timeMs: 300 } }),
    'OOTO_SANDBOX_TIME',
  ));

test('the error of the sandbox comes through with its code', async () => {
  const error = await rejectsCode(worker.run(command('unreachable'), options), 'OOTO_SANDBOX_TRAP');
  is(error.fault, 'peer');
  await rejectsCode(worker.run(Uint8Array.of(1, 2, 3), options), 'OOTO_SANDBOX_MODULE');
});

test('a run can be cancelled, before and after its start', async () => {
  const reasons: unknown[] = [];
  const aborter = new AbortController();
  const running = worker
    .run(endless(), { ...options, signal: aborter.signal })
    .catch((reason) => reasons.push(reason));
  aborter.abort('given up');
  await running;
  await worker.run(hello(), { ...options, signal: aborter.signal }).catch((reason) => reasons.push(reason));
  equal(reasons, ['given up', 'given up']);
});

test('closing ends what runs; nothing starts afterwards', async () => {
  const own = nodeWorker();
  const running = rejectsCode(own.run(endless(), options), 'OOTO_SANDBOX_CLOSED');
  await own.close();
  await running;
  await rejectsCode(own.run(hello(), options), 'OOTO_SANDBOX_CLOSED');
});

test('a heap bomb through the interface ends the thread, not the process', async () => {
  const bomb = command(
    '(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 8388608) (i32.const 8)))',
    { memory: '(memory (export "memory") 1024)' },
  );
  await rejectsCode(
    worker.run(bomb, { ...options, limits: { ...limits, memoryBytes: 1024 * 65536 } }),
    'OOTO_SANDBOX_MEMORY',
  );
});

test('the built sandbox is found beside, in build, or above; elsewhere that is said', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'build', 'test'), { recursive: true });
  mkdirSync(join(folder, 'src', 'platform'), { recursive: true });
  const script = join(folder, 'build', 'sandbox.js');
  const from = (...parts: string[]) => pathToFileURL(join(folder, ...parts)).href;
  throwsCode(() => findScript(from('src', 'x.ts')), 'OOTO_SANDBOX_MISSING');
  writeFileSync(script, '');
  is(findScript(from('build', 'node.js')), script);
  is(findScript(from('build', 'test', 'x.js')), script);
  is(findScript(from('src', 'platform', 'worker.ts')), script);
  ok(findScript(import.meta.url).endsWith('sandbox.js'));
});
