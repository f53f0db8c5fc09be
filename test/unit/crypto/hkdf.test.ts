/** HKDF-SHA-256 against RFC 5869 and node:crypto, and the lengths it refuses. */
import { hkdfSync } from 'node:crypto';
import { expand as nobleExpand } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { unhex } from '../../../src/base/hex.ts';
import { createHkdf256 } from '../../../src/crypto/hkdf.ts';
import { createHmac256 } from '../../../src/crypto/hmac.ts';
import { bytes, throwsCode } from '../../support/assert.ts';
import { testCore } from '../../support/core.ts';
import { suite } from '../../support/suite.ts';

/** RFC 5869 appendix A.1 to A.3. */
const RFC_5869 = [
  {
    ikm: '0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b',
    salt: '000102030405060708090a0b0c',
    info: 'f0f1f2f3f4f5f6f7f8f9',
    prk: '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5',
    okm: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  },
  {
    ikm: range(0x00, 0x4f),
    salt: range(0x60, 0xaf),
    info: range(0xb0, 0xff),
    prk: '06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244',
    okm:
      'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09' +
      'da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
  },
  {
    ikm: '0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b',
    salt: '',
    info: '',
    prk: '19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04',
    okm: '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  },
];

function range(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, i) => (from + i).toString(16).padStart(2, '0')).join('');
}

const { hkdf256, hkdf256Expand } = createHkdf256(createHmac256({ core: testCore() }));
const test = suite('crypto hkdf');

test('RFC 5869', () => {
  for (const { ikm, salt, info, prk, okm } of RFC_5869) {
    const length = okm.length / 2;
    bytes(hkdf256(unhex(ikm), unhex(salt), unhex(info), length), unhex(okm));
    bytes(hkdf256Expand(unhex(prk), unhex(info), length), unhex(okm));
  }
});

test('any input and any length', () => {
  const some = fc.uint8Array({ maxLength: 100 });
  fc.assert(
    fc.property(some, some, some, fc.integer({ min: 1, max: 500 }), (ikm, salt, info, length) => {
      const expected = new Uint8Array(hkdfSync('sha256', ikm, salt, info, length));
      bytes(hkdf256(ikm, salt, info, length), expected);
    }),
  );
});

test('expansion alone, with any key of at least the length of a digest', () => {
  const [key, info] = [fc.uint8Array({ minLength: 32, maxLength: 80 }), fc.uint8Array({ maxLength: 100 })];
  fc.assert(
    fc.property(key, info, fc.integer({ min: 1, max: 500 }), (prk, label, length) => {
      bytes(hkdf256Expand(prk, label, length), nobleExpand(sha256, prk, label, length));
    }),
  );
});

test('the longest output', () => {
  const ikm = new Uint8Array(32).fill(1);
  const expected = new Uint8Array(hkdfSync('sha256', ikm, '', '', 8160));
  bytes(hkdf256(ikm, new Uint8Array(), new Uint8Array(), 8160), expected);
});

test('lengths outside of the RFC are refused', () => {
  for (const length of [-1, 8161, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    throwsCode(() => hkdf256Expand(new Uint8Array(32), new Uint8Array(), length), 'OOTO_CRYPTO_LENGTH');
});

test('no output', () => {
  bytes(hkdf256Expand(new Uint8Array(32), new Uint8Array(), 0), new Uint8Array());
});
