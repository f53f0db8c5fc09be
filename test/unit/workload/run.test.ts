import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSpool } from '../../../src/platform/node/spool.ts';
import { nodeWorker } from '../../../src/platform/node/worker.ts';
import { Executor } from '../../../src/workload/executor.ts';
import { type AssignedChunk, Scheduler } from '../../../src/workload/scheduler.ts';
import { TextStatisticsMerge } from '../../../src/workload/text-statistics.ts';
import { equal, is, rejectsCode } from '../../support/assert.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { suite } from '../../support/suite.ts';
import { command } from '../../support/wat.ts';
import {
  ATTESTATION,
  crypto,
  envelope,
  keys,
  MESH,
  MemoryStore,
  NOW,
  PROOFS,
  SCHEDULER,
  situation,
  trust,
  WORKERS,
} from './fixture.ts';

const test = suite('a workload from end to end', { timeout: 120_000 });
const CHUNK_BYTES = 64 * 1024;
const worker = nodeWorker();
test.after(() => worker.close());

function setUp(
  module: Uint8Array,
  chunks: Uint8Array[],
  limits = { memoryBytes: 1 << 26, timeMs: 60_000, outputBytes: 1 << 23 },
) {
  const scheduler = new Scheduler({
    crypto,
    store: new MemoryStore(),
    trust: trust(),
    mesh: MESH,
    id: SCHEDULER,
  });
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const signed = envelope({
    module: crypto.sha256(module),
    input: { bytes, chunkBytes: CHUNK_BYTES },
    chunks: chunks.map((chunk) => crypto.sha256(chunk)),
    arguments: [],
    limits,
  });
  const { definition } = scheduler.submit(signed, PROOFS, NOW);
  scheduler.admitModule(definition.digest, module);
  for (const [i, chunk] of chunks.entries()) scheduler.admitChunk(definition.digest, i, chunk);
  const executors = new Map(
    WORKERS.slice(0, 2).map((id) => [id, new Executor({ crypto, store: new MemoryStore(), trust: trust() })]),
  );
  for (const id of executors.keys()) scheduler.nodeReady({ id, tier: 'software', labels: [] });
  const run = async ({ node, definition: of, proofs, assignment, chunk }: AssignedChunk) => {
    const executor = executors.get(node) as Executor;
    const offer = { envelope: of.envelope, proofs, assignment, module, chunk: chunks[chunk] };
    const { job } = executor.take(offer, situation({ node }));
    try {
      const result = await worker.run(job.module, job);
      return executor.complete(job.id, result, { key: keys.worker, attestation: ATTESTATION, now: NOW });
    } catch (error) {
      executor.fail(job.id);
      throw error;
    }
  };
  return { scheduler, definition, run };
}

test('the text of the repository, counted on two nodes', async () => {
  const text = new Uint8Array(readFileSync(join('extra', 'texts', 'paradise-lost.txt')));
  const module = new Uint8Array(readFileSync(join('build', 'text-statistics.wasm')));
  const count = Math.ceil(text.length / CHUNK_BYTES);
  const chunks = Array.from({ length: count }, (_, i) =>
    text.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES),
  );
  const { scheduler, definition, run } = setUp(module, chunks);
  const merge = new TextStatisticsMerge(crypto, await openSpool(temporaryFolder()));
  const seen = new Set<string>();
  while (scheduler.takeEvents().length === 0) {
    const { assigned } = scheduler.assign(keys.scheduler, NOW);
    const answers = await Promise.all(assigned.map(run));
    for (const [i, { id, node }] of assigned.entries()) {
      const { finished } = scheduler.complete(id, node, answers[i]);
      await merge.add(finished.chunk, finished.output, chunks[finished.chunk].length);
      seen.add(node);
    }
  }
  is(seen.size, 2);
  const { top, ...totals } = await merge.finish(definition.chunks.length, 3);
  equal(totals, { bytes: 456_856, lines: 10_635, words: 79_653 });
  equal(
    top.map(({ word }) => word),
    ['and', 'the', 'to'],
  );
});

test('attack: a loop without end, too much output, forbidden imports: each comes back as its code', async () => {
  const limits = { memoryBytes: 1 << 20, timeMs: 3_000, outputBytes: 100 };
  const cases: [string, Uint8Array][] = [
    ['OOTO_SANDBOX_TIME', command('(loop $l (br $l))')],
    ['OOTO_SANDBOX_OUTPUT', command('(loop $l (call $write (i32.const 0) (i32.const 60)) (br $l))')],
    ['OOTO_SANDBOX_IMPORT', forbidden()],
    ['OOTO_SANDBOX_MEMORY', command('', { memory: '(memory (export "memory") 17)' })],
  ];
  for (const [code, module] of cases) {
    const { scheduler, run } = setUp(module, [new Uint8Array(10)], { ...limits });
    const [one] = scheduler.assign(keys.scheduler, NOW).assigned;
    await rejectsCode(run(one), code);
  }
});

function forbidden(): Uint8Array {
  const text = new TextDecoder('latin1').decode(command(''));
  return Uint8Array.from(text.replace('wasi_snapshot_preview1', 'wasi_snapshot_previewX'), (c) =>
    c.charCodeAt(0),
  );
}
