/**
 * What a node does for the mesh, by its role, and what every node does: it answers pings and sends telemetry. What
 * flows through here: the role's service is started, asked for its figures, and closed with the node.
 */
import type { AuthorityNode } from '../mesh/authority/member.ts';
import { Executing } from '../mesh/jobs/executing.ts';
import { Scheduling } from '../mesh/jobs/scheduling.ts';
import { Collecting } from '../mesh/telemetry/collecting.ts';
import { Telemetering } from '../mesh/telemetry/reporting.ts';
import type { Upkeep } from '../mesh/upkeep.ts';
import { nodeWorker } from '../platform/node/worker.ts';
import type { OpenNode } from './node-folder.ts';

export interface RoleService {
  readonly telemetry: { records: number; acknowledged: number };
  readonly counters: Record<string, number>;
  close(): Promise<void>;
}

export interface RoleOptions {
  open: OpenNode;
  upkeep: Upkeep;
  authority: AuthorityNode | undefined;
  signal: AbortSignal;
}

interface Duty {
  counters(): Record<string, number>;
  close(): void | Promise<void>;
}

export function startRole(options: RoleOptions): RoleService {
  const { open, upkeep, signal } = options;
  const { node, configuration } = open;
  node.handle('node.ping', () => null);
  const duty = dutyOf(options);
  const telemetering = new Telemetering(node, upkeep, configuration.telemetry_ms);
  const sending = configuration.role === 'collector' ? Promise.resolve() : telemetering.run(signal);
  return {
    get telemetry() {
      return telemetering.counts;
    },
    get counters() {
      return duty.counters();
    },
    async close() {
      await sending;
      await duty.close();
    },
  };
}

function dutyOf({ open, upkeep, authority }: RoleOptions): Duty {
  const { node, configuration } = open;
  if (configuration.role === 'worker') {
    const executing = new Executing(node, nodeWorker());
    return { counters: () => ({ receipts: executing.receipts }), close: () => executing.close() };
  }
  if (configuration.role === 'scheduler') {
    const scheduling = new Scheduling(node, upkeep);
    return { counters: () => ({ receipts: scheduling.receipts }), close: () => scheduling.close() };
  }
  if (configuration.role === 'collector') {
    const collecting = new Collecting(node);
    return { counters: () => collecting.counters, close: () => collecting.close() };
  }
  return { counters: () => (authority ? { entries: authority.duty.log.size } : {}), close() {} };
}
