/** HMAC-SHA-256 against RFC 4231 and node:crypto, and that the pads of the key do not outlive the call. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { unhex } from '../../../src/base/hex.ts';
import { createHmac256 } from '../../../src/crypto/hmac.ts';
import { bytes, equal } from '../../support/assert.ts';
import { testCore } from '../../support/core.ts';
import { suite } from '../../support/suite.ts';

const repeated = (byte: number, count: number) => new Uint8Array(count).fill(byte);

/** RFC 4231 section 4, cases 1 to 4, 6 and 7 whole and 5 truncated: key, data, MAC. */
const RFC_4231: [Uint8Array, Uint8Array, string][] = [
  [repeated(0x0b, 20), utf8('Hi There'), 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
  [
    utf8('Jefe'),
    utf8('what do ya want for nothing?'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  ],
  [
    repeated(0xaa, 20),
    repeated(0xdd, 50),
    '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
  ],
  [
    Uint8Array.from({ length: 25 }, (_, i) => i + 1),
    repeated(0xcd, 50),
    '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b',
  ],
  [repeated(0x0c, 20), utf8('Test With Truncation'), 'a3b6167473100ee06e0c796c2955552b'],
  [
    repeated(0xaa, 131),
    utf8('Test Using Larger Than Block-Size Key - Hash Key First'),
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  ],
  [
    repeated(0xaa, 131),
    utf8(
      'This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.',
    ),
    '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
  ],
];

const core = testCore();
const hmac256 = createHmac256({ core });
const expected = (key: Uint8Array, message: Uint8Array) =>
  new Uint8Array(createHmac('sha256', key).update(message).digest());

const test = suite('crypto hmac');

test('RFC 4231', () => {
  for (const [key, data, mac] of RFC_4231) bytes(hmac256(key, data).subarray(0, mac.length / 2), unhex(mac));
});

test('every key length around the block', () => {
  for (let length = 0; length <= 130; length++)
    bytes(hmac256(repeated(7, length), utf8('message')), expected(repeated(7, length), utf8('message')));
});

test('any key and message, whole and in parts', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }),
      (key, parts) => {
        bytes(hmac256(key, ...parts), expected(key, concat(...parts)));
      },
    ),
  );
});

test('a message longer than the input area', () => {
  const message = repeated(9, 3_000_000);
  bytes(hmac256(utf8('key'), message), expected(utf8('key'), message));
});

test('key and message are left as they were, and the core as it was', () => {
  for (const length of [32, 131]) {
    const [key, message] = [repeated(5, length), repeated(6, 100)];
    hmac256(key, message);
    const before = core.engine.memory.slice();
    hmac256(repeated(0x7b, length), repeated(0x7c, 100));
    bytes(core.engine.memory, before, 'memory of the core');
    equal([key, message], [repeated(5, length), repeated(6, 100)]);
  }
});
