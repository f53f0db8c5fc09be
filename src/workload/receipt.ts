/**
 * Receipts: a node's word on what it ran and what came out. What flows through here: after an execution the node
 * signs, with its message key under the label `receipt`, what binds definition, assignment, node, attestation,
 * input and output; whoever relies on the output has the receipt verified and held against what was asked.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
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
  /** SPIFFE id of the node that ran it. */
  node: text(2048),
  /** SHA-256 of the definition's envelope. */
  definition: bytes(32),
  /** SHA-256 of the assignment. */
  assignment: bytes(32),
  /** SHA-256 of the node's attestation evidence in force when it ran. */
  attestation: bytes(32),
  chunk: uint(CHUNKS_MOST - 1),
  /** SHA-256 of the chunk. */
  input: bytes(32),
  /** SHA-256 of what the module wrote to standard output. */
  output: bytes(32),
  outputBytes: uint(),
  exitCode: uint(0xffff_ffff),
  /** Milliseconds since 1970, by the node's clock. */
  started: uint(),
  finished: uint(),
} as const;

export type Receipt = Fields<typeof shape>;

/** What a receipt must speak of. */
export interface ReceiptExpectation {
  mesh: Uint8Array;
  node: string;
  definition: Uint8Array;
  assignment: Uint8Array;
  chunk: number;
  /** SHA-256 of the chunk, from the definition. */
  input: Uint8Array;
  /** Left out by a third party that has the receipt and not the output: then the receipt says what it was. */
  output?: Uint8Array;
}

export const RECEIPT_BYTES_MOST = 8 * 1024;

export function signReceipt(receipt: Receipt, key: SigningKey): Uint8Array {
  return signStatement('receipt', { ...receipt }, key);
}

/**
 * The receipt in `encoded`, unverified: for finding the node's key, or for showing it.
 * @throws OOTO_ENVELOPE_* (peer).
 */
export function readReceipt(encoded: Uint8Array): UnverifiedStatement<Receipt> {
  return readStatement('receipt', encoded, { body: object(shape), maxBytes: RECEIPT_BYTES_MOST });
}

/**
 * Judges a receipt: the node signed it, and it speaks of this mesh, this node, this assignment, this input and
 * this very output.
 * @throws OOTO_WORKLOAD_RECEIPT, OOTO_WORKLOAD_OUTPUT, OOTO_ENVELOPE_* (peer).
 */
export function verifyReceipt(
  crypto: Crypto,
  encoded: Uint8Array,
  key: VerificationKey,
  expected: ReceiptExpectation,
): Receipt {
  const receipt = verifyStatement(crypto, readReceipt(encoded), key);
  insist(equal(receipt.mesh, expected.mesh), 'another mesh');
  insist(receipt.node === expected.node, 'another node');
  insist(equal(receipt.definition, expected.definition), 'another definition');
  insist(equal(receipt.assignment, expected.assignment), 'another assignment');
  insist(receipt.chunk === expected.chunk && equal(receipt.input, expected.input), 'another input');
  insist(receipt.started <= receipt.finished, 'a run that ended before it began');
  if (expected.output) requireOutput(crypto, receipt, expected.output);
  return receipt;
}

/** @throws OOTO_WORKLOAD_OUTPUT (peer) unless the receipt is for this very output. */
export function requireOutput(crypto: Crypto, receipt: Receipt, output: Uint8Array): void {
  if (receipt.outputBytes !== output.length || !equal(receipt.output, crypto.sha256(output)))
    throw new OotoError('OOTO_WORKLOAD_OUTPUT', 'peer', 'the output is not the one of the receipt');
}

function insist(holds: boolean, what: string): void {
  if (!holds) throw new OotoError('OOTO_WORKLOAD_RECEIPT', 'peer', `the receipt speaks of ${what}`);
}
