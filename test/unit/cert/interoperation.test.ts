import 'reflect-metadata';

import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as peculiar from '@peculiar/x509';
import * as pkijs from 'pkijs';
import { pemEncode } from '../../../src/base/pem.ts';
import { TIERS } from '../../../src/cert/tier.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { ID, issue, leafRequest, NOW, p256Key, rootRequest, TRUST_DOMAIN } from './chain.ts';

const test = suite('cert/interoperation', { timeout: 30_000 });
const folder = mkdtempSync(join(tmpdir(), 'ooto-cert-'));
test.after(() => rmSync(folder, { recursive: true }));

function pemFile(name: string, der: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, pemEncode([{ label: 'CERTIFICATE', bytes: der }]));
  return path;
}

function openssl(...parameters: string[]): string {
  return execFileSync('openssl', parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function opensslVerify(root: string, leaf: string, ...more: string[]): string {
  const at = String(NOW / 1000);
  return openssl('verify', '-x509_strict', '-check_ss_sig', '-attime', at, ...more, '-CAfile', root, leaf);
}

/** These libraries take whole buffers only. */
function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer as ArrayBuffer;
}

const subjects = [
  ['ed25519', leafRequest.publicKey],
  ['p256', p256Key()],
] as const;

test('openssl verify -x509_strict accepts root and leaves of each algorithm and tier', async () => {
  const root = pemFile('root.pem', await issue(rootRequest));
  assert.match(opensslVerify(root, root), /: OK\n$/);
  for (const [name, publicKey] of subjects)
    for (const tier of TIERS) {
      const leaf = pemFile(`leaf-${name}-${tier}.pem`, await issue({ ...leafRequest, publicKey, tier }));
      for (const purpose of ['sslserver', 'sslclient'])
        assert.match(opensslVerify(root, leaf, '-purpose', purpose), /: OK\n$/);
    }
});

test('openssl refuses what another group key signed', async () => {
  const root = pemFile('root.pem', await issue(rootRequest));
  const forged = pemFile('forged.pem', await issue(leafRequest, new Uint8Array(32).fill(99)));
  assert.throws(() => opensslVerify(root, forged), /certificate signature failure/);
});

test('openssl x509 -text shows the profile', async () => {
  const leaf = openssl('x509', '-noout', '-text', '-in', pemFile('leaf.pem', await issue(leafRequest)));
  for (const line of [
    /Version: 3/,
    /Signature Algorithm: ED25519/,
    new RegExp(`Issuer: CN = ${TRUST_DOMAIN}`),
    /Subject: \n/,
    /X509v3 Key Usage: critical\n\s+Digital Signature\n/,
    /X509v3 Basic Constraints: critical\n\s+CA:FALSE\n/,
    /TLS Web Server Authentication, TLS Web Client Authentication/,
    new RegExp(`X509v3 Subject Alternative Name: critical\\n\\s+URI:${ID}\\n`),
    /2\.25\.309659983772821716828549614562354715975\.1: \n\s+\.\.software/,
  ])
    assert.match(leaf, line);
  const root = openssl('x509', '-noout', '-text', '-in', pemFile('root.pem', await issue(rootRequest)));
  assert.match(root, /CA:TRUE, pathlen:0/);
  assert.match(root, /X509v3 Key Usage: critical\n\s+Certificate Sign\n/);
});

test('node:crypto reads and verifies root and leaves', async () => {
  const root = new X509Certificate(await issue(rootRequest));
  assert.ok(root.ca && root.verify(root.publicKey));
  for (const [, publicKey] of subjects) {
    const leaf = new X509Certificate(await issue({ ...leafRequest, publicKey }));
    assert.ok(!leaf.ca && leaf.verify(root.publicKey) && leaf.checkIssued(root));
    assert.is(leaf.subjectAltName, `URI:${ID}`);
    const spki = leaf.publicKey.export({ type: 'spki', format: 'der' });
    assert.bytes(new Uint8Array(spki.subarray(-publicKey.bytes.length)), publicKey.bytes);
  }
});

test('times after 2049 are written as GeneralizedTime, and read alike everywhere', async () => {
  const notAfter = Date.UTC(2051, 5, 1);
  const root = pemFile('root.pem', await issue({ ...rootRequest, notAfter }));
  assert.match(openssl('x509', '-noout', '-enddate', '-in', root), /Jun {2}1 00:00:00 2051 GMT/);
  assert.match(opensslVerify(root, root), /: OK\n$/);
});

test('@peculiar/x509 and pkijs read and verify them', async () => {
  peculiar.cryptoProvider.set(globalThis.crypto as Crypto);
  const root = new peculiar.X509Certificate(bufferOf(await issue(rootRequest)));
  assert.ok(await root.verify({ signatureOnly: true }, globalThis.crypto as Crypto));
  for (const [, publicKey] of subjects) {
    const leafDer = bufferOf(await issue({ ...leafRequest, publicKey }));
    const leaf = new peculiar.X509Certificate(leafDer);
    const good = await leaf.verify({ publicKey: root, signatureOnly: true }, globalThis.crypto as Crypto);
    assert.ok(good);
    assert.is(leaf.getExtension(peculiar.SubjectAlternativeNameExtension)?.names.items[0].value, ID);
    assert.is(pkijs.Certificate.fromBER(leafDer).extensions?.length, 7);
  }
});

/** pkijs knows no Ed25519; all the rest of path building is its own. */
class Ed25519Engine extends pkijs.CryptoEngine {
  override async verifyWithPublicKey(
    data: BufferSource,
    signature: { valueBlock: { valueHexView: Uint8Array } },
    publicKeyInfo: pkijs.PublicKeyInfo,
  ): Promise<boolean> {
    const { subtle } = globalThis.crypto;
    const spki = publicKeyInfo.toSchema().toBER();
    const key = await subtle.importKey('spki', spki, 'Ed25519', false, ['verify']);
    return subtle.verify('Ed25519', key, bufferOf(signature.valueBlock.valueHexView), data);
  }
}

test('pkijs builds the chain, and refuses it outside its time', async () => {
  const certificates = [await issue(rootRequest), await issue(leafRequest)].map((der) =>
    pkijs.Certificate.fromBER(bufferOf(der)),
  );
  const verify = (checkDate: Date) =>
    new pkijs.CertificateChainValidationEngine({
      trustedCerts: certificates.slice(0, 1),
      certs: certificates.slice(1),
      checkDate,
    }).verify({}, new Ed25519Engine({ name: 'node', crypto: globalThis.crypto as Crypto }));
  const { result, resultMessage } = await verify(new Date(NOW));
  assert.ok(result, resultMessage);
  assert.not((await verify(new Date(leafRequest.notAfter + 1000))).result);
});
