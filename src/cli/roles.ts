/** What a node does for the mesh, by its role. What flows through here: the role's service is started and asked for its figures. */
import type { AuthorityNode } from '../mesh/authority-node.ts';
import { Executing } from '../mesh/executing.ts';
import { Scheduling } from '../mesh/scheduling.ts';
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

const NO_TELEMETRY = { records: 0, acknowledged: 0 };

export async function startRole({ open, upkeep }: RoleOptions): Promise<RoleService> {
  const { node, configuration } = open;
  node.handle('node.ping', () => null);
  if (configuration.role === 'worker') {
    const executing = new Executing(node, nodeWorker());
    return {
      telemetry: NO_TELEMETRY,
      get counters() {
        return { receipts: executing.receipts };
      },
      close: () => executing.close(),
    };
  }
  if (configuration.role === 'scheduler') {
    const scheduling = new Scheduling(node, upkeep);
    return {
      telemetry: NO_TELEMETRY,
      get counters() {
        return { receipts: scheduling.receipts };
      },
      async close() {
        scheduling.close();
      },
    };
  }
  return { telemetry: NO_TELEMETRY, counters: {}, async close() {} };
}
