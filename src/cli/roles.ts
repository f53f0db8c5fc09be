/** What a node does for the mesh, by its role. What flows through here: the role's service is started and asked for its figures. */
import type { AuthorityNode } from '../mesh/authority-node.ts';
import type { Upkeep } from '../mesh/upkeep.ts';
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

export async function startRole({ open }: RoleOptions): Promise<RoleService> {
  const { node } = open;
  node.handle('node.ping', () => null);
  return { telemetry: { records: 0, acknowledged: 0 }, counters: {}, async close() {} };
}
