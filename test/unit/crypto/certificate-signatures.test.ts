/** RSA and P-384 signatures as certificates have them: what OpenSSL signs verifies here, and nothing bent does. */
import {
  constants,
  createHash,
  generateKeyPairSync,
  type KeyObject,
  privateEncrypt,
  sign,
} from 'node:crypto';
import fc from 'fast-check';
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { unhex } from '../../../src/base/hex.ts';
import type { CertificateHash, Crypto } from '../../../src/crypto/crypto.ts';
import { throwsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { nobleCrypto } from '../../support/noble-crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('crypto certificate signatures', { timeout: 60_000 });
const ENGINES: [string, Crypto][] = [
  ['ours', testCrypto()],
  ['node', nobleCrypto()],
];
const HASHES: readonly CertificateHash[] = ['sha256', 'sha384', 'sha512'];
const MESSAGE = utf8('to be signed');
const plain = (bytes: Buffer) => new Uint8Array(bytes);
const jwkBytes = (key: KeyObject, name: 'n' | 'x' | 'y') =>
  plain(Buffer.from((key.export({ format: 'jwk' }) as Record<string, string>)[name], 'base64url'));

const rsa = new Map(
  [2048, 3072, 4096].map((modulusLength) => [modulusLength, generateKeyPairSync('rsa', { modulusLength })]),
);
const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const POINT = concat(Uint8Array.of(4), jwkBytes(ec.publicKey, 'x'), jwkBytes(ec.publicKey, 'y'));
const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };

for (const [engine, crypto] of ENGINES) {
  test(`${engine}: RSA signatures of every size, hash and padding verify`, () => {
    for (const [, { publicKey, privateKey }] of rsa)
      for (const hash of HASHES) {
        const modulus = jwkBytes(publicKey, 'n');
        crypto.rsa.verifyPkcs1({ modulus }, MESSAGE, plain(sign(hash, MESSAGE, privateKey)), hash);
        const salted = plain(sign(hash, MESSAGE, { key: privateKey, ...pss }));
        crypto.rsa.verifyPss({ modulus }, MESSAGE, salted, hash);
        throwsCode(() => crypto.rsa.verifyPkcs1({ modulus }, MESSAGE, salted, hash), 'OOTO_CRYPTO_SIGNATURE');
      }
  });

  test(`${engine}: P-384 signatures with every hash verify`, () => {
    for (const hash of HASHES) {
      const signature = plain(sign(hash, MESSAGE, ec.privateKey));
      crypto.p384.verify(POINT, MESSAGE, signature, hash);
      throwsCode(() => crypto.p384.verify(POINT, utf8('other'), signature, hash), 'OOTO_CRYPTO_SIGNATURE');
    }
  });
}

const { rsa: verifier, p384 } = testCrypto();
const { publicKey, privateKey } = rsa.get(2048)!;
const key = { modulus: jwkBytes(publicKey, 'n') };
const refusedPkcs1 = (signature: Uint8Array) =>
  throwsCode(() => verifier.verifyPkcs1(key, MESSAGE, signature, 'sha256'), 'OOTO_CRYPTO_SIGNATURE');

test('one changed bit anywhere is refused, in every scheme', () => {
  const signed = {
    pkcs1: plain(sign('sha256', MESSAGE, privateKey)),
    pss: plain(sign('sha256', MESSAGE, { key: privateKey, ...pss })),
    ecdsa: plain(sign('sha384', MESSAGE, ec.privateKey)),
  };
  fc.assert(
    fc.property(fc.nat(), fc.nat(7), (place, bit) => {
      const bend = (bytes: Uint8Array) => {
        const bent = bytes.slice();
        bent[place % bent.length] ^= 1 << bit;
        return bent;
      };
      refusedPkcs1(bend(signed.pkcs1));
      throwsCode(() => verifier.verifyPss(key, MESSAGE, bend(signed.pss), 'sha256'), 'OOTO_CRYPTO_SIGNATURE');
      throwsCode(() => p384.verify(POINT, MESSAGE, bend(signed.ecdsa), 'sha384'), 'OOTO_CRYPTO_SIGNATURE');
    }),
    { numRuns: 60 },
  );
});

/** What OpenSSL would pad otherwise, padded by hand and signed with the bare private operation. */
function signedBlock(...parts: Uint8Array[]): Uint8Array {
  const block = concat(...parts);
  return plain(privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, block));
}

test('PKCS#1 paddings that parse but are not the one: short, with bytes behind, without NULL, of another type', () => {
  const digest = plain(createHash('sha256').update(MESSAGE).digest());
  const info = concat(unhex('3031300d060960864801650304020105000420'), digest);
  const withoutNull = concat(unhex('302f300b0609608648016503040201'), unhex('0420'), digest);
  const filled = (length: number) => new Uint8Array(length).fill(0xff);
  const [zero, type1, type2] = [0, 1, 2].map((byte) => Uint8Array.of(byte));
  const room = 256 - 3 - info.length;
  verifier.verifyPkcs1(key, MESSAGE, signedBlock(zero, type1, filled(room), zero, info), 'sha256');
  // Bleichenbacher 2006: the digest somewhere, rubbish behind it, so that low exponents find a root.
  refusedPkcs1(signedBlock(zero, type1, filled(8), zero, info, new Uint8Array(room - 8)));
  refusedPkcs1(signedBlock(zero, type2, filled(room), zero, info));
  refusedPkcs1(signedBlock(zero, type1, filled(room + 2), zero, withoutNull));
});

test('PSS blocks whose hash is right, and whose filling, trailer or first bit is not', () => {
  const hashOf = (...parts: Uint8Array[]) =>
    plain(
      createHash('sha256')
        .update(concat(...parts))
        .digest(),
    );
  const [size, salt] = [256 - 32 - 1, new Uint8Array(32).fill(5)];
  const proof = hashOf(new Uint8Array(8), hashOf(MESSAGE), salt);
  const mask = concat(...Array.from({ length: 7 }, (_, i) => hashOf(proof, Uint8Array.of(0, 0, 0, i)))).slice(
    0,
    size,
  );
  const signedBy = (filling: Uint8Array, separator: number, trailer: number) => {
    const block = concat(filling, Uint8Array.of(separator), salt).map((byte, i) => byte ^ mask[i]);
    block[0] &= 0x7f;
    return signedBlock(block, proof, Uint8Array.of(trailer));
  };
  const zeros = new Uint8Array(size - 33);
  const judge = (signature: Uint8Array) => verifier.verifyPss(key, MESSAGE, signature, 'sha256');
  judge(signedBy(zeros, 1, 0xbc));
  const filled = zeros.slice();
  filled[100] = 1;
  for (const bad of [signedBy(filled, 1, 0xbc), signedBy(zeros, 2, 0xbc), signedBy(zeros, 1, 0xbb)])
    throwsCode(() => judge(bad), 'OOTO_CRYPTO_SIGNATURE');
});

test('numbers that are too large, too short or too long, and keys that are none', () => {
  const signature = plain(sign('sha256', MESSAGE, privateKey));
  const [number, modulus] = [signature, key.modulus].map((bytes) =>
    BigInt(`0x${Buffer.from(bytes).toString('hex')}`),
  );
  const larger = (number + modulus).toString(16);
  if (larger.length === 512) refusedPkcs1(unhex(larger));
  refusedPkcs1(new Uint8Array(256).fill(0xff));
  refusedPkcs1(signature.subarray(1));
  refusedPkcs1(concat(Uint8Array.of(0), signature));
  refusedPkcs1(new Uint8Array(0));
  const even = key.modulus.slice();
  even[255] &= 0xfe;
  for (const bent of [even, key.modulus.subarray(1), key.modulus.slice(0, 128)])
    throwsCode(
      () => verifier.verifyPkcs1({ modulus: bent }, MESSAGE, signature, 'sha256'),
      'OOTO_CRYPTO_KEY',
    );
  for (const bent of [POINT.subarray(1), POINT.subarray(0, 49), new Uint8Array(97)])
    throwsCode(() => p384.admitKey(bent), 'OOTO_CRYPTO_KEY');
  p384.admitKey(POINT);
});
