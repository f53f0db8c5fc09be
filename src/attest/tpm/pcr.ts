/**
 * Platform configuration registers: which of them (TPML_PCR_SELECTION), and what they hold together. What flows
 * through here: register numbers and their SHA-256 values become the selection, the digest that a quote carries,
 * and the digest of a policy that opens a key only while they hold these values.
 */
import { concat, u16be, u32be } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import type { ByteReader } from '../../base/reader.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { ALG, malformed } from './wire.ts';

/** SHA-256 values by register number. */
export type PcrValues = ReadonlyMap<number, Uint8Array>;

export interface PcrBank {
  /** TPM_ALG_ID. */
  readonly hash: number;
  /** Register numbers, ascending. */
  readonly registers: readonly number[];
}

export const REGISTERS = 24;
const SELECT_BYTES = REGISTERS / 8;
const MAX_BANKS = 16;
const DIGEST_BYTES = 32;
const CC_POLICY_PCR = 0x17f;

/** The banks of a TPML_PCR_SELECTION, as they stand. @throws OOTO_ATTEST_TPM_FORM (peer). */
export function readSelection(reader: ByteReader): PcrBank[] {
  const count = reader.u32();
  if (count > MAX_BANKS) throw malformed(`a selection of ${count} banks`);
  return Array.from({ length: count }, () => {
    const hash = reader.u16();
    if (reader.u8() !== SELECT_BYTES) throw malformed(`a selection of other than ${REGISTERS} registers`);
    const bits = reader.bytes(SELECT_BYTES);
    const registers = Array.from({ length: REGISTERS }, (_, i) => i);
    return { hash, registers: registers.filter((i) => (bits[i >> 3] & (1 << (i & 7))) !== 0) };
  });
}

/**
 * TPML_PCR_SELECTION of these registers of the SHA-256 bank.
 * @throws OOTO_ATTEST_TPM_REGISTERS (caller) for none, one twice, or one that does not exist.
 */
export function encodeSelection(registers: readonly number[]): Uint8Array {
  const bits = new Uint8Array(SELECT_BYTES);
  for (const i of ascending(registers)) bits[i >> 3] |= 1 << (i & 7);
  return concat(u32be(1), u16be(ALG.sha256), Uint8Array.of(SELECT_BYTES), bits);
}

/** The registers in ascending order. @throws OOTO_ATTEST_TPM_REGISTERS (caller) as {@link encodeSelection}. */
export function ascending(registers: readonly number[]): number[] {
  const sorted = [...registers].sort((a, b) => a - b);
  const exist = sorted.every((i) => Number.isInteger(i) && i >= 0 && i < REGISTERS);
  if (!exist || sorted.length === 0 || new Set(sorted).size !== sorted.length)
    throw new OotoError(
      'OOTO_ATTEST_TPM_REGISTERS',
      'caller',
      'registers are 0 to 23, at least one, each once',
    );
  return sorted;
}

/**
 * SHA-256 over the values, in ascending order of their registers: `pcrDigest` of a quote.
 * @throws OOTO_ATTEST_TPM_REGISTERS (caller) for registers as above, or values that are not 32 bytes.
 */
export function pcrDigest(crypto: Crypto, values: PcrValues): Uint8Array {
  const ordered = ascending([...values.keys()]).map((i) => values.get(i) as Uint8Array);
  if (ordered.some(({ length }) => length !== DIGEST_BYTES))
    throw new OotoError('OOTO_ATTEST_TPM_REGISTERS', 'caller', 'values of the SHA-256 bank are 32 bytes');
  return crypto.sha256(concat(...ordered));
}

/** The policy of a key that is usable only while the registers hold these values: TPM2_PolicyPCR alone (part 3). */
export function pcrPolicy(crypto: Crypto, values: PcrValues): Uint8Array {
  const selection = encodeSelection([...values.keys()]);
  const start = new Uint8Array(DIGEST_BYTES);
  return crypto.sha256(concat(start, u32be(CC_POLICY_PCR), selection, pcrDigest(crypto, values)));
}
