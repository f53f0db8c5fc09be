/**
 * Assignments: the scheduler's word that one node shall run one chunk of one definition until a deadline. What
 * flows through here: the body is signed with the scheduler's message key under the label `assignment`; a node
 * reads it strictly and has it verified with the key of a scheduler it knows.
 */
import type { Crypto } from '../crypto/crypto.ts';
import { bytes, type Fields, object, text, uint } from '../envelope/fields.ts';
import type { SigningKey, VerificationKey } from '../envelope/keys.ts';
import {
  readStatement,
  signStatement,
  type UnverifiedStatement,
  verifyStatement,
} from '../envelope/statement.ts';
import { CHUNKS_MOST } from './definition.ts';

const shape = {
  /** The mesh id. */
  mesh: bytes(32),
  /** SPIFFE id of the scheduler that signs. */
  scheduler: text(2048),
  /** SPIFFE id of the node that shall run it. */
  node: text(2048),
  /** SHA-256 of the definition's envelope. */
  definition: bytes(32),
  chunk: uint(CHUNKS_MOST - 1),
  /** Counts from 1; a node never runs an attempt at a chunk that is not above the last it took. */
  attempt: uint(2 ** 31),
  /** Milliseconds since 1970 from which on the result is of no use. */
  deadline: uint(),
} as const;

export type Assignment = Fields<typeof shape>;

export interface VerifiedAssignment extends Assignment {
  /** SHA-256 of the signed statement. */
  digest: Uint8Array;
}

/** The message key of a node that is scheduler now; throws for every other. */
export type SchedulerTrust = (id: string) => VerificationKey;

const ASSIGNMENT_BYTES_MOST = 8 * 1024;

export function signAssignment(assignment: Assignment, key: SigningKey): Uint8Array {
  return signStatement('assignment', { ...assignment }, key);
}

/** @throws OOTO_ENVELOPE_* (peer), and what `trust` throws. */
export function verifyAssignment(
  crypto: Crypto,
  encoded: Uint8Array,
  trust: SchedulerTrust,
): VerifiedAssignment {
  const statement: UnverifiedStatement<Assignment> = readStatement('assignment', encoded, {
    body: object(shape),
    maxBytes: ASSIGNMENT_BYTES_MOST,
  });
  const assignment = verifyStatement(crypto, statement, trust(statement.unverified.scheduler));
  return { ...assignment, digest: crypto.sha256(encoded) };
}
