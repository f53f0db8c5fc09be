/** The identity in a TPM: whoever opens it, and however many at once, it is one. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, encode } from '../../../../../src/envelope/cbor.ts';
import { openTpmIdentity } from '../../../../../src/platform/node/tpm/identity.ts';
import type { Tpm } from '../../../../../src/ports.ts';
import { bytes } from '../../../../support/assert.ts';
import { testCrypto } from '../../../../support/crypto.ts';
import { IDENTITY, softwareEndorsementKey, softwareKey } from '../../../../support/software-tpm.ts';
import { suite } from '../../../../support/suite.ts';

const test = suite('TPM identity');
const crypto = testCrypto();

function keyOf(attributes?: number) {
  const { publicArea } = softwareKey(attributes === undefined ? {} : { attributes });
  return { publicArea: publicArea.encoded, unique: new Uint8Array(32), registers: attributes ? [0, 7] : [] };
}

/** Makes another key each time that it is asked. */
const tpm = {
  endorsement: async () => ({ publicArea: softwareEndorsementKey().publicArea.encoded }),
  createAttestationKey: async () => keyOf(),
  createIdentityKey: async () => keyOf(IDENTITY),
  certify: async () => ({ attest: new Uint8Array(8), signature: new Uint8Array(8) }),
} as unknown as Tpm;

test('two that open it at once for the first time get the same keys, which later starts get too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ooto-tpm-identity-'));
  const open = () =>
    openTpmIdentity({
      ...{ tpm, codec: { encode, decode }, file: join(folder, 'tpm.keys'), registers: [0, 7] },
      sha256: (message) => crypto.sha256(message),
      certificationData: new Uint8Array(32),
    });
  try {
    const [first, second] = await Promise.all([open(), open()]);
    const later = await open();
    bytes(second.signer.publicKey, first.signer.publicKey);
    bytes(later.signer.publicKey, first.signer.publicKey);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
