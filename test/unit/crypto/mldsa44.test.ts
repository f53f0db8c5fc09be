import { createPublicKey, verify } from 'node:crypto';
import { concat } from '../../../src/base/bytes.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('crypto/mldsa44', { timeout: 60_000 });
const { mldsa44, random } = testCrypto();
/** SubjectPublicKeyInfo of id-ml-dsa-44 (RFC 9881), up to the key. */
const SPKI_HEAD = Uint8Array.from([
  ...[0x30, 0x82, 0x05, 0x32, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11],
  ...[0x03, 0x82, 0x05, 0x21, 0x00],
]);

test('keys and signatures have the lengths of FIPS 204, and no two signatures are alike', () => {
  const [seed, message] = [random.bytes(32), random.bytes(50)];
  const publicKey = mldsa44.publicKey(seed);
  assert.is(publicKey.length, 1312);
  const [first, second] = [mldsa44.sign(seed, message), mldsa44.sign(seed, message)];
  assert.is(first.length, 2420);
  assert.not.equal(first, second);
  for (const signature of [first, second]) mldsa44.verify(publicKey, message, signature);
});

test('another message, key or signature, or one of another length, is refused', () => {
  const [seed, message] = [random.bytes(32), random.bytes(50)];
  const [publicKey, signature] = [mldsa44.publicKey(seed), mldsa44.sign(seed, message)];
  const bent = signature.slice();
  bent[1200] ^= 2;
  const refused = (...given: Parameters<typeof mldsa44.verify>) =>
    assert.throwsCode(() => mldsa44.verify(...given), 'OOTO_CRYPTO_SIGNATURE');
  refused(publicKey, random.bytes(50), signature);
  refused(mldsa44.publicKey(random.bytes(32)), message, signature);
  refused(publicKey, message, bent);
  refused(publicKey, message, signature.subarray(1));
  refused(publicKey.subarray(1), message, signature);
});

test('OpenSSL takes our signatures, where it knows ML-DSA', () => {
  const [seed, message] = [random.bytes(32), random.bytes(50)];
  const spki = concat(SPKI_HEAD, mldsa44.publicKey(seed));
  let key: ReturnType<typeof createPublicKey>;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    const [major] = process.versions.node.split('.');
    assert.ok(Number(major) < 25, 'from Node 25 on it does');
    return;
  }
  assert.ok(verify(null, message, key, mldsa44.sign(seed, message)));
});
