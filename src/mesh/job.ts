/**
 * A job from the originator's side. What flows through here, in order: the input is read once to name every chunk;
 * the definition is signed and logged by the authority; the scheduler gets it with the module; the input is read a
 * second time, chunk by chunk, a few in flight; each output comes back with assignment and receipt, which are
 * verified before the output counts; at the end the receipts become one small log that witnesses cosign, so that
 * they can be judged for ever by the time they were made.
 */

import { type LogProof, logProofs } from '../authority/credential.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { CborValue } from '../envelope/cbor.ts';
import { encode } from '../envelope/cbor.ts';
import { bytesBetween, fields, list, object, text } from '../envelope/fields.ts';
import type { SigningKey } from '../envelope/keys.ts';
import { formatCheckpoint, formatNote, formatWitnessRequest, parseNoteSignature } from '../log/index.ts';
import { signNote } from '../log/note.ts';
import type { SandboxLimits } from '../ports.ts';
import { verifyAssignment } from '../workload/assignment.ts';
import {
  chunkLength,
  signDefinition,
  type VerifiedDefinition,
  verifyDefinition,
} from '../workload/definition.ts';
import { readReceipt, requireOutput, verifyReceipt } from '../workload/receipt.ts';
import type { MeshNode } from './node.ts';
import { judgeParty, type Party, partyShape } from './party.ts';
import type { Upkeep } from './upkeep.ts';

const IN_FLIGHT = 4;
const CHUNK_TIMEOUT_MS = 15 * 60_000;
const OUTPUT_BYTES_MOST = 15 * 1024 * 1024;
export const LARGEST_CHUNK_BYTES = 4 * 1024 * 1024;
const SMALLEST_CHUNK_BYTES = 64 * 1024;

/** Random access to the input; the same bytes each time it is read. */
export interface JobInput {
  bytes: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

export interface JobRequest {
  name: string;
  originator: { name: string; key: SigningKey };
  sequence: number;
  module: Uint8Array;
  arguments: readonly string[];
  input: JobInput;
  limits: SandboxLimits;
  /** Milliseconds until the definition is void. */
  lifeMs: number;
  /** Told what the job has become, before anything runs. */
  defined(definition: VerifiedDefinition): void;
  /** Takes the output of each chunk, one call at a time. */
  take(index: number, output: Uint8Array): Promise<void>;
  progress(done: number, total: number): void;
  signal: AbortSignal;
}

export interface ChunkRecord {
  assignment: Uint8Array;
  receipt: Uint8Array;
}

export interface JobResult {
  definition: VerifiedDefinition;
  proofs: LogProof[];
  /** In the order of the chunks. */
  records: ChunkRecord[];
  /** Who asked (first), who assigned, who ran. */
  parties: Party[];
  /** The cosigned checkpoint over the receipts. */
  checkpoint: string;
  nodes: string[];
}

const answerShape = {
  output: bytesBetween(0, OUTPUT_BYTES_MOST),
  receipt: bytesBetween(1, 8 * 1024),
  assignment: bytesBetween(1, 8 * 1024),
  node: text(2048),
} as const;

/** Runs a job on the mesh. @throws OOTO_WORKLOAD_*, OOTO_MESH_*, OOTO_AUTHORITY_* and others. */
export async function runJob(node: MeshNode, upkeep: Upkeep, request: JobRequest): Promise<JobResult> {
  const definition = await define(node, request);
  request.defined(definition);
  const proofs = await logDefinition(node, upkeep, definition);
  const [scheduler] = await upkeep.find('scheduler');
  const encodedProofs = encode(proofs as unknown as CborValue);
  const submission = { envelope: definition.envelope, proofs: encodedProofs, module: request.module };
  await node.ask(scheduler, 'job.submit', submission, { signal: request.signal });
  const { records, nodes } = await runChunks(node, scheduler, definition, request);
  const parties = await finish(node, scheduler, definition);
  verifyRecords(node, definition, records, parties);
  const checkpoint = await cosignedCheckpoint(node, upkeep, definition, records);
  return { definition, proofs, records, parties, checkpoint, nodes };
}

/** Chunks small enough that every worker gets some, large enough to be worth the trip. */
export function chunkBytesFor(bytes: number): number {
  return Math.min(LARGEST_CHUNK_BYTES, Math.max(SMALLEST_CHUNK_BYTES, Math.ceil(bytes / 8)));
}

async function define(node: MeshNode, request: JobRequest): Promise<VerifiedDefinition> {
  const { crypto, clock } = node.options;
  const { input, originator } = request;
  const chunkBytes = chunkBytesFor(input.bytes);
  const chunks: Uint8Array[] = [];
  for (let offset = 0; offset < input.bytes; offset += chunkBytes) {
    request.signal.throwIfAborted();
    chunks.push(crypto.sha256(await input.read(offset, Math.min(chunkBytes, input.bytes - offset))));
  }
  const envelope = signDefinition(
    {
      name: request.name,
      originator: originator.name,
      sequence: request.sequence,
      expires: clock.now() + request.lifeMs,
      module: crypto.sha256(request.module),
      input: { bytes: input.bytes, chunkBytes },
      chunks,
      arguments: request.arguments,
      limits: request.limits,
      requires: { tier: 'software', labels: [] },
    },
    originator.key,
  );
  return verifyDefinition(crypto, envelope, () => originator.key.publicKey);
}

/** Every member of the authority that can be reached logs the definition; t must. */
async function logDefinition(
  node: MeshNode,
  upkeep: Upkeep,
  { envelope }: VerifiedDefinition,
): Promise<LogProof[]> {
  const answers = await Promise.allSettled(
    upkeep.authorities.map((member) => node.ask(member, 'definition.log', envelope)),
  );
  const proofs = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const { threshold } = node.trust.genesis.draft;
  if (proofs.length < threshold) {
    const refused = answers.find((answer) => answer.status === 'rejected');
    throw new OotoError(
      'OOTO_AUTHORITY_UNAVAILABLE',
      'environment',
      `${proofs.length} of ${threshold} members logged the definition`,
      {
        cause: refused?.reason,
        hint: 'nothing was lost; it goes on when enough members are back',
      },
    );
  }
  return logProofs(proofs, 'definition proofs');
}

async function runChunks(
  node: MeshNode,
  scheduler: { id: string; addresses: readonly string[] },
  definition: VerifiedDefinition,
  { input, take, progress, signal }: JobRequest,
): Promise<{ records: ChunkRecord[]; nodes: string[] }> {
  const records: ChunkRecord[] = [];
  const nodes: string[] = [];
  let next = 0;
  let done = 0;
  let taking: Promise<void> = Promise.resolve();
  const total = definition.chunks.length;
  const runOne = async (index: number) => {
    const bytes = await input.read(index * definition.input.chunkBytes, chunkLength(definition, index));
    const body = { definition: definition.digest, index, bytes };
    const answer = await node.ask(scheduler, 'job.chunk', body, { signal, timeoutMs: CHUNK_TIMEOUT_MS });
    const { output, receipt, assignment, node: worker } = fields(answer, answerShape, 'job.chunk');
    requireOutput(node.options.crypto, readReceipt(receipt).unverified, output);
    records[index] = { assignment, receipt };
    nodes[index] = worker;
    taking = taking.then(() => take(index, output));
    await taking;
    progress(++done, total);
  };
  const lane = async () => {
    while (next < total) await runOne(next++);
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, total) }, lane));
  return { records, nodes };
}

async function finish(
  node: MeshNode,
  scheduler: { id: string; addresses: readonly string[] },
  { digest }: VerifiedDefinition,
): Promise<Party[]> {
  const answer = await node.ask(scheduler, 'job.finish', { definition: digest });
  const { parties } = fields(
    answer,
    { parties: list(object(partyShape), { min: 1, max: 4096 }) },
    'job.finish',
  );
  const { presentation, delegation } = node.own;
  return [{ id: presentation.id, credential: presentation.credential, delegation }, ...parties];
}

/** Every chunk was assigned by the scheduler and run by the worker it was assigned to, on the input defined. */
export function verifyRecords(
  node: MeshNode,
  definition: VerifiedDefinition,
  records: readonly ChunkRecord[],
  parties: readonly Party[],
): void {
  const { crypto, clock } = node.options;
  const judged = new Map(
    parties.map((party) => [party.id, judgeParty(crypto, node.trust, party, clock.now())]),
  );
  for (const [chunk, record] of records.entries())
    verifyRecord(crypto, node.trust.genesis.meshId, definition, record, chunk, judged);
}

/** @throws OOTO_WORKLOAD_*, OOTO_MESH_PARTY, OOTO_ENVELOPE_* (peer). */
export function verifyRecord(
  crypto: MeshNode['options']['crypto'],
  meshId: Uint8Array,
  definition: VerifiedDefinition,
  { assignment, receipt }: ChunkRecord,
  chunk: number,
  parties: ReadonlyMap<string, { role: string; messageKey: Uint8Array }>,
): void {
  const keyOf = (id: string, role: string) => {
    const party = parties.get(id);
    if (party?.role !== role)
      throw new OotoError('OOTO_MESH_PARTY', 'peer', `${id} is not shown to be a ${role}`);
    return { algorithm: 'ed25519' as const, bytes: party.messageKey };
  };
  const assigned = verifyAssignment(crypto, assignment, (id) => keyOf(id, 'scheduler'));
  if (hex(assigned.definition) !== hex(definition.digest) || assigned.chunk !== chunk)
    throw new OotoError('OOTO_WORKLOAD_ASSIGNMENT', 'peer', 'the assignment is for something else');
  verifyReceipt(crypto, receipt, keyOf(assigned.node, 'worker'), {
    mesh: meshId,
    node: assigned.node,
    definition: definition.digest,
    assignment: assigned.digest,
    chunk,
    input: definition.chunks[chunk],
  });
}

/** The receipts as a log of this node's own, cosigned by every member that can be reached; t must. */
async function cosignedCheckpoint(
  node: MeshNode,
  upkeep: Upkeep,
  definition: VerifiedDefinition,
  records: readonly ChunkRecord[],
): Promise<string> {
  const { crypto, role, name } = node.options;
  const { meshId, draft } = node.trust.genesis;
  const origin = receiptsOrigin(meshId, `${role}/${name}`, definition.digest);
  const root = crypto.merkle.root(records.map(encodeRecord));
  const checkpoint = formatCheckpoint({ origin, size: records.length, root });
  const own = signNote(crypto, checkpoint, origin, node.own.messageKey);
  const note = formatNote({ text: checkpoint, signatures: [own] });
  const request = formatWitnessRequest({ oldSize: 0, proof: [], note });
  const answers = await Promise.allSettled(
    upkeep.authorities.map((member) => node.ask(member, 'witness.cosign', request)),
  );
  const signatures = answers.flatMap((answer) =>
    answer.status === 'fulfilled'
      ? [parseNoteSignature(text(4 * 1024)(answer.value, 'cosignature').trimEnd())]
      : [],
  );
  if (signatures.length < draft.threshold)
    throw new OotoError(
      'OOTO_AUTHORITY_UNAVAILABLE',
      'environment',
      `${signatures.length} of ${draft.threshold} witnesses cosigned`,
    );
  return formatNote({ text: checkpoint, signatures: [own, ...signatures] });
}

/** One leaf of the log of receipts. */
export function encodeRecord({ assignment, receipt }: ChunkRecord): Uint8Array {
  return encode({ assignment, receipt });
}

export function receiptsOrigin(meshId: Uint8Array, holder: string, definition: Uint8Array): string {
  return `${hex(meshId)}/${holder}/receipts/${hex(definition)}`;
}
