/**
 * What a TPM contributes to evidence: a quote, the certification of the identity key, the values of the registers
 * and the firmware's event log, which travel together. What flows through here: a node puts them together; a
 * verifier reads them strictly, and proves every part from the attestation key, which an enrolment has bound to the
 * node: registers, qualifying data, clock, identity key, log.
 */
import { concat, equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { bytes, bytesBetween, type Fields, list, nullable, object, uint } from '../envelope/fields.ts';
import { label } from '../envelope/labels.ts';
import type { TpmClock } from './tpm/attestation-data.ts';
import { type EventLog, verifyEventLog } from './tpm/event-log.ts';
import { verifyKeyCertification } from './tpm/key-certification.ts';
import { type PcrValues, REGISTERS } from './tpm/pcr.ts';
import { readPublicArea } from './tpm/public-area.ts';
import { verifyQuote } from './tpm/quote.ts';

const MAX_STRUCTURE_BYTES = 1024;
/** Logs of machines are some tens of KiB; a longer one stays at home, and policy must do without it. */
export const MAX_SHOWN_LOG_BYTES = 128 * 1024;

/** What the firmware's log tells of; others are extended later, by the system and by programs. */
const FIRMWARE_REGISTERS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7];

const statementShape = object({
  attest: bytesBetween(1, MAX_STRUCTURE_BYTES),
  signature: bytesBetween(1, MAX_STRUCTURE_BYTES),
});

const tpmProofShape = {
  /** TPMT_PUBLIC. */
  attestationKey: bytesBetween(1, MAX_STRUCTURE_BYTES),
  /** TPMT_PUBLIC. */
  identityKey: bytesBetween(1, MAX_STRUCTURE_BYTES),
  /** TPM2_Certify of the identity key; see {@link certificationData}. */
  certification: statementShape,
  quote: statementShape,
  /** Of the SHA-256 bank, in ascending order. */
  values: list(object({ register: uint(REGISTERS - 1), value: bytes(32) }), { min: 1, max: REGISTERS }),
  /** The firmware's event log. */
  log: nullable(bytesBetween(1, MAX_SHOWN_LOG_BYTES)),
} as const;

export const readTpmProof = object(tpmProofShape);
export type TpmProof = Fields<typeof tpmProofShape>;

/** What a TPM is asked for. What its registers may hold is decided by the rules of appraisal. */
export interface TpmPolicy {
  /** A quote covers exactly these. */
  readonly registers: readonly number[];
  /** Those that bind the identity key; among `registers`. */
  readonly identityRegisters: readonly number[];
}

/** Whose TPM it must be. */
export interface ExpectedTpm {
  /** The key that the certificate names, or the request or draft: 65 bytes. */
  readonly identityKey: Uint8Array;
  /** SHA-256 of the TPMT_PUBLIC that credential activation has shown to be in the node's TPM. */
  readonly attestationKey: Uint8Array;
  /** The last that was seen of this TPM. */
  readonly clock?: TpmClock | undefined;
}

/** What a TPM has proven. */
export interface TpmFacts {
  readonly clock: TpmClock;
  readonly firmwareVersion: bigint;
  readonly values: PcrValues;
  readonly log: EventLog | undefined;
}

/** What certifications of identity keys are over; that of which key stands in them anyway. */
export function certificationData(crypto: Crypto): Uint8Array {
  return crypto.sha256(label('key-certification'));
}

/** SHA-256 of the quote: its name in reports. */
export function quoteDigest(crypto: Crypto, { quote }: TpmProof): Uint8Array {
  return crypto.sha256(concat(quote.attest, quote.signature));
}

/**
 * What this proof shows of the expected TPM.
 * @throws OOTO_ATTEST_TPM_KEY, _IDENTITY, _VALUES, OOTO_ATTEST_LOG_* and what quotes and certifications throw (peer).
 */
export function verifyTpmProof(
  crypto: Crypto,
  proof: TpmProof,
  {
    policy,
    expected,
    qualifyingData,
  }: { policy: TpmPolicy; expected: ExpectedTpm; qualifyingData: Uint8Array },
): TpmFacts {
  requireKey(crypto, proof.attestationKey, expected.attestationKey);
  const attestationKey = readPublicArea(proof.attestationKey);
  const values = valuesOf(proof, policy.registers);
  const { clock, firmwareVersion } = verifyQuote(crypto, proof.quote, {
    attestationKey,
    qualifyingData,
    clock: expected.clock,
    registers: policy.registers,
    values,
  });
  requireIdentity(crypto, proof, expected, { policy, values });
  const firmware = chosen(values, FIRMWARE_REGISTERS);
  const log = proof.log === null ? undefined : verifyEventLog(crypto, proof.log, firmware);
  return { clock, firmwareVersion, values, log };
}

function requireIdentity(
  crypto: Crypto,
  proof: TpmProof,
  expected: ExpectedTpm,
  { policy, values }: { policy: TpmPolicy; values: PcrValues },
): void {
  const identityKey = readPublicArea(proof.identityKey);
  verifyKeyCertification(crypto, proof.certification, {
    attestationKey: readPublicArea(proof.attestationKey),
    identityKey,
    qualifyingData: certificationData(crypto),
    policy: chosen(values, policy.identityRegisters),
  });
  if (!equal(identityKey.key, expected.identityKey))
    throw refuse('IDENTITY', 'the TPM certifies another key than the identity key of the node');
}

function requireKey(crypto: Crypto, found: Uint8Array, expected: Uint8Array): void {
  if (!equal(crypto.sha256(found), expected))
    throw refuse('KEY', 'the attestation key is not the one that this node enrolled with');
}

/** Of the registers that the quote covers, and no others: nothing would prove those. */
function valuesOf({ values }: TpmProof, registers: readonly number[]): PcrValues {
  if (values.some(({ register }, i) => i > 0 && register <= values[i - 1].register))
    throw refuse('FORM', 'the values of the registers are not in ascending order');
  if (values.some(({ register }) => !registers.includes(register)))
    throw refuse('VALUES', 'there are values of registers that the quote does not cover');
  return new Map(values.map(({ register, value }) => [register, value]));
}

function chosen(values: PcrValues, registers: readonly number[]): PcrValues {
  return new Map([...values].filter(([register]) => registers.includes(register)));
}

function refuse(what: string, message: string): OotoError {
  return new OotoError(`OOTO_ATTEST_TPM_${what}`, 'peer', message);
}
