/** SHA-512 in the core against node:crypto and FIPS 180 values: borders of blocks, parts, pieces, and what stays behind. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { utf8 } from '../../../src/base/bytes.ts';
import { unhex } from '../../../src/base/hex.ts';
import { bytes, is } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { suite } from '../../support/suite.ts';

/** NIST, "Examples with Intermediate Values", SHA-512, and the empty message. */
const NIST: [string, string][] = [
  [
    '',
    'cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
  ],
  [
    'abc',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  ],
  [
    'abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu',
    '8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909',
  ],
];

const test = suite('core sha512', { timeout: 30_000 });

function reference(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

const pattern = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 167 + (i >> 8)) & 0xff);

for (const { name, core } of testCores()) {
  const { sha512, engine } = core;

  test(`${name}: NIST examples`, () => {
    for (const [text, digest] of NIST) bytes(sha512.hash(utf8(text)), unhex(digest));
  });

  test(`${name}: every length up to three blocks, cut around every border`, () => {
    for (let length = 0; length <= 385; length++) {
      const message = pattern(length);
      bytes(sha512.hash(message), reference(message), `${length} bytes`);
    }
    for (const cut of [0, 1, 111, 112, 127, 128, 129, 239, 240, 255, 256])
      bytes(sha512.hash(pattern(256).subarray(0, cut), pattern(256).subarray(cut)), reference(pattern(256)));
  });

  test(`${name}: any parts hash like their concatenation`, () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }), (parts) => {
        bytes(sha512.hash(...parts), reference(...parts));
      }),
    );
  });

  test(`${name}: messages as long as the area and longer`, () => {
    const area = engine.input.length;
    for (const length of [area - 1, area, area + 1, 2 * area + 77]) {
      const message = pattern(length);
      bytes(sha512.hash(message), reference(message), `${length} bytes`);
    }
  });

  test(`${name}: nothing of the message stays in memory`, () => {
    const secret = utf8('a secret of forty bytes that must not go');
    for (const length of [40, 127, 128, 300]) {
      const message = pattern(length);
      message.set(secret);
      const digest = sha512.hash(message);
      const memory = Buffer.from(engine.memory.buffer);
      is(memory.includes(Buffer.from(secret.subarray(0, 16))), false, 'message');
      is(memory.includes(Buffer.from(secret.subarray(0, 16)).swap64()), false, 'schedule');
      is(memory.includes(Buffer.from(digest.subarray(0, 16))), false, 'digest');
    }
  });
}
