/**
 * Single nodes are killed while a job runs, and come back at other addresses: a scheduler takes the job up again, the
 * chunks of a worker are run again, and the job ends as if nothing had happened.
 */
import { join } from 'node:path';
import * as assert from '../support/assert.ts';
import { requireStatistics } from '../support/large-input.ts';
import { LiveMesh, ORIGINATOR } from '../support/live-mesh.ts';
import { livesAsOriginator, OriginatorProcess } from '../support/originator.ts';
import { suite } from '../support/suite.ts';
import { wordFiller, writeInput } from '../support/text-file.ts';

const MEMBERS = [
  ['scheduler-1', 'scheduler'],
  ['worker-1', 'worker'],
  ['worker-2', 'worker'],
] as const;
const INPUT_BYTES = 24 * 1024 * 1024;

if (!(await livesAsOriginator())) tests();

function tests(): void {
  const test = suite('integration/crash-in-job', { timeout: 180_000 });

  test('a job outlives the crash of its scheduler and of a worker', async () => {
    const mesh = new LiveMesh();
    const input = join(mesh.folder, 'input');
    try {
      await mesh.found();
      for (const [name, role] of MEMBERS) {
        await mesh.invite(role, name);
        mesh.start(name);
      }
      await mesh.invite('originator', ORIGINATOR);
      const [before] = await mesh.ready(...MEMBERS.map(([name]) => name));
      writeInput(input, INPUT_BYTES, wordFiller(11));
      const job = new OriginatorProcess(mesh.folderOf(ORIGINATOR), input, 1);
      await mesh.process('worker-1').until('executing', ({ counters }) => counters.receipts > 0);

      await Promise.all([mesh.process('scheduler-1').kill(), mesh.process('worker-1').kill()]);
      assert.is(job.child.exitCode, null, 'the job is not done yet');
      mesh.start('scheduler-1');
      mesh.start('worker-1');
      const [after] = await mesh.ready('scheduler-1', 'worker-1');
      assert.is.not(after.address, before.address, 'it listens elsewhere now');

      const { statistics } = await job.result();
      requireStatistics(statistics, input, { each: true });
    } finally {
      await mesh.stop();
    }
  });
}
