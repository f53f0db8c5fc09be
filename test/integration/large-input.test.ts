/**
 * Inputs of every shape. 48 MiB of random bytes, the hardest for memory: hardly two words alike, and results almost
 * as large as chunks; no process may grow with it. Small ones at every border. The long tests take 1 GiB.
 */
import { randomFillSync } from 'node:crypto';
import { join } from 'node:path';
import { runStatistics } from '../../src/cli/demo/statistics.ts';
import { startNode } from '../../src/cli/running-node.ts';
import { openOriginatorKey } from '../../src/cli/setting-up.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import * as assert from '../support/assert.ts';
import { temporaryFolder } from '../support/folder.ts';
import { requireCounted, requireStatistics } from '../support/large-input.ts';
import { LiveMesh, ORIGINATOR } from '../support/live-mesh.ts';
import { ORIGINATOR_KEY_NAME } from '../support/originator.ts';
import { suite } from '../support/suite.ts';
import { wordFiller, writeInput } from '../support/text-file.ts';

const test = suite('integration/large-input', { timeout: 150_000 });
const LARGE_BYTES = 48 * 1024 * 1024;
const SMALLEST_CHUNK_BYTES = 64 * 1024;

type Fill = (piece: Buffer, offset: number) => void;
const letters: Fill = (piece) => piece.fill('abc');
const separators: Fill = (piece) => piece.fill(' \t\n\v\f\r');

const SHAPES: [what: string, bytes: number, fill: Fill][] = [
  ['empty', 0, letters],
  ['one byte of a word', 1, letters],
  ['one separator', 1, separators],
  ['one chunk and one byte', SMALLEST_CHUNK_BYTES + 1, wordFiller(2)],
  ['a multiple of the chunk', 16 * SMALLEST_CHUNK_BYTES, wordFiller(3)],
  ['no separator at all', 3_000_000, letters],
  ['only separators', 3_000_000, separators],
];

test('48 MiB of random bytes: the same figures as a plain count, and no process takes 300 MB', async () => {
  const file = join(temporaryFolder(), 'random');
  writeInput(file, LARGE_BYTES, (piece) => randomFillSync(piece));
  await requireCounted(file);
});

test('inputs of every shape are counted right', async () => {
  const mesh = new LiveMesh();
  const stop = new AbortController();
  try {
    await mesh.found();
    for (const [name, role] of [
      ['scheduler-1', 'scheduler'],
      ['worker-1', 'worker'],
    ] as const) {
      await mesh.invite(role, name);
      mesh.start(name);
    }
    const originator = await startNode(await mesh.invite('originator', ORIGINATOR), stop.signal);
    await mesh.ready('scheduler-1', 'worker-1');
    const key = await openOriginatorKey(mesh.crypto, originator.open.folder);
    for (const [i, [what, bytes, fill]] of SHAPES.entries()) {
      const file = join(mesh.folder, `input-${i}`);
      writeInput(file, bytes, fill);
      const job = await runStatistics(originator, {
        ...{ file, sequence: i + 1, terminal: new Terminal({ quiet: true }), signal: stop.signal },
        originator: { name: ORIGINATOR_KEY_NAME, key },
      });
      assert.is(job.input.bytes, bytes, what);
      requireStatistics(job.statistics, file, { each: true });
    }
    stop.abort();
    await originator.close();
  } finally {
    stop.abort();
    await mesh.stop();
  }
});
