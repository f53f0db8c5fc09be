/** Certifications of identity keys: one from a live TPM, and what must not pass for one. */
import {
  type ExpectedCertification,
  verifyKeyCertification,
} from '../../../../src/attest/tpm/key-certification.ts';
import { pcrPolicy } from '../../../../src/attest/tpm/pcr.ts';
import { ATTRIBUTE, nameOf, readPublicArea } from '../../../../src/attest/tpm/public-area.ts';
import { sized } from '../../../../src/attest/tpm/wire.ts';
import { concat } from '../../../../src/base/bytes.ts';
import { unhex } from '../../../../src/base/hex.ts';
import { throwsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { IDENTITY, softwareKey, statementBy } from '../../../support/software-tpm.ts';
import { suite } from '../../../support/suite.ts';
import live from '../../../vectors/tpm-statements.json' with { type: 'json' };

const test = suite('TPM key certification');
const crypto = testCrypto();
const CERTIFY = 0x8017;

const policy = new Map([[7, new Uint8Array(32).fill(1)]]);
const attestation = softwareKey();
const identity = (attributes = IDENTITY, authPolicy = pcrPolicy(crypto, policy)) =>
  softwareKey({ attributes, policy: authPolicy });

function verify(key: ReturnType<typeof identity>, changes: Partial<ExpectedCertification> = {}, named = key) {
  const attested = concat(sized(nameOf(crypto, named.publicArea)), sized(new Uint8Array(34)));
  return verifyKeyCertification(crypto, statementBy(attestation, CERTIFY, attested, {}), {
    attestationKey: attestation.publicArea,
    identityKey: key.publicArea,
    qualifyingData: new Uint8Array(32).fill(7),
    policy,
    ...changes,
  });
}

test('a certification of a live TPM verifies, and its key signs', () => {
  const identityKey = readPublicArea(unhex(live.identityKey));
  const { attest, signature } = live.certification;
  verifyKeyCertification(
    crypto,
    { attest: unhex(attest), signature: unhex(signature) },
    {
      attestationKey: readPublicArea(unhex(live.attestationKey)),
      identityKey,
      qualifyingData: unhex(live.qualifyingData),
      policy: new Map(Object.entries(live.values).map(([i, value]) => [Number(i), unhex(value)])),
    },
  );
});

test('a crafted certification in order verifies', () => {
  verify(identity());
});

test('refused: a software key, or any other, under the certification of one in the TPM', () => {
  throwsCode(() => verify(identity(), {}, identity()), 'OOTO_ATTEST_TPM_NAME');
});

test('refused: a key bound to other registers, other values, or none', () => {
  const key = identity();
  for (const other of [new Map([[8, new Uint8Array(32).fill(1)]]), new Map([[7, new Uint8Array(32)]])])
    throwsCode(() => verify(key, { policy: other }), 'OOTO_ATTEST_TPM_POLICY');
  throwsCode(() => verify(identity(IDENTITY, new Uint8Array(0))), 'OOTO_ATTEST_TPM_POLICY');
});

test('refused: a key that leaves the TPM, was imported, or that a password opens', () => {
  for (const wanted of ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'sign'] as const)
    throwsCode(() => verify(identity(IDENTITY & ~ATTRIBUTE[wanted])), 'OOTO_ATTEST_TPM_ATTRIBUTES');
  for (const unwanted of ['decrypt', 'restricted', 'userWithAuth', 'stClear'] as const)
    throwsCode(() => verify(identity(IDENTITY | ATTRIBUTE[unwanted])), 'OOTO_ATTEST_TPM_ATTRIBUTES');
});

test('refused: a quote in place of a certification, another challenge, a rollback', () => {
  const key = identity();
  const attested = concat(sized(nameOf(crypto, key.publicArea)), sized(new Uint8Array(34)));
  const expected = {
    attestationKey: attestation.publicArea,
    identityKey: key.publicArea,
    qualifyingData: new Uint8Array(32).fill(7),
    policy,
    clock: { clock: 0n, resetCount: 5, restartCount: 2 },
  };
  const judge = (type: number, changes: Parameters<typeof statementBy>[3]) => () =>
    verifyKeyCertification(crypto, statementBy(attestation, type, attested, changes), expected);
  throwsCode(judge(0x8018, {}), 'OOTO_ATTEST_TPM_TYPE');
  throwsCode(judge(CERTIFY, { qualifyingData: new Uint8Array(32) }), 'OOTO_ATTEST_TPM_QUALIFYING');
  throwsCode(judge(CERTIFY, { resetCount: 4 }), 'OOTO_ATTEST_TPM_ROLLBACK');
});
