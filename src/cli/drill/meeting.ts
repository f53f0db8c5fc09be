/**
 * What honest nodes of a drill do besides their duty: they meet others. What flows through here: a node dials those that
 * its task names, once, or one again and again until it is told to stop, each time with a whole handshake and a request.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asOotoError } from '../../mesh/session.ts';
import type { RunningNode } from '../running-node.ts';

export const STOP_FILE = 'stop';
const PAUSE_MS = 25;

export interface TrafficReport {
  handshakes: number;
  /** Codes. */
  failed: string[];
}

export interface TrafficTask {
  victim: { id: string; address: string };
}

export interface MeetTask {
  peers: { id: string; address: string }[];
}

/** Dials until the stop file is there. */
export async function dialOn(
  { open: { node, folder } }: RunningNode,
  { victim }: TrafficTask,
): Promise<TrafficReport> {
  const report: TrafficReport = { handshakes: 0, failed: [] };
  const { meshId } = node.trust.genesis;
  while (!existsSync(join(folder, STOP_FILE))) {
    try {
      const session = await node.peers.dial(meshId, victim.address, victim.id);
      await session.request('node.ping', null);
      session.close();
      report.handshakes++;
    } catch (error) {
      report.failed.push(asOotoError(error).code);
    }
    await sleep(PAUSE_MS);
  }
  return report;
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
