/**
 * TPM2_Certify: that an identity key is in the same TPM as the attestation key. What flows through here: the public
 * area of the key, the statement of the TPM that it holds a key of this very name, and the values of the registers
 * that the key must be bound to; the name covers algorithm, attributes and policy.
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
import { type PcrValues, pcrPolicy } from './pcr.ts';
import { nameOf, type PublicArea, requireIdentityKey } from './public-area.ts';
import { readSized } from './wire.ts';

const MAX_NAME_BYTES = 66;

export interface ExpectedCertification extends ExpectedAttest {
  readonly identityKey: PublicArea;
  /** The registers that the key's policy names, with the values that open it. */
  readonly policy: PcrValues;
}

/**
 * Verifies that the TPM holds `identityKey`, which nothing but its policy opens.
 * @throws OOTO_ATTEST_TPM_NAME, _POLICY (peer), and what `requireIdentityKey` and `verifyAttest` throw.
 */
export function verifyKeyCertification(
  crypto: Crypto,
  certification: SignedAttest,
  expected: ExpectedCertification,
): Omit<Attested<unknown>, 'attested'> {
  const { identityKey, policy } = expected;
  requireIdentityKey(crypto, identityKey);
  if (!equal(identityKey.authPolicy, pcrPolicy(crypto, policy)))
    throw refuse('POLICY', 'the key is not bound to these registers and values');
  const { clock, firmwareVersion, attested } = verifyAttest(
    crypto,
    certification,
    ATTEST.certify,
    expected,
    (reader) => ({
      name: readSized(reader, MAX_NAME_BYTES),
      qualifiedName: readSized(reader, MAX_NAME_BYTES),
    }),
  );
  if (!equal(attested.name, nameOf(crypto, identityKey)))
    throw refuse('NAME', 'the TPM has certified another key');
  return { clock, firmwareVersion };
}

function refuse(what: string, message: string): OotoError {
  return new OotoError(`OOTO_ATTEST_TPM_${what}`, 'peer', message);
}
