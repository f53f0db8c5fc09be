/**
 * Attacks on a worker. What flows through here: the attacker's folder holds a definition that its originator signed
 * and the authority logged, with its module and input, as any scheduler is given them; one thing is bent, or the
 * wrong one assigns it.
 */
import { join } from 'node:path';
import type { CborValue } from '../../envelope/cbor.ts';
import { decode, encode } from '../../envelope/cbor.ts';
import { type Fields, fields } from '../../envelope/fields.ts';
import { offerShape } from '../../mesh/jobs/executing.ts';
import { readFileLimited, writeFileAtomically } from '../../platform/node/files.ts';
import { signAssignment } from '../../workload/assignment.ts';
import { type Attacker, PATIENCE_MS, type Target } from './attacker.ts';

const { assignment: _, ...jobShape } = offerShape;
const JOB_BYTES = 16 * 1024 * 1024;
const DEADLINE_MS = 60_000;

/** A job as a scheduler holds it. */
export type Job = Fields<typeof jobShape>;

export async function writeJob(folder: string, job: Job): Promise<void> {
  await writeFileAtomically(jobFile(folder), encode({ ...job }));
}

/** The corrupt scheduler assigns a genuine job with one byte of the module changed. */
export async function sendAlteredModule(attacker: Attacker, target: Target): Promise<unknown> {
  const job = await readJob(attacker.folder);
  const module = job.module.slice();
  module[module.length - 1] ^= 1;
  return assign(attacker, target, { ...job, module });
}

/** A worker assigns a genuine job to another worker, in its own name. */
export async function assignWithoutBeingScheduler(attacker: Attacker, target: Target): Promise<unknown> {
  return assign(attacker, target, await readJob(attacker.folder));
}

async function assign(attacker: Attacker, target: Target, job: Job): Promise<CborValue> {
  const { crypto, node } = attacker.open;
  const { own, options } = node;
  const assignment = signAssignment(
    {
      mesh: attacker.meshId,
      scheduler: own.presentation.id,
      node: target.id,
      definition: crypto.sha256(job.envelope),
      chunk: 0,
      attempt: 1,
      deadline: options.clock.now() + DEADLINE_MS,
    },
    own.messageKey,
  );
  const session = await attacker.approach(target);
  return session.request('workload.execute', { ...job, assignment }, { timeoutMs: PATIENCE_MS });
}

async function readJob(folder: string): Promise<Job> {
  const encoded = await readFileLimited(jobFile(folder), JOB_BYTES);
  return fields(decode(encoded, { maxBytes: JOB_BYTES }), jobShape, 'job');
}

function jobFile(folder: string): string {
  return join(folder, 'job');
}
