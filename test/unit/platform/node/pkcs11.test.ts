/** A key in a PKCS#11 token, before SoftHSM: made, found again, signs; a wrong PIN, and an agent that dies. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { tierOfKey } from '../../../../src/attest/hardware-key.ts';
import { utf8 } from '../../../../src/base/bytes.ts';
import { decode, encode } from '../../../../src/envelope/cbor.ts';
import { tokenSigner } from '../../../../src/platform/node/pkcs11/signer.ts';
import { bytes, is, match, not, ok, rejectsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('PKCS#11 signer', { timeout: 60_000 });
const crypto = testCrypto();
const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const UTILITY = '/usr/bin/softhsm2-util';
const message = utf8('to be signed');

/** A token of its own; the module finds it by the environment of the agent. */
class SoftHsm {
  readonly folder = mkdtempSync(join(tmpdir(), 'ooto-softhsm-'));
  readonly #configuration = join(this.folder, 'softhsm2.conf');

  constructor(label = 'ooto') {
    mkdirSync(join(this.folder, 'tokens'));
    writeFileSync(this.#configuration, `directories.tokendir = ${join(this.folder, 'tokens')}\n`);
    this.initialise(label);
  }

  initialise(label: string): void {
    const words = ['--init-token', '--free', '--label', label, '--pin', '1234', '--so-pin', '5678'];
    execFileSync(UTILITY, words, {
      env: { ...process.env, SOFTHSM2_CONF: this.#configuration },
      stdio: 'ignore',
    });
  }

  signer(change: Partial<Parameters<typeof tokenSigner>[0]> = {}) {
    const program = ['/usr/bin/env', `SOFTHSM2_CONF=${this.#configuration}`];
    return tokenSigner({
      agent: [...program, process.execPath, resolve('build/cli.js'), 'pkcs11-agent'],
      codec: { encode, decode },
      sha256: (content) => crypto.sha256(content),
      ...{ module: MODULE, token: 'ooto', pin: '1234', key: 'identity' },
      ...change,
    });
  }
}

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
  if (!existsSync(MODULE) || !existsSync(UTILITY)) {
    test.unavailable(title, 'without softhsm2');
    return;
  }
  test(title, async () => {
    const token = new SoftHsm();
    try {
      await body(token);
    } finally {
      rmSync(token.folder, { recursive: true });
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
