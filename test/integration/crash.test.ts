/**
 * kill -9 of every process in the middle of a job, and of the originator too: what anybody was told is there when
 * they run again, nobody joins anew, and the mesh runs another job.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { logOrigin } from '../../src/authority/credential.ts';
import { hex, unhex } from '../../src/base/hex.ts';
import { authorityKeys } from '../../src/cli/node-folder.ts';
import { Log, verifyConsistency } from '../../src/log/index.ts';
import type { NodeStatus } from '../../src/mesh/status.ts';
import { openStore } from '../../src/platform/node/store.ts';
import * as assert from '../support/assert.ts';
import { FOUNDERS, LiveMesh, ORIGINATOR, untilEnded } from '../support/live-mesh.ts';
import { livesAsNode, setMoment } from '../support/mortal-node.ts';
import { livesAsOriginator, OriginatorProcess } from '../support/originator.ts';
import { suite } from '../support/suite.ts';
import { countFile, wordFiller, writeInput } from '../support/text-file.ts';

const MEMBERS = [
  ['scheduler-1', 'scheduler'],
  ['worker-1', 'worker'],
  ['worker-2', 'worker'],
  ['collector-1', 'collector'],
] as const;
const ALL: readonly string[] = [...FOUNDERS, ...MEMBERS.map(([name]) => name)];
const INPUT_BYTES = 16 * 1024 * 1024;

if (!(await livesAsNode()) && !(await livesAsOriginator())) tests();

function tests(): void {
  const test = suite('integration/crash', { timeout: 180_000 });

  test('kill -9 of every process in the middle of a job loses nothing that was acknowledged', async () => {
    const mesh = new LiveMesh({ telemetry_ms: 200 });
    const input = join(mesh.folder, 'input');
    try {
      await startAll(mesh);
      writeInput(input, INPUT_BYTES, wordFiller());
      const first = new OriginatorProcess(mesh.folderOf(ORIGINATOR), input, 1);
      await someReceipts(mesh);
      const before = statusesOf(mesh);
      assert.is(first.child.exitCode, null, 'the job is not done yet');
      await Promise.all([first.kill(), ...ALL.map((name) => mesh.process(name).kill())]);

      const stored = await receiptsStored(mesh);
      for (const worker of ['worker-1', 'worker-2'])
        assert.ok(stored[worker] >= before[worker].counters.receipts, `receipts of ${worker}`);
      for (const name of ALL) mesh.start(name);
      await mesh.ready(...ALL);
      requireNothingLost(mesh, before);

      const second = await new OriginatorProcess(mesh.folderOf(ORIGINATOR), input, 2).result();
      const expected = countFile(input);
      for (const figure of ['bytes', 'lines', 'words'] as const)
        assert.is(second.statistics[figure], expected[figure], figure);
      for (const { word, count } of second.statistics.top)
        assert.is(count, expected.each.get(word), `count of ${word}`);
      await telemetryCatchesUp(mesh, before);
      const after = statusesOf(mesh);
      await mesh.stop();
      for (const name of FOUNDERS) await requireGrownFrom(mesh, name, before[name], after[name]);
    } finally {
      await mesh.stop();
    }
  });

  test('a node killed between being issued a certificate and storing it joins by the same invite', async () => {
    const mesh = new LiveMesh();
    try {
      await mesh.found();
      const folder = await mesh.invite('worker', 'worker-1');
      setMoment(folder, 'before-commit 3');
      mesh.start('worker-1', process.argv[1]);
      await untilEnded(mesh.process('worker-1'));
      const issued = mesh.logOf('authority-1').filter(({ message }) => message === 'certificate issued');
      assert.is(issued.length, 1, 'it died after it had been issued a certificate');
      assert.ok(existsSync(join(folder, 'invite')));
      mesh.start('worker-1');
      await mesh.ready('worker-1');
    } finally {
      await mesh.stop();
    }
  });
}

async function startAll(mesh: LiveMesh): Promise<void> {
  await mesh.found();
  for (const [name, role] of MEMBERS) {
    await mesh.invite(role, name);
    mesh.start(name);
  }
  await mesh.invite('originator', ORIGINATOR);
  await mesh.ready(...ALL);
  for (const name of FOUNDERS)
    await mesh.process(name).until('sending telemetry', ({ telemetry }) => telemetry.acknowledged > 0);
}

async function someReceipts(mesh: LiveMesh): Promise<void> {
  for (const name of ['worker-1', 'worker-2'])
    await mesh.process(name).until('executing', ({ counters }) => counters.receipts > 0);
}

function statusesOf(mesh: LiveMesh): Record<string, NodeStatus> {
  return Object.fromEntries(
    ALL.map((name) => {
      const status = mesh.process(name).status();
      if (!status) throw new Error(`${name} says nothing`);
      return [name, status];
    }),
  );
}

async function receiptsStored(mesh: LiveMesh): Promise<Record<string, number>> {
  const counted: Record<string, number> = {};
  for (const worker of ['worker-1', 'worker-2']) {
    const store = await openStore(join(mesh.folderOf(worker), 'state'));
    counted[worker] = store.range('workload/receipt/', 'workload/receipt0').length;
    await store.close();
  }
  return counted;
}

function requireNothingLost(mesh: LiveMesh, before: Record<string, NodeStatus>): void {
  const now = statusesOf(mesh);
  for (const name of ALL) {
    assert.is(now[name].mesh, before[name].mesh, `${name}: mesh`);
    assert.is(now[name].certificate?.serial, before[name].certificate?.serial, `${name}: certificate`);
    assert.ok((now[name].head?.number ?? 0) >= (before[name].head?.number ?? 0), `${name}: head`);
    assert.ok((now[name].log?.size ?? 0) >= (before[name].log?.size ?? 0), `${name}: log`);
    assert.ok(now[name].telemetry.records >= before[name].telemetry.records, `${name}: telemetry`);
  }
}

/** What the collector had confirmed it still has: every chain goes on from where it stood. */
async function telemetryCatchesUp(mesh: LiveMesh, before: Record<string, NodeStatus>): Promise<void> {
  for (const name of FOUNDERS)
    await mesh
      .process(name)
      .until(
        'sending telemetry again',
        ({ telemetry }) => telemetry.acknowledged > before[name].telemetry.acknowledged,
      );
}

/** The log that stands now begins with the one that was shown before the crash, and is whole. */
async function requireGrownFrom(
  mesh: LiveMesh,
  name: string,
  before: NodeStatus,
  after: NodeStatus,
): Promise<void> {
  const { crypto } = mesh;
  const folder = mesh.folderOf(name);
  const store = await openStore(join(folder, 'state'));
  try {
    const { log: signer } = await authorityKeys(crypto, folder);
    const origin = logOrigin(unhex(after.mesh), name);
    const log = new Log({ crypto, store, prefix: 'log/', origin, signer });
    log.audit();
    assert.ok(before.log && log.size > before.log.size, 'it has grown: the second job was logged');
    verifyConsistency(crypto, {
      ...{ size1: before.log.size, root1: unhex(before.log.root) },
      ...{ size2: log.size, root2: log.root, proof: log.proveConsistency(before.log.size) },
    });
    assert.is(hex(log.root), after.log?.root);
  } finally {
    await store.close();
  }
}
