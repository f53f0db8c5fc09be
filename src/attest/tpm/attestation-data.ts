/**
 * TPMS_ATTEST and TPMT_SIGNATURE: what a TPM says of itself and signs (TPM 2.0 Library, part 2 section 10.12). What
 * flows through here: the signature is verified before anything is read; then magic, type, signer and qualifying
 * data must be the expected ones; what is particular to a quote or a certification is left to its own file.
 */
import { concat, equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import type { ByteReader } from '../../base/reader.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { endorsementQualifiedName, type PublicArea, padded, requireAttestationKey } from './public-area.ts';
import { ALG, malformed, readSized, readStructure } from './wire.ts';

/** TPM_GENERATED_VALUE: a restricted key signs nothing from outside that begins so. */
const MAGIC = 0xff544347;
/** TPM_ST (part 2 section 6.9). */
export const ATTEST = { certify: 0x8017, quote: 0x8018 } as const;
const MAX_NAME_BYTES = 66;
const MAX_DATA_BYTES = 64;
const NUMBER_BYTES = 32;

/** TPMS_CLOCK_INFO: how often this TPM has started, and how long it has run. */
export interface TpmClock {
  /** Milliseconds that it was powered, in all. */
  readonly clock: bigint;
  /** Starts since it was last cleared. */
  readonly resetCount: number;
  /** Resumptions since the last start. */
  readonly restartCount: number;
}

export interface Attested<T> {
  readonly clock: TpmClock;
  readonly firmwareVersion: bigint;
  readonly attested: T;
}

/** A statement of a TPM, with the signature of its attestation key. */
export interface SignedAttest {
  /** TPMS_ATTEST. */
  readonly attest: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
}

export interface ExpectedAttest {
  /** Shown by credential activation to be in the TPM of this node. */
  readonly attestationKey: PublicArea;
  readonly qualifyingData: Uint8Array;
  /** The last that was seen of this TPM. */
  readonly clock?: TpmClock | undefined;
}

/**
 * Verifies a statement of this type; `read` takes what is particular to it.
 * @throws OOTO_ATTEST_TPM_ATTRIBUTES, _ALGORITHM, _FORM, _SIGNATURE, _MAGIC, _TYPE, _SIGNER, _QUALIFYING, _ROLLBACK (peer).
 */
export function verifyAttest<T>(
  crypto: Crypto,
  { attest, signature }: SignedAttest,
  type: number,
  expected: ExpectedAttest,
  read: (reader: ByteReader) => T,
): Attested<T> {
  const { attestationKey } = expected;
  requireAttestationKey(crypto, attestationKey);
  requireSignature(crypto, attestationKey, attest, readSignature(signature));
  return readStructure(attest, 'TPMS_ATTEST', (reader) => {
    requireMagic(reader.u32());
    requireType(reader.u16(), type);
    requireSigner(readSized(reader, MAX_NAME_BYTES), endorsementQualifiedName(crypto, attestationKey));
    requireQualifyingData(readSized(reader, MAX_DATA_BYTES), expected.qualifyingData);
    const clock = readClock(reader);
    if (expected.clock) requireLater(clock, expected.clock);
    return { clock, firmwareVersion: reader.u64(), attested: read(reader) };
  });
}

/** r ‖ s, 64 bytes. @throws OOTO_ATTEST_TPM_FORM (peer) for anything but ECDSA with SHA-256. */
export function readSignature(encoded: Uint8Array): Uint8Array {
  return readStructure(encoded, 'TPMT_SIGNATURE', (reader) => {
    if (reader.u16() !== ALG.ecdsa || reader.u16() !== ALG.sha256)
      throw malformed('a signature other than ECDSA with SHA-256');
    const [r, s] = [readSized(reader, NUMBER_BYTES), readSized(reader, NUMBER_BYTES)];
    return concat(padded(r, NUMBER_BYTES), padded(s, NUMBER_BYTES));
  });
}

function readClock(reader: ByteReader): TpmClock {
  const clock = { clock: reader.u64(), resetCount: reader.u32(), restartCount: reader.u32() };
  if (reader.u8() > 1) throw malformed('a flag that is neither yes nor no');
  return clock;
}

function requireSignature(
  crypto: Crypto,
  { key }: PublicArea,
  attest: Uint8Array,
  signature: Uint8Array,
): void {
  try {
    crypto.p256.verify(key, attest, signature, 'p1363');
  } catch (cause) {
    throw refuse('SIGNATURE', 'the statement is not signed by the attestation key', cause);
  }
}

function requireMagic(magic: number): void {
  if (magic !== MAGIC) throw refuse('MAGIC', 'the statement was not made by a TPM');
}

function requireType(type: number, expected: number): void {
  if (type !== expected) throw refuse('TYPE', `a statement of type 0x${type.toString(16)}`);
}

/** Elsewhere than in the endorsement hierarchy a TPM hides how often it was started. */
function requireSigner(signer: Uint8Array, expected: Uint8Array): void {
  if (!equal(signer, expected))
    throw refuse('SIGNER', 'the signer is no primary key of the endorsement hierarchy, or another key');
}

function requireQualifyingData(found: Uint8Array, expected: Uint8Array): void {
  if (!equal(found, expected)) throw refuse('QUALIFYING', 'the statement answers another challenge');
}

/** A TPM's counts never fall, and between two starts its clock runs on. */
function requireLater(clock: TpmClock, last: TpmClock): void {
  const starts = clock.resetCount - last.resetCount;
  const resumptions = clock.restartCount - last.restartCount;
  const fell = starts < 0 || (starts === 0 && resumptions < 0);
  const ranBack = starts === 0 && resumptions === 0 && clock.clock < last.clock;
  if (fell || ranBack) throw refuse('ROLLBACK', 'the TPM has been seen later than this statement was made');
}

function refuse(what: string, message: string, cause?: unknown): OotoError {
  return new OotoError(`OOTO_ATTEST_TPM_${what}`, 'peer', message, { cause });
}
