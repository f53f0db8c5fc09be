/**
 * Nodes that go on meeting while something else is done. What flows through here: one worker dials others, again and
 * again, each time with a whole handshake and a request, in processes of their own; when it is told to stop it says how
 * often that went well, and with which codes it did not.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newcomer } from './issuing.ts';
import { type MeetTask, STOP_FILE, type TrafficReport } from './meeting.ts';
import type { DrillMesh } from './mesh.ts';

const DIALLER = 'dialler';
const DIALLED = ['dialled-1', 'dialled-2'];

/** Handshakes from before `work` begins until after it ends. */
export async function withTraffic(mesh: DrillMesh, work: () => Promise<void>): Promise<TrafficReport> {
  const names = [DIALLER, ...DIALLED];
  for (const name of names) if (!mesh.has(name)) await newcomer(mesh, name);
  const stop = join(mesh.folderOf(DIALLER), STOP_FILE);
  rmSync(stop, { force: true });
  try {
    for (const name of DIALLED) mesh.start(name);
    await mesh.ready(DIALLED);
    const peers = DIALLED.map((name) => mesh.process(name).status()!);
    const task: MeetTask = { peers: peers.map(({ id, address }) => ({ id, address })) };
    await mesh.castNode(DIALLER, 'traffic', task);
    await work();
    writeFileSync(stop, '');
    return await mesh.deed<TrafficReport>(DIALLER);
  } finally {
    await Promise.all(names.map((name) => mesh.process(name).kill()));
  }
}
