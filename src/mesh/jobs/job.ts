/**
 * A job from the originator's side. What flows through here, in order: the input is read once to name every chunk;
 * the definition is signed and logged by the authority; the scheduler gets it with the module; the input is read a
 * second time, chunk by chunk, a few in flight; each output comes back with assignment and receipt, which are
 * verified before the output counts; at the end the receipts become one small log that witnesses cosign, so that
 * they can be judged for ever by the time they were made.
 */

import { type LogProof, logProofs } from '../../authority/credential.ts';
import { OotoError } from '../../base/errors.ts';
import type { CborValue } from '../../envelope/cbor.ts';
import { encode } from '../../envelope/cbor.ts';
import { text } from '../../envelope/fields.ts';
import type { SigningKey } from '../../envelope/keys.ts';
import { formatCheckpoint, formatNote, formatWitnessRequest, parseNoteSignature } from '../../log/index.ts';
import { signNote } from '../../log/note.ts';
import type { SandboxLimits } from '../../ports.ts';
import { signDefinition, type VerifiedDefinition, verifyDefinition } from '../../workload/definition.ts';
import type { MeshNode } from '../node.ts';
import type { Party } from '../party.ts';
import type { Upkeep } from '../upkeep.ts';
import { type ChunkRecord, encodeRecord, receiptsOrigin } from './chunk-record.ts';
import { type ChunkFlow, ChunkRun } from './chunk-run.ts';

export type { JobInput } from './chunk-run.ts';

export const LARGEST_CHUNK_BYTES = 4 * 1024 * 1024;
const SMALLEST_CHUNK_BYTES = 64 * 1024;

export interface JobRequest extends ChunkFlow {
  name: string;
  originator: { name: string; key: SigningKey };
  sequence: number;
  module: Uint8Array;
  arguments: readonly string[];
  limits: SandboxLimits;
  /** Milliseconds until the definition is void. */
  lifeMs: number;
  /** Told what the job has become, before anything runs. */
  defined(definition: VerifiedDefinition): void;
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
}

/** Runs a job on the mesh. @throws OOTO_WORKLOAD_*, OOTO_MESH_*, OOTO_AUTHORITY_* and others. */
export async function runJob(node: MeshNode, upkeep: Upkeep, request: JobRequest): Promise<JobResult> {
  const definition = await define(node, request);
  request.defined(definition);
  const proofs = await logDefinition(node, upkeep, definition);
  const [scheduler] = await upkeep.find('scheduler');
  const encodedProofs = encode(proofs as unknown as CborValue);
  const submission = { envelope: definition.envelope, proofs: encodedProofs, module: request.module };
  const locate = async () => {
    await upkeep.look();
    return upkeep.membership.get(scheduler.id) ?? scheduler;
  };
  const run = new ChunkRun(node, scheduler, definition, submission, request, locate);
  const records = await run.all();
  const parties = await run.finish();
  const checkpoint = await cosignedCheckpoint(node, upkeep, definition, records);
  return { definition, proofs, records, parties, checkpoint };
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
  const { threshold } = node.trust.authority;
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
