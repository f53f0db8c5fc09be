/** tpm2-tools on the other side: credentials that they make open here. The other directions are in agent.test.ts. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nameOf, readPublicArea } from '../../../../../src/attest/tpm/public-area.ts';
import { sized } from '../../../../../src/attest/tpm/wire.ts';
import { hex } from '../../../../../src/base/hex.ts';
import { ByteReader } from '../../../../../src/base/reader.ts';
import { bytes, is, rejectsCode } from '../../../../support/assert.ts';
import { testCrypto } from '../../../../support/crypto.ts';
import { suite } from '../../../../support/suite.ts';
import { missingForTpm, Swtpm } from '../../../../support/swtpm.ts';

const test = suite('TPM interoperation', { timeout: 60_000 });
const crypto = testCrypto();
const missing = missingForTpm();

/** The file of tpm2_makecredential: a magic number, a version, TPM2B_ID_OBJECT, TPM2B_ENCRYPTED_SECRET. */
function readCredential(file: Uint8Array) {
  const reader = new ByteReader(file);
  is(reader.u32(), 0xbadcc0de);
  is(reader.u32(), 1);
  const [credential, encryptedSeed] = [reader.bytes(reader.u16()), reader.bytes(reader.u16())];
  reader.end();
  return { credential, encryptedSeed };
}

for (const certificates of [false, true]) {
  const title = `a credential of tpm2_makecredential opens here, ${certificates ? 'RSA' : 'P-256'}`;
  if (missing !== undefined) test.unavailable(title, missing);
  else
    test(title, async () => {
      const swtpm = await Swtpm.start({ certificates });
      const tpm = swtpm.client();
      const at = (name: string) => join(swtpm.folder, name);
      try {
        const { publicArea } = await tpm.endorsement();
        const algorithm = certificates ? 'rsa2048' : 'p256';
        is(readPublicArea(publicArea).algorithm, algorithm);
        const [named, other] = [await tpm.createAttestationKey(), await tpm.createAttestationKey()];
        const secret = crypto.random.bytes(32);
        writeFileSync(at('ek'), sized(publicArea));
        writeFileSync(at('secret'), secret);
        const name = hex(nameOf(crypto, readPublicArea(named.publicArea)));
        const words = ['-T', 'none', '-u', 'ek', '-s', 'secret', '-n', name, '-o', 'credential'];
        await swtpm.tools('tpm2_makecredential', ...words);
        const sealed = {
          algorithm,
          ...readCredential(new Uint8Array(readFileSync(at('credential')))),
        } as const;
        bytes(await tpm.activateCredential(named, sealed), secret);
        await rejectsCode(tpm.activateCredential(other, sealed), 'OOTO_TPM_CREDENTIAL');
      } finally {
        await tpm.close();
        await swtpm.remove();
      }
    });
}
