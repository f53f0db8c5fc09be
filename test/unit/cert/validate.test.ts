import fc from 'fast-check';
import { equal } from '../../../src/base/bytes.ts';
import { readCertificate } from '../../../src/cert/certificate.ts';
import { DEFAULT_SKEW_MS, validateCertificate, validateRoot } from '../../../src/cert/validate.ts';
import { assembleCertificate, randomSerial, writeTbs } from '../../../src/cert/write.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import {
  crypto,
  groupKey,
  HOUR,
  ID,
  issue,
  issueRoot,
  leafRequest,
  NOW,
  nodeKey,
  p256Key,
  rootRequest,
  signTbs,
  TRUST_DOMAIN,
} from './chain.ts';

const test = suite('cert/validate');

test('a good leaf says who its holder is', async () => {
  const root = await issueRoot();
  for (const publicKey of [nodeKey, p256Key()]) {
    const tbs = await writeTbs(crypto, { ...leafRequest, publicKey, tier: 'hardware' });
    const certificate = assembleCertificate(tbs, signTbs(tbs));
    const valid = validateCertificate(crypto, { certificate, root, time: NOW, expectedId: ID });
    assert.is(valid.id, ID);
    assert.is(valid.trustDomain, TRUST_DOMAIN);
    assert.is(valid.path, '/node/worker-1');
    assert.is(valid.tier, 'hardware');
    assert.is(valid.publicKey.algorithm, publicKey.algorithm);
    assert.bytes(valid.publicKey.bytes, publicKey.bytes);
    assert.bytes(valid.tbsSha256, crypto.sha256(tbs));
    assert.bytes(valid.serial, leafRequest.serial);
    assert.is(valid.notBefore, leafRequest.notBefore);
    assert.is(valid.notAfter, leafRequest.notAfter);
  }
});

test('times hold within the skew, and not a millisecond beyond', async () => {
  const root = await issueRoot();
  const certificate = await issue(leafRequest);
  const { notBefore, notAfter } = leafRequest;
  const at = (time: number, skewMs?: number) =>
    validateCertificate(crypto, { certificate, root, time, ...(skewMs === undefined ? {} : { skewMs }) });
  for (const skew of [undefined, 0, 500]) {
    const allowed = skew ?? DEFAULT_SKEW_MS;
    at(notBefore - allowed, skew);
    at(notAfter + allowed, skew);
    assert.throwsCode(() => at(notBefore - allowed - 1, skew), 'OOTO_CERT_NOT_YET_VALID');
    assert.throwsCode(() => at(notAfter + allowed + 1, skew), 'OOTO_CERT_EXPIRED');
  }
  for (const [time, skew] of [
    [Number.NaN, 0],
    [NOW, Number.NaN],
    [NOW, -1],
    [Number.POSITIVE_INFINITY, 0],
  ])
    assert.throwsCode(() => at(time, skew), 'OOTO_CERT_INPUT');
});

test('root and leaf do not stand in for each other', async () => {
  const root = await issueRoot();
  const rootDer = await issue(rootRequest);
  assert.throwsCode(
    () => validateCertificate(crypto, { certificate: rootDer, root, time: NOW }),
    'OOTO_CERT_PROFILE',
  );
  const leaf = await issue(leafRequest);
  const asRoot = () => validateRoot(crypto, { certificate: leaf, trustDomain: TRUST_DOMAIN });
  assert.throwsCode(asRoot, 'OOTO_CERT_PROFILE');
});

test('a root is pinned by its trust domain and signed by its own key', async () => {
  const other = 'b2'.repeat(32);
  const certificate = await issue(rootRequest);
  assert.throwsCode(
    () => validateRoot(crypto, { certificate, trustDomain: other }),
    'OOTO_CERT_TRUST_DOMAIN',
  );
  const forged = await issue(rootRequest, new Uint8Array(32).fill(99));
  assert.throwsCode(
    () => validateRoot(crypto, { certificate: forged, trustDomain: TRUST_DOMAIN }),
    'OOTO_CERT_SIGNATURE',
  );
  const small = new Uint8Array(32);
  small[0] = 1;
  const tbs = await writeTbs(crypto, { ...rootRequest, publicKey: small });
  const smallRoot = assembleCertificate(tbs, new Uint8Array(64));
  assert.throwsCode(
    () => validateRoot(crypto, { certificate: smallRoot, trustDomain: TRUST_DOMAIN }),
    'OOTO_CERT_KEY',
  );
});

test('a leaf of another mesh, or of an earlier group key, is refused by name', async () => {
  const seed = new Uint8Array(32).fill(77);
  const issuerKey = crypto.ed25519.publicKey(seed);
  const id = ID.replace(TRUST_DOMAIN, 'b2'.repeat(32));
  const root = await issueRoot();
  const foreign = await issue({ ...leafRequest, id, issuerKey }, seed);
  const check = (certificate: Uint8Array) => () =>
    validateCertificate(crypto, { certificate, root, time: NOW });
  assert.throwsCode(check(foreign), 'OOTO_CERT_TRUST_DOMAIN');
  const earlier = await issue({ ...leafRequest, issuerKey }, seed);
  assert.throwsCode(check(earlier), 'OOTO_CERT_ISSUER');
  assert.ok(equal(readCertificate(earlier).tbs, await writeTbs(crypto, { ...leafRequest, issuerKey })));
});

test('whatever is asked for, the writer gives a certificate of the profile or says why not', async () => {
  const name = fc.string({ unit: fc.constantFrom(...'abZ09._-'), minLength: 1, maxLength: 100 });
  const time = fc.integer({ min: 0, max: Date.UTC(2099, 0) });
  await fc.assert(
    fc.asyncProperty(name, time, time, fc.constantFrom(nodeKey, p256Key()), async (label, from, to, key) => {
      const id = `spiffe://${TRUST_DOMAIN}/node/${label}`;
      const request = { ...leafRequest, id, publicKey: key, notBefore: from, notAfter: to };
      const [notBefore, notAfter] = [from, to].map((ms) => Math.floor(ms / 1000) * 1000);
      if (notAfter < notBefore || label === '.' || label === '..') {
        await assert.rejectsCode(writeTbs(crypto, request), 'OOTO_CERT_INPUT');
        return;
      }
      const { claims } = readCertificate(await issue(request));
      assert.equal([claims.id, claims.notBefore, claims.notAfter], [id, notBefore, notAfter]);
    }),
    { numRuns: 60 },
  );
});

test('the writer refuses what is no certificate', async () => {
  const rejected = (promise: Promise<unknown>) => assert.rejectsCode(promise, 'OOTO_CERT_INPUT');
  await rejected(writeTbs(crypto, { ...leafRequest, id: 'spiffe://Example.org/x' }));
  await rejected(writeTbs(crypto, { ...leafRequest, serial: new Uint8Array(16) }));
  await rejected(writeTbs(crypto, { ...leafRequest, tier: 'platinum' as 'measured' }));
  await rejected(writeTbs(crypto, { ...leafRequest, notAfter: Number.NaN }));
  await rejected(writeTbs(crypto, { ...rootRequest, trustDomain: 'a'.repeat(65) }));
  await rejected(
    writeTbs(crypto, { ...leafRequest, publicKey: { algorithm: 'p256', bytes: new Uint8Array(33) } }),
  );
  const tbs = await writeTbs(crypto, leafRequest);
  for (const [part, signature] of [
    [tbs, new Uint8Array(63)],
    [tbs.subarray(1), signTbs(tbs)],
    [tbs.slice(0, -1), signTbs(tbs)],
  ])
    assert.throwsCode(() => assembleCertificate(part, signature), 'OOTO_CERT_INPUT');
});

test('serial numbers are positive and of one length', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const serial = randomSerial({ bytes: () => bytes });
      assert.ok(serial.length === 16 && serial[0] >= 0x40 && serial[0] < 0x80);
    }),
  );
  const serial = randomSerial({ bytes: () => new Uint8Array(16).fill(0xff) });
  await issue({ ...leafRequest, serial, notAfter: NOW + HOUR, issuerKey: groupKey });
});
