/**
 * What remains of each chunk of a job: who assigned it, who ran it, and what they signed. What flows through here: a
 * record names its two parties by their places in a list, so that a node that was restarted, and has another message
 * key since, stands there twice; a verifier judges the list once and then every record against it.
 */
import { equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { encode } from '../../envelope/cbor.ts';
import { bytesBetween, type Fields, uint } from '../../envelope/fields.ts';
import { verifyAssignment } from '../../workload/assignment.ts';
import type { VerifiedDefinition } from '../../workload/definition.ts';
import { type Receipt, verifyReceipt } from '../../workload/receipt.ts';
import type { JudgedParty } from '../party.ts';

export const MOST_PARTIES = 4_096;

export const chunkRecordShape = {
  assignment: bytesBetween(1, 8 * 1024),
  receipt: bytesBetween(1, 8 * 1024),
  /** Place of the scheduler in the list of parties. */
  scheduler: uint(MOST_PARTIES - 1),
  /** Place of the worker. */
  worker: uint(MOST_PARTIES - 1),
} as const;

export type ChunkRecord = Fields<typeof chunkRecordShape>;

/**
 * Judges a record: a scheduler assigned this chunk of this definition to the worker that signed the receipt.
 * @throws OOTO_WORKLOAD_*, OOTO_MESH_PARTY, OOTO_ENVELOPE_* (peer).
 */
export function verifyRecord(
  crypto: Crypto,
  meshId: Uint8Array,
  definition: VerifiedDefinition,
  record: ChunkRecord,
  chunk: number,
  parties: readonly JudgedParty[],
): Receipt {
  const scheduler = requireParty(parties, record.scheduler, 'scheduler');
  const worker = requireParty(parties, record.worker, 'worker');
  const keyOf = ({ messageKey }: JudgedParty) => ({ algorithm: 'ed25519' as const, bytes: messageKey });
  const assigned = verifyAssignment(crypto, record.assignment, () => keyOf(scheduler));
  const isMeant =
    assigned.scheduler === scheduler.credential.id &&
    assigned.node === worker.credential.id &&
    assigned.chunk === chunk &&
    equal(assigned.definition, definition.digest);
  if (!isMeant)
    throw new OotoError('OOTO_WORKLOAD_ASSIGNMENT', 'peer', 'the assignment is for something else');
  return verifyReceipt(crypto, record.receipt, keyOf(worker), {
    mesh: meshId,
    node: assigned.node,
    definition: definition.digest,
    assignment: assigned.digest,
    chunk,
    input: definition.chunks[chunk],
  });
}

/** One leaf of the log of receipts. */
export function encodeRecord(record: ChunkRecord): Uint8Array {
  return encode({ ...record });
}

/** The origin of the log of one job's receipts, kept by whoever had it run. */
export function receiptsOrigin(meshId: Uint8Array, holder: string, definition: Uint8Array): string {
  return `${hex(meshId)}/${holder}/receipts/${hex(definition)}`;
}

function requireParty(parties: readonly JudgedParty[], place: number, role: string): JudgedParty {
  const party = parties[place];
  if (party?.role !== role)
    throw new OotoError('OOTO_MESH_PARTY', 'peer', `party ${place} of the list is not shown to be a ${role}`);
  return party;
}
