/** Endorsement certificates as a TPM’s maker writes them: swtpm and its authority, read through the agent. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { requireEndorsement } from '../../../../../src/attest/tpm/endorsement.ts';
import { unpadded } from '../../../../../src/attest/tpm/endorsement-certificate.ts';
import { type PublicArea, readPublicArea } from '../../../../../src/attest/tpm/public-area.ts';
import { is, match, throwsCode } from '../../../../support/assert.ts';
import { testCrypto } from '../../../../support/crypto.ts';
import { suite } from '../../../../support/suite.ts';
import { missingForTpm, Swtpm } from '../../../../support/swtpm.ts';
import { bent, unpem } from '../../../../support/vendor.ts';

const test = suite('endorsement by a maker of TPMs', { timeout: 60_000 });
const crypto = testCrypto();
const missing = missingForTpm();

interface Made {
  key: PublicArea;
  own: Uint8Array;
  issuer: Uint8Array;
  root: Uint8Array;
}

/** A TPM of its own with its own maker. */
async function made(): Promise<Made> {
  const swtpm = await Swtpm.start({ certificates: true });
  const tpm = swtpm.client();
  try {
    const { publicArea, certificate } = await tpm.endorsement();
    const read = (name: string) => unpem(readFileSync(join(swtpm.folder, 'ca', name), 'utf8'));
    return {
      key: readPublicArea(publicArea),
      own: certificate as Uint8Array,
      issuer: read('issuer.pem'),
      root: read('swtpm-localca-rootca-cert.pem'),
    };
  } finally {
    await tpm.close();
    await swtpm.remove();
  }
}

function judge({ key, own, issuer, root }: Made) {
  const certificates = [own, issuer];
  return requireEndorsement(crypto, { key, certificates }, { fingerprints: [], roots: [root] }, Date.now());
}
const refused = (shown: Made) => throwsCode(() => judge(shown), 'OOTO_ATTEST_TPM_ENDORSEMENT');

if (missing !== undefined) test.unavailable('certificates of a live TPM', missing);
else
  test('a live TPM’s certificate leads to its maker’s root, and to no other; no bit of it can be changed', async () => {
    const [mine, other] = [await made(), await made()];
    const { basis, maker, reasons } = judge(mine);
    is(basis, 'certified');
    is(maker?.model, 'swtpm');
    match(reasons[1], /2 signatures/);
    refused({ ...mine, root: other.root });
    refused({ ...mine, issuer: other.issuer });
    // Both makers number from the same start: serial numbers and names are equal, the keys are not.
    refused({ ...mine, own: other.own });
    refused({ ...mine, key: other.key });
    const whole = unpadded(mine.own).length;
    fc.assert(
      fc.property(fc.nat(whole - 1), fc.nat(7), (place, bit) => {
        refused({ ...mine, own: bent(mine.own, place, bit) });
        refused({ ...mine, issuer: bent(mine.issuer, place, bit) });
      }),
      { numRuns: 100 },
    );
  });
