/**
 * What honest nodes of a drill do besides their duty: they meet others. What flows through here: a node dials those that
 * its task names, once, or again and again until it is told to stop, each time with a whole handshake and a request.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { equal } from '../../base/bytes.ts';
import type { MemberDetails } from '../../mesh/identity.ts';
import { asOotoError } from '../../mesh/session.ts';
import type { RunningNode } from '../running-node.ts';

export const STOP_FILE = 'stop';
const PAUSE_MS = 25;

export interface TrafficReport {
  /** Those that went well. */
  handshakes: number;
  /** How many of them were with a peer whose certificate stands under a group key that retires. */
  retiring: number;
  /** Codes of those that did not. */
  failed: string[];
}

export interface MeetTask {
  peers: { id: string; address: string }[];
}

/** Dials one after the other until the stop file is there. */
export async function dialOn(
  { open: { node, folder } }: RunningNode,
  { peers }: MeetTask,
): Promise<TrafficReport> {
  const report: TrafficReport = { handshakes: 0, retiring: 0, failed: [] };
  const { genesis, authority } = node.trust;
  for (let i = 0; !existsSync(join(folder, STOP_FILE)); i++) {
    const { id, address } = peers[i % peers.length];
    try {
      const session = await node.peers.dial(genesis.meshId, address, id);
      await session.request('node.ping', null);
      const { issuerKey } = session.peer.identity.details as MemberDetails;
      session.close();
      report.handshakes++;
      if (!equal(issuerKey, authority.groupKey)) report.retiring++;
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
