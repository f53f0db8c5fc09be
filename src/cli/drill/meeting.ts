/**
 * What an honest node of a drill does besides its duty: it meets others. What flows through here: the node dials those
 * that its task names, asks each for something, and keeps the sessions.
 */
import type { RunningNode } from '../running-node.ts';

export interface MeetTask {
  peers: { id: string; address: string }[];
}

/** Meets everybody, and keeps the sessions; how many it met. */
export async function meet({ open: { node } }: RunningNode, { peers }: MeetTask): Promise<number> {
  const { meshId } = node.trust.genesis;
  const met = await Promise.allSettled(
    peers.map(async ({ id, address }) => {
      const session = await node.peers.dial(meshId, address, id);
      await session.request('node.ping', null);
    }),
  );
  return met.filter(({ status }) => status === 'fulfilled').length;
}
