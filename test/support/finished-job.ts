/** A finished job in an authority in memory: definition, log proofs, assignments, receipts, cosigned checkpoint. */
import type { LogProof } from '../../src/authority/credential.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import {
  formatCheckpoint,
  formatNote,
  formatWitnessRequest,
  parseNoteSignature,
} from '../../src/log/index.ts';
import { signNote } from '../../src/log/note.ts';
import { encodeRecord, receiptsOrigin } from '../../src/mesh/jobs/chunk-record.ts';
import type { JobResult } from '../../src/mesh/jobs/job.ts';
import { OwnCredentials } from '../../src/mesh/own-credential.ts';
import type { Party } from '../../src/mesh/party.ts';
import { signAssignment } from '../../src/workload/assignment.ts';
import { signDefinition, type VerifiedDefinition, verifyDefinition } from '../../src/workload/definition.ts';
import { signReceipt } from '../../src/workload/receipt.ts';
import type { AuthorityWorld } from './authority.ts';

interface Actor {
  own: OwnCredentials;
  party: Party;
}

/** A certified node with a message key of its own. */
async function actor(world: AuthorityWorld, role: string, name: string): Promise<Actor> {
  const { crypto, clock } = world;
  const { id, valid, credential, signer } = await world.certify(role, name);
  const own = await OwnCredentials.create(
    { crypto, clock, signer },
    {
      ...{ kind: 'member', id, credential, meshId: world.mesh.record.meshId },
      subject: valid.tbsSha256,
      notAfter: valid.notAfter,
    },
  );
  return { own, party: { id, credential, delegation: own.delegation } };
}

export async function finishedJob(world: AuthorityWorld, count = 3): Promise<JobResult> {
  const originator = await actor(world, 'originator', 'o1');
  const scheduler = await actor(world, 'scheduler', 's1');
  const workers = [await actor(world, 'worker', 'w1'), await actor(world, 'worker', 'w2')];
  const definition = define(world, count);
  const proofs: LogProof[] = [];
  for (const duty of world.duties.values())
    proofs.push(await duty.logDefinition(definition.digest, definition.originator));
  const records = definition.chunks.map((_, chunk) => {
    const place = chunk % workers.length;
    return {
      ...runChunk(world, definition, chunk, scheduler, workers[place]),
      scheduler: 1,
      worker: 2 + place,
    };
  });
  const parties = [originator, scheduler, ...workers].map(({ party }) => party);
  const checkpoint = await cosign(world, originator, definition, records.map(encodeRecord));
  return { definition, proofs, records, parties, checkpoint };
}

function define({ crypto, clock, originator }: AuthorityWorld, count: number): VerifiedDefinition {
  const chunkBytes = 64;
  const envelope = signDefinition(
    {
      ...{ name: 'job', originator: 'test', sequence: 1, expires: clock.now() + 3_600_000 },
      module: crypto.sha256(utf8('module')),
      input: { bytes: count * chunkBytes, chunkBytes },
      chunks: Array.from({ length: count }, (_, i) => crypto.sha256(utf8(`chunk ${i}`))),
      arguments: ['count'],
      limits: { memoryBytes: 2 ** 24, timeMs: 1_000, outputBytes: 1_000 },
      requires: { tier: 'software', labels: [] },
    },
    originator,
  );
  return verifyDefinition(crypto, envelope, () => originator.publicKey);
}

function runChunk(
  { crypto, clock, mesh }: AuthorityWorld,
  definition: VerifiedDefinition,
  chunk: number,
  scheduler: Actor,
  worker: Actor,
) {
  const now = clock.now();
  const { meshId } = mesh.record;
  const common = { mesh: meshId, node: worker.party.id, definition: definition.digest, chunk };
  const assignment = signAssignment(
    { ...common, scheduler: scheduler.party.id, attempt: 1, deadline: now + 60_000 },
    scheduler.own.messageKey,
  );
  const receipt = signReceipt(
    {
      ...common,
      assignment: crypto.sha256(assignment),
      attestation: crypto.sha256(utf8('evidence')),
      input: definition.chunks[chunk],
      output: crypto.sha256(concat(utf8('output'), Uint8Array.of(chunk))),
      ...{ outputBytes: 7, exitCode: 0, started: now, finished: now + 5 },
    },
    worker.own.messageKey,
  );
  return { assignment, receipt };
}

async function cosign(
  { crypto, duties, mesh }: AuthorityWorld,
  { own }: Actor,
  definition: VerifiedDefinition,
  leaves: Uint8Array[],
): Promise<string> {
  const origin = receiptsOrigin(mesh.record.meshId, 'originator/o1', definition.digest);
  const text = formatCheckpoint({ origin, size: leaves.length, root: crypto.merkle.root(leaves) });
  const signature = signNote(crypto, text, origin, own.messageKey);
  const note = formatNote({ text, signatures: [signature] });
  const request = formatWitnessRequest({ oldSize: 0, proof: [], note });
  const peer = { prefix: 'originator/o1/', publicKey: own.messageKey.publicKey };
  const lines = await Promise.all([...duties.values()].map((duty) => duty.witnessing.cosign(request, peer)));
  return formatNote({
    text,
    signatures: [signature, ...lines.map((line) => parseNoteSignature(line.trimEnd()))],
  });
}
