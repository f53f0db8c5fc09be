/**
 * Proof that a node contradicted itself. What flows through here: two statements of one node that cannot both
 * belong to one chain, each with the credential it was signed under; whoever can judge credentials can judge the
 * proof without asking anybody. Kept by collectors, shown to operators.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type CborValue, decode, encode } from '../envelope/cbor.ts';
import { fields, list, literal } from '../envelope/fields.ts';
import { type CredentialJudge, grantOf } from './credential.ts';
import type { RefusalCode } from './errors.ts';
import { MAX_TELEMETRY_CREDENTIAL_BYTES, readStatement, type Statement, statementBytes } from './frame.ts';

/** Two contradicting statements; each shows its credential. */
export type Contradiction = readonly [Statement, Statement];

const SCHEMA = 'ooto.telemetry-contradiction/1';
const MAX_CONTRADICTION_BYTES = 2 * (MAX_TELEMETRY_CREDENTIAL_BYTES + 8192);

/** A node signed two things that cannot both be true. */
export class ContradictionError extends OotoError {
  readonly evidence: Contradiction;

  constructor(code: RefusalCode, node: string, what: string, evidence: Contradiction) {
    super(code, 'peer', `telemetry of ${node}: ${what}`, {
      culprits: [node],
      hint: 'keep the evidence and show it to the operators; the node or whoever holds its key has to explain',
    });
    this.evidence = evidence;
  }
}

/** Whether no one chain can hold both statements. */
export function contradict(first: Statement, second: Statement): boolean {
  if (first.body.node !== second.body.node) return false;
  if (first.body.sequence === second.body.sequence)
    return !equal(statementBytes(first), statementBytes(second));
  return recordsOf(first) === recordsOf(second) && !equal(first.body.head, second.body.head);
}

/** Records in the chain after the statement. */
export function recordsOf({ kind, body }: Statement): number {
  return kind === 'link' ? body.before + body.count : body.records;
}

/**
 * Judges a proof on its own; returns the node that contradicted itself.
 * @throws OOTO_TELEMETRY_EVIDENCE (peer) when it shows nothing; OOTO_TELEMETRY_SIGNER, OOTO_CRYPTO_SIGNATURE (peer).
 */
export function verifyContradiction(crypto: Crypto, judge: CredentialJudge, evidence: Contradiction): string {
  for (const statement of evidence) {
    const { publicKey } = grantOf(crypto, judge, statement, undefined);
    crypto.ed25519.verify(publicKey, statementBytes(statement), statement.signature);
  }
  if (!contradict(...(evidence as [Statement, Statement])))
    throw new OotoError('OOTO_TELEMETRY_EVIDENCE', 'peer', 'these statements do not contradict each other');
  return evidence[0].body.node;
}

/** Canonical bytes. */
export function encodeContradiction(evidence: Contradiction): Uint8Array {
  const statements = evidence.map(({ kind, body, signature, credential }) => ({
    kind,
    body: { ...body },
    signature,
    ...(credential && { credential }),
  }));
  return encode({ schema: SCHEMA, statements } as unknown as CborValue);
}

/** Reads a proof strictly; {@link verifyContradiction} judges it. @throws OOTO_ENVELOPE_ errors (peer). */
export function decodeContradiction(bytes: Uint8Array): Contradiction {
  const { statements } = fields(
    decode(bytes, { maxBytes: MAX_CONTRADICTION_BYTES }),
    { schema: literal(SCHEMA), statements: list(readStatement, { min: 2, max: 2 }) },
    'evidence',
  );
  return [statements[0], statements[1]];
}
