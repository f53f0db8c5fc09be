/** A key in a PKCS#11 token, before SoftHSM: made, found again, signs; a wrong PIN, and an agent that dies. */
import { build } from 'esbuild';
import { tierOfKey } from '../../../../src/attest/hardware-key.ts';
import { utf8 } from '../../../../src/base/bytes.ts';
import { bytes, is, match, not, ok, rejectsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { missingForTokens, SoftHsm } from '../../../support/softhsm.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('PKCS#11 signer', { timeout: 60_000 });
const crypto = testCrypto();
const message = utf8('to be signed');

test('the node’s side never loads ffi-rs', async () => {
  const options = {
    bundle: true,
    write: false,
    metafile: true,
    packages: 'external',
    platform: 'node',
  } as const;
  const entryPoints = ['src/platform/node/pkcs11/signer.ts'];
  const { metafile } = await build({ ...options, format: 'esm', entryPoints, outdir: 'out' });
  const packages = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  ok(!packages.includes('ffi-rs'));
});

function live(title: string, body: (token: SoftHsm) => Promise<void>): void {
  const missing = missingForTokens();
  if (missing !== undefined) {
    test.unavailable(title, missing);
    return;
  }
  test(title, async () => {
    const token = new SoftHsm();
    try {
      await body(token);
    } finally {
      token.remove();
    }
  });
}

live('a key is made once, found again, and signs', async (token) => {
  const first = await token.signer();
  const signatures = await Promise.all([1, 2, 3].map(() => first.sign(message)));
  for (const signature of signatures) crypto.p256.verify(first.publicKey, message, signature, 'p1363');
  first.close();
  const again = await token.signer();
  bytes(again.publicKey, first.publicKey);
  crypto.p256.verify(again.publicKey, message, await again.sign(message), 'p1363');
  const other = await token.signer({ key: 'another' });
  not.equal(other.publicKey, again.publicKey);
  again.close();
  other.close();
  const { tier, reasons } = tierOfKey(
    crypto,
    { key: { algorithm: 'p256', bytes: first.publicKey }, certificates: [] },
    [],
    Date.now(),
  );
  is(tier, 'software', 'whatever the token says of itself');
  match(reasons[0], /not attested/);
});

live('a wrong PIN, another token, a module that is none', async (token) => {
  await rejectsCode(token.signer({ pin: '0000' }), 'OOTO_PKCS11_PIN');
  await rejectsCode(token.signer({ token: 'other' }), 'OOTO_PKCS11_TOKEN');
  token.initialise('ooto');
  await rejectsCode(token.signer(), 'OOTO_PKCS11_TOKEN');
  await rejectsCode(token.signer({ module: '/nowhere.so' }), 'OOTO_PKCS11_MODULE');
  await rejectsCode(token.signer({ agent: ['/nowhere'] }), 'OOTO_PKCS11_AGENT');
});

live('an agent that hangs is given up in time; closed is closed', async (token) => {
  await rejectsCode(
    token.signer({ agent: ['/usr/bin/sleep', '60'], deadlineMs: 200 }),
    'OOTO_PKCS11_TIMEOUT',
  );
  const signer = await token.signer();
  signer.close();
  await rejectsCode(signer.sign(message), 'OOTO_PKCS11_CLOSED');
});
