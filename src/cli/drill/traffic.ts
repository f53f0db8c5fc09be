/**
 * Nodes that go on meeting while something else is done. What flows through here: one worker dials another, again and
 * again, each time with a whole handshake and a request, in processes of their own; when it is told to stop it says how
 * often that went well, and with which codes it did not.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newcomer } from './issuing.ts';
import { STOP_FILE, type TrafficReport, type TrafficTask } from './meeting.ts';
import type { DrillMesh } from './mesh.ts';

const [DIALLER, DIALLED] = ['dialler', 'dialled'];

/** Handshakes from before `work` begins until after it ends. */
export async function withTraffic(mesh: DrillMesh, work: () => Promise<void>): Promise<TrafficReport> {
  for (const name of [DIALLED, DIALLER]) if (!mesh.has(name)) await newcomer(mesh, name);
  mesh.start(DIALLED);
  await mesh.ready([DIALLED]);
  const { id, address } = mesh.process(DIALLED).status()!;
  await mesh.castNode(DIALLER, 'traffic', { victim: { id, address } } satisfies TrafficTask);
  try {
    await work();
    writeFileSync(join(mesh.folderOf(DIALLER), STOP_FILE), '');
    return await mesh.deed<TrafficReport>(DIALLER);
  } finally {
    await Promise.all([DIALLER, DIALLED].map((name) => mesh.process(name).kill()));
  }
}
