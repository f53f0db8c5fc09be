/** One founder dies in the ceremony and runs again: what must come of it, whoever it was and whenever. */
import * as assert from './assert.ts';
import { FOUNDERS, LiveMesh, untilEnded } from './live-mesh.ts';
import { type Moment, setMoment } from './mortal-node.ts';

/** Returns how many milliseconds after the restart the mesh stood. */
export async function foundDespiteCrash(founder: number, moment: Moment): Promise<number> {
  const mesh = new LiveMesh();
  const victim = FOUNDERS[founder];
  try {
    await mesh.prepare();
    setMoment(mesh.folderOf(victim), moment);
    for (const name of FOUNDERS) mesh.start(name, name === victim ? process.argv[1] : undefined);
    await untilEnded(mesh.process(victim));
    assert.is(mesh.process(victim).exitCode, null, 'it was killed, and did not end by itself');
    const restarted = performance.now();
    mesh.start(victim);
    const statuses = await mesh.ready(...FOUNDERS);
    const took = performance.now() - restarted;
    assert.is(new Set(statuses.map((status) => status.mesh)).size, 1);
    await mesh.invite('worker', 'worker-1');
    mesh.start('worker-1');
    const [joined] = await mesh.ready('worker-1');
    assert.is(joined.mesh, statuses[0].mesh);
    return took;
  } finally {
    await mesh.stop();
  }
}
