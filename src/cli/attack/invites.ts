/** An attack on enrolment: an invite that has been spent is shown again, with another key behind it. */
import { join } from 'node:path';
import { join as joinMesh } from '../../mesh/joining.ts';
import { closeNode } from '../node-folder.ts';
import { createMember } from '../setting-up.ts';
import type { Attacker } from './attacker.ts';

/** The insider has joined by it already; a second node with an identity key of its own wants the same certificate. */
export async function reuseInvite(attacker: Attacker): Promise<unknown> {
  const { configuration } = attacker.open;
  const folder = join(attacker.folder, 'second');
  await createMember(folder, configuration);
  const second = await attacker.openSecond(folder);
  try {
    return await joinMesh(second.node, attacker.invite, configuration.certificate_ms, attacker.signal);
  } finally {
    await closeNode(second);
  }
}
