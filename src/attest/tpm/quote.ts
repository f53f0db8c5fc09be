/**
 * TPM2_Quote: which values the registers held, judged by who has to rely on it. What flows through here: a signed
 * statement, the registers that policy wants, and the values that the node claims or its event log gives; the
 * statement must cover exactly these registers of the SHA-256 bank, and its digest be that of the values.
 */
import { equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import {
  ATTEST,
  type Attested,
  type ExpectedAttest,
  type SignedAttest,
  verifyAttest,
} from './attestation-data.ts';
import { ascending, type PcrBank, type PcrValues, pcrDigest, readSelection } from './pcr.ts';
import { ALG, readSized } from './wire.ts';

const MAX_DIGEST_BYTES = 64;

export interface ExpectedQuote extends ExpectedAttest {
  /** The registers that policy wants, in any order. */
  readonly registers: readonly number[];
  /** What they are said to hold: proven once this returns. Of others that stand there nothing is. */
  readonly values: PcrValues;
}

/** What a quote proves, besides the values. */
export type Quote = Omit<Attested<unknown>, 'attested'>;

/**
 * Verifies a quote over exactly these registers, with exactly these values.
 * @throws OOTO_ATTEST_TPM_BANK, _SELECTION, _VALUES (peer), and what `verifyAttest` throws; OOTO_ATTEST_TPM_REGISTERS
 * (caller) for registers that do not exist.
 */
export function verifyQuote(crypto: Crypto, quote: SignedAttest, expected: ExpectedQuote): Quote {
  const registers = ascending(expected.registers);
  const { clock, firmwareVersion, attested } = verifyAttest(
    crypto,
    quote,
    ATTEST.quote,
    expected,
    (reader) => ({
      banks: readSelection(reader),
      digest: readSized(reader, MAX_DIGEST_BYTES),
    }),
  );
  requireSelection(attested.banks, registers);
  requireValues(crypto, attested.digest, registers, expected.values);
  return { clock, firmwareVersion };
}

function requireSelection(banks: readonly PcrBank[], registers: readonly number[]): void {
  if (banks.some(({ hash }) => hash !== ALG.sha256))
    throw refuse('BANK', 'the quote covers another bank than that of SHA-256');
  const [bank] = banks;
  const same = banks.length === 1 && bank.registers.join() === registers.join();
  if (!same) throw refuse('SELECTION', `the quote covers other registers than ${registers.join(', ')}`);
}

function requireValues(
  crypto: Crypto,
  digest: Uint8Array,
  registers: readonly number[],
  values: PcrValues,
): void {
  const chosen = new Map<number, Uint8Array>();
  for (const i of registers) {
    const value = values.get(i);
    if (value?.length !== 32) throw refuse('VALUES', `there is no value for register ${i}`);
    chosen.set(i, value);
  }
  if (!equal(digest, pcrDigest(crypto, chosen)))
    throw refuse('VALUES', 'the registers held other values when they were quoted');
}

function refuse(what: string, message: string): OotoError {
  return new OotoError(`OOTO_ATTEST_TPM_${what}`, 'peer', message);
}
