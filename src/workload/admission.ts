/**
 * May this node run this chunk now? What flows through here: a definition, an assignment, the module and the
 * chunk come in; the one function of this file reads top to bottom as the list of what must hold. Only when all
 * of it does is there anything to run.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { meetsTier, type Tier } from '../cert/tier.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { SandboxLimits } from '../ports.ts';
import { type SchedulerTrust, type VerifiedAssignment, verifyAssignment } from './assignment.ts';
import {
  chunkLength,
  type OriginatorTrust,
  type VerifiedDefinition,
  verifyDefinition,
  type WorkloadDefinition,
} from './definition.ts';

/** Judgements that the mesh makes: each throws where it does not hold. */
export interface WorkloadTrust {
  /** The key of an originator who may define workloads now. */
  originatorKey: OriginatorTrust;
  /** The message key of a live member that is scheduler. */
  schedulerKey: SchedulerTrust;
  /** The definition has been logged; `proofs` travel beside it, in the mesh's own form. */
  requireLogged(definition: VerifiedDefinition, proofs: Uint8Array): void;
}

/** What the node is and has. */
export interface NodeSituation {
  mesh: Uint8Array;
  /** SPIFFE id. */
  node: string;
  tier: Tier;
  labels: readonly string[];
  /** Executions that ask for more are not taken. */
  most: SandboxLimits;
  /** Milliseconds since 1970. */
  now: number;
}

export interface Offer {
  envelope: Uint8Array;
  proofs: Uint8Array;
  assignment: Uint8Array;
  module: Uint8Array;
  chunk: Uint8Array;
}

export interface Admission {
  definition: VerifiedDefinition;
  assignment: VerifiedAssignment;
}

/** The node's own memory of what it has taken; throws for what is older. */
export interface AdmissionMemory {
  requireNotBehind(definition: VerifiedDefinition): void;
  requireNewAttempt(assignment: VerifiedAssignment): void;
}

/**
 * Judges an offer before anything of it runs.
 * @throws OOTO_WORKLOAD_EXPIRED, _SEQUENCE, _MESH, _NODE, _ASSIGNMENT, _REPLAY, _DEADLINE, _TIER, _LABELS,
 * _LIMITS, _MODULE, _CHUNK, and what the reading of definition and assignment throws, all (peer); and what
 * `trust` throws.
 */
export function admit(
  crypto: Crypto,
  offer: Offer,
  situation: NodeSituation,
  trust: WorkloadTrust,
  memory: AdmissionMemory,
): Admission {
  const definition = verifyDefinition(crypto, offer.envelope, trust.originatorKey);
  trust.requireLogged(definition, offer.proofs);
  requireCurrent(definition, situation.now);
  memory.requireNotBehind(definition);
  const assignment = verifyAssignment(crypto, offer.assignment, trust.schedulerKey);
  requireAddressedToUs(assignment, situation);
  requireOfDefinition(assignment, definition);
  requireInTime(assignment, situation.now);
  memory.requireNewAttempt(assignment);
  requireSuited(definition, situation);
  requireWithin(definition.limits, situation.most);
  requireModule(crypto, definition, offer.module);
  requireChunk(crypto, definition, assignment.chunk, offer.chunk);
  return { definition, assignment };
}

/**
 * Judges what runs, and again what has run: originator and scheduler are still who they were, and it is still time.
 * @throws OOTO_WORKLOAD_EXPIRED, OOTO_WORKLOAD_DEADLINE (peer), and what `trust` throws.
 */
export function requireStillAdmitted(
  { definition, assignment }: Admission,
  now: number,
  trust: Pick<WorkloadTrust, 'originatorKey' | 'schedulerKey'>,
): void {
  trust.originatorKey(definition.originator);
  trust.schedulerKey(assignment.scheduler);
  requireCurrent(definition, now);
  requireInTime(assignment, now);
}

/** @throws OOTO_WORKLOAD_EXPIRED (peer). */
export function requireCurrent({ expires }: WorkloadDefinition, now: number): void {
  if (now >= expires)
    throw refuse('OOTO_WORKLOAD_EXPIRED', `the definition expired at ${new Date(expires).toISOString()}`);
}

function requireAddressedToUs(assignment: VerifiedAssignment, { mesh, node }: NodeSituation): void {
  if (!equal(assignment.mesh, mesh)) throw refuse('OOTO_WORKLOAD_MESH', 'the assignment is of another mesh');
  if (assignment.node !== node) throw refuse('OOTO_WORKLOAD_NODE', 'the assignment is for another node');
}

function requireOfDefinition(assignment: VerifiedAssignment, definition: VerifiedDefinition): void {
  if (!equal(assignment.definition, definition.digest))
    throw refuse('OOTO_WORKLOAD_ASSIGNMENT', 'the assignment is for another definition');
  if (assignment.chunk >= definition.chunks.length)
    throw refuse('OOTO_WORKLOAD_ASSIGNMENT', 'the assignment is for a chunk that the input does not have');
}

function requireInTime({ deadline }: VerifiedAssignment, now: number): void {
  if (now >= deadline) throw refuse('OOTO_WORKLOAD_DEADLINE', 'the deadline of the assignment has passed');
}

function requireSuited({ requires }: VerifiedDefinition, { tier, labels }: NodeSituation): void {
  if (!meetsTier(tier, requires.tier))
    throw refuse(
      'OOTO_WORKLOAD_TIER',
      `the definition requires tier ${requires.tier}, this node has ${tier}`,
    );
  const missing = requires.labels.find((label) => !labels.includes(label));
  if (missing !== undefined)
    throw refuse('OOTO_WORKLOAD_LABELS', `the definition requires the label "${missing}"`);
}

function requireWithin(asked: SandboxLimits, most: SandboxLimits): void {
  if (
    asked.memoryBytes > most.memoryBytes ||
    asked.timeMs > most.timeMs ||
    asked.outputBytes > most.outputBytes
  )
    throw refuse('OOTO_WORKLOAD_LIMITS', 'the definition asks for more than this node gives');
}

/** @throws OOTO_WORKLOAD_MODULE (peer) when `module` is not the definition's. */
export function requireModule(crypto: Crypto, definition: WorkloadDefinition, module: Uint8Array): void {
  if (!equal(crypto.sha256(module), definition.module))
    throw refuse('OOTO_WORKLOAD_MODULE', 'the module is not the one of the definition');
}

/** @throws OOTO_WORKLOAD_CHUNK (peer) when `chunk` is not the definition's chunk `index`. */
export function requireChunk(
  crypto: Crypto,
  definition: WorkloadDefinition,
  index: number,
  chunk: Uint8Array,
): void {
  const expected = definition.chunks.at(index);
  const fits =
    Number.isSafeInteger(index) &&
    index >= 0 &&
    expected !== undefined &&
    chunk.length === chunkLength(definition, index) &&
    equal(crypto.sha256(chunk), expected);
  if (!fits) throw refuse('OOTO_WORKLOAD_CHUNK', `the chunk is not chunk ${index} of the definition`);
}

function refuse(code: string, message: string): OotoError {
  return new OotoError(code, 'peer', message);
}
