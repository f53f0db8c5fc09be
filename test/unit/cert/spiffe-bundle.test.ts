import { createPublicKey, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { isOotoError } from '../../../src/base/errors.ts';
import { formatSpiffeBundle, readSpiffeBundle } from '../../../src/cert/spiffe-bundle.ts';
import { validateRoot } from '../../../src/cert/validate.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { crypto, groupKey, issueRoot, TRUST_DOMAIN } from './chain.ts';

const test = suite('cert/spiffe-bundle');
const when = { sequence: 3, refreshSeconds: 300 };

interface Key {
  [name: string]: unknown;
}

async function written(): Promise<{ keys: Key[]; [name: string]: unknown }> {
  return JSON.parse(formatSpiffeBundle([await issueRoot()], when));
}

test('what is written is read again, and its certificate is the root', async () => {
  const root = await issueRoot();
  const bundle = readSpiffeBundle(formatSpiffeBundle([root], when));
  assert.equal({ ...bundle, authorities: bundle.authorities.length }, { authorities: 1, ...when });
  const read = validateRoot(crypto, { certificate: bundle.authorities[0], trustDomain: TRUST_DOMAIN });
  assert.bytes(read.publicKey, groupKey);
});

test('node:crypto takes the key as a JWK, and finds it in the certificate', async () => {
  const [key] = (await written()).keys;
  const jwk = createPublicKey({ key: key as never, format: 'jwk' });
  const [der] = key.x5c as string[];
  const certificate = new X509Certificate(Buffer.from(der, 'base64'));
  assert.ok(certificate.publicKey.equals(jwk));
  assert.ok(certificate.verify(jwk));
});

test('keys for other uses are passed over, the others must have exactly one certificate', async () => {
  const { keys, ...rest } = await written();
  const [own] = keys;
  const read = (...list: unknown[]) => readSpiffeBundle(JSON.stringify({ ...rest, keys: list }));
  const token = { kty: 'EC', use: 'jwt-svid', kid: 'one' };
  assert.is(read(own, token, { kty: 'EC', use: 'something-new' }, { kty: 'EC' }).authorities.length, 1);
  assert.is(read().authorities.length, 0);
  for (const key of [
    { ...own, x5c: [] },
    { ...own, x5c: [...(own.x5c as string[]), ...(own.x5c as string[])] },
    { ...own, x5c: undefined },
    { ...own, x5c: [5] },
    { ...own, kty: undefined },
    { ...token, kid: undefined },
    'key',
    null,
  ])
    assert.throwsCode(() => read(key), 'OOTO_CERT_BUNDLE');
  assert.throwsCode(() => read({ ...own, x5c: ['not base64'] }), 'OOTO_BASE_BASE64');
});

test('what is no bundle, or too long, is refused', async () => {
  const { keys } = await written();
  for (const text of [
    '',
    '[]',
    '{}',
    'null',
    '{"keys":5}',
    JSON.stringify({ keys, spiffe_sequence: -1 }),
    JSON.stringify({ keys, spiffe_refresh_hint: '5' }),
    JSON.stringify({ keys: Array(65).fill(keys[0]) }),
    JSON.stringify({ keys, filler: 'x'.repeat(300_000) }),
  ])
    assert.throwsCode(() => readSpiffeBundle(text), 'OOTO_CERT_BUNDLE');
});

test('any JSON is read or refused, and never anything else', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        readSpiffeBundle(text);
      } catch (error) {
        assert.ok(isOotoError(error));
      }
    }),
  );
});
