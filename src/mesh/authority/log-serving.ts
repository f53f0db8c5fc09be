/**
 * A member's log as other nodes of the mesh read and write it. What flows through here: its newest checkpoint, its tiles and
 * proofs of consistency go to whoever asks; a definition that its originator has signed goes into it, and the proof back.
 */
import { OotoError } from '../../base/errors.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { bytesBetween, fields, text, uint } from '../../envelope/fields.ts';
import { requireCurrent } from '../../workload/admission.ts';
import { DEFINITION_BYTES_MOST, verifyDefinition } from '../../workload/definition.ts';
import type { MeshNode } from '../node.ts';
import { originatorKey } from '../policy.ts';
import type { AuthorityDuty } from './duty.ts';

export function serveLog(node: MeshNode, duty: AuthorityDuty): void {
  node.handle('log.checkpoint', () => {
    const { checkpoint } = duty.log;
    if (checkpoint !== undefined) return checkpoint;
    throw new OotoError('OOTO_MESH_NOT_JOINED', 'caller', 'the mesh is not founded yet');
  });
  node.handle('log.resource', (_, body) => duty.log.resource(text(256)(body, 'log.resource')) ?? null);
  node.handle('log.consistency', (_, body) => {
    const { from, to } = fields(body, { from: uint(), to: uint() }, 'log.consistency');
    return duty.proveConsistency(from, to);
  });
  node.handle('definition.log', async (_, body) => {
    const envelope = bytesBetween(1, DEFINITION_BYTES_MOST)(body, 'definition.log');
    const trusted = (name: string) => originatorKey(node.policy, name);
    const definition = verifyDefinition(node.options.crypto, envelope, trusted);
    requireCurrent(definition, node.options.clock.now());
    return plainProof(await duty.logDefinition(definition.digest, definition.originator));
  });
}

/** As it travels. */
export function plainProof(proof: object | null): CborValue {
  return proof as CborValue;
}
