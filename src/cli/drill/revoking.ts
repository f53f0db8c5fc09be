/**
 * Revocation, timed. What flows through here: a node with sessions to others is revoked by `ooto revoke`; the moment at
 * which the authority had signed it and the moments at which the others closed their sessions are read from their logs;
 * afterwards nobody takes it.
 */
import type { NodeStatus } from '../../mesh/status.ts';
import { type Exercise, require } from './exercise.ts';
import { newcomer } from './issuing.ts';
import type { MeetTask } from './meeting.ts';
import { type DrillMesh, MEMBERS } from './mesh.ts';
import type { LogLine, NodeLog } from './node-log.ts';
import { carrier, nextNumber } from './operators.ts';
import { succeed } from './recovery.ts';

const REVOKED = 'revoked';
const PEERS = ['peer-1', 'peer-2', 'peer-3'];
const MOST_MS = 1_000;
const NEWER_MS = 10_000;
const CODE = 'OOTO_AUTHORITY_REVOKED';

export const revokeClosesSessions: Exercise = {
  name: 'revoke-closes-sessions',
  async run(mesh) {
    await mesh.cast();
    for (const name of [...PEERS, REVOKED]) await newcomer(mesh, name);
    for (const name of PEERS) mesh.start(name);
    await mesh.ready(PEERS);
    const victims = PEERS.map((name) => mesh.process(name).status()!);
    require((await meetings(mesh, victims)) === PEERS.length, 'it meets all peers');
    const id = mesh.process(REVOKED).status()!.id;
    const before = victims[0].head?.number ?? 0;
    await Promise.all(
      PEERS.map((name) => mesh.process(name).until('in session with it', hasSessionWith(id))),
    );
    const holders = [...PEERS, ...MEMBERS].filter((name) => hasSessionWith(id)(mesh.process(name).status()!));
    const logs = new Map<string, NodeLog>(holders.map((name) => [name, mesh.logOf(name)]));
    const member = await carrier(mesh);
    nextNumber(mesh);
    const words = ['revoke', id, '--operator', mesh.folderOf('operator'), '--member', member];
    await succeed(mesh, [...words, '--reason', 'game day', '--yes', '--json', '--quiet']);
    const closed = await Promise.all(holders.map((name) => closedAt(logs.get(name)!, name, id)));
    const slowest = Math.max(...closed) - (await headTimeAt(mesh, PEERS[0], before));
    require(slowest <= MOST_MS, `the slowest session closes within ${MOST_MS} ms, not ${slowest}`);
    require((await meetings(mesh, victims)) === 0, 'nobody takes it any more');
    return `${holders.length} nodes closed their sessions with it, the slowest ${slowest} ms after the head that revokes it was made; nobody takes it any more`;
  },
};

function hasSessionWith(id: string): (status: NodeStatus) => boolean {
  return ({ attestation: { channels } }) => channels.some(({ peer }) => peer === id);
}

async function closedAt(log: NodeLog, name: string, id: string): Promise<number> {
  const [line] = await log.until(
    `${name} closing its session`,
    ({ peer, code }) => peer === id && code === CODE,
  );
  return timeOf(line);
}

/** When the head that came after number `before` was made, in milliseconds since 1970. */
async function headTimeAt(mesh: DrillMesh, name: string, before: number): Promise<number> {
  const status = await mesh
    .process(name)
    .until('under a newer head', ({ head }) => (head?.number ?? 0) > before, NEWER_MS);
  return Date.parse(status.head!.time);
}

/** How many of these it can meet, started anew; one that cannot even start meets nobody. */
async function meetings(mesh: DrillMesh, peers: readonly { id: string; address: string }[]): Promise<number> {
  const task: MeetTask = { peers: peers.map(({ id, address }) => ({ id, address })) };
  try {
    await mesh.castNode(REVOKED, 'meet', task);
    return await mesh.deed<number>(REVOKED);
  } catch (error) {
    if (mesh.process(REVOKED).running) throw error;
    return 0;
  }
}

function timeOf({ time }: LogLine): number {
  return Date.parse(String(time));
}
