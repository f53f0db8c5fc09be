/** What an attack is: who makes it, on a node of which role, and what it does. */
import type { Role } from '../../mesh/operations.ts';
import type { NodeConfiguration } from '../configuration.ts';
import type { Attacker, Target } from './attacker.ts';

/** Who attacks: a stranger without an invite, or members that turned against the mesh. */
export const ATTACKERS = {
  outsider: { role: 'worker', invited: false, configuration: {} },
  'corrupt-worker': { role: 'worker', invited: true, configuration: {} },
  'corrupt-scheduler': { role: 'scheduler', invited: true, configuration: {} },
  /** Its certificate ends while it watches. */
  'lapsed-worker': { role: 'worker', invited: true, configuration: { certificate_ms: 4_000 } },
} as const satisfies Record<
  string,
  { role: Role; invited: boolean; configuration: Partial<NodeConfiguration> }
>;

export type AttackerName = keyof typeof ATTACKERS;

export interface Attack {
  readonly name: string;
  readonly by: AttackerName;
  readonly victim: Role;
  /** Resolves when the attack got what it wanted; rejects with what stopped it. */
  run(attacker: Attacker, target: Target): Promise<unknown>;
}
