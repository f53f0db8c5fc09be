/** SHA-256 in the core against node:crypto and FIPS 180 values: one stream, four lanes, pieces, and what stays behind. */
import fc from 'fast-check';
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { unhex } from '../../../src/base/hex.ts';
import { bytes, is, throwsCode } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { BORDER_LENGTHS, messageLists, pattern, reference } from '../../support/sha256-cases.ts';
import { suite } from '../../support/suite.ts';

/** NIST, "Examples with Intermediate Values", SHA-256, and the empty message. */
const NIST: [string, string][] = [
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
];

const test = suite('core sha256', { timeout: 30_000 });

for (const { name, core } of testCores()) {
  const { sha256, engine } = core;
  const area = engine.input.length;

  test(`${name}: NIST examples, alone and in every lane`, () => {
    for (const [text, digest] of NIST) {
      bytes(sha256.hash(utf8(text)), unhex(digest));
      for (let lane = 0; lane < 4; lane++) {
        const messages = Array.from({ length: 4 }, (_, i) => utf8(i === lane ? text : `other ${i}`));
        bytes(sha256.many(messages)[lane], unhex(digest), `lane ${lane}`);
      }
    }
  });

  test(`${name}: a million times "a"`, () => {
    const digest = 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0';
    bytes(sha256.hash(new Uint8Array(1_000_000).fill(0x61)), unhex(digest));
  });

  test(`${name}: every border length, cut at every border`, () => {
    for (const length of BORDER_LENGTHS) {
      const message = pattern(length);
      bytes(sha256.hash(message), reference(message), `${length} bytes`);
      for (const cut of BORDER_LENGTHS.filter((at) => at <= length))
        bytes(sha256.hash(message.subarray(0, cut), message.subarray(cut)), reference(message));
    }
  });

  test(`${name}: any parts hash like their concatenation`, () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), (parts) => {
        bytes(sha256.hash(...parts), reference(...parts));
      }),
    );
  });

  test(`${name}: messages as long as the area and longer`, () => {
    for (const length of [area - 1, area, area + 1, 2 * area, 2 * area + 77]) {
      const message = pattern(length);
      bytes(sha256.hash(message), reference(message), `${length} bytes`);
    }
  });

  test(`${name}: many messages of any lengths, with and without prefix`, () => {
    fc.assert(
      fc.property(messageLists, fc.option(fc.nat(255), { nil: undefined }), (messages, prefix) => {
        const before = prefix === undefined ? new Uint8Array() : Uint8Array.of(prefix);
        const digests = sha256.many(messages, prefix);
        is(digests.length, messages.length);
        for (const [i, digest] of digests.entries())
          bytes(digest, reference(before, messages[i]), `message ${i}`);
      }),
    );
  });

  test(`${name}: every pair of border lengths meets in the lanes`, () => {
    for (const count of [1, 2, 3, 4, 5, 7, 8, 9])
      for (let shift = 0; shift < BORDER_LENGTHS.length; shift++) {
        const messages = Array.from({ length: count }, (_, i) =>
          pattern(BORDER_LENGTHS[(i * shift + i) % BORDER_LENGTHS.length], i),
        );
        for (const [i, digest] of sha256.many(messages).entries()) bytes(digest, reference(messages[i]));
      }
  });

  test(`${name}: runs of one length, of whole blocks and not, one after the other`, () => {
    const runs = fc.array(fc.tuple(fc.constantFrom(...BORDER_LENGTHS), fc.integer({ min: 1, max: 9 })), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(runs, (lengths) => {
        const messages = lengths.flatMap(([length, times]) =>
          Array.from({ length: times }, (_, i) => pattern(length, i)),
        );
        for (const [i, digest] of sha256.many(messages).entries()) bytes(digest, reference(messages[i]));
      }),
    );
  });

  test(`${name}: digests to the caller's array are the same`, () => {
    fc.assert(
      fc.property(messageLists, fc.option(fc.nat(255), { nil: undefined }), (messages, prefix) => {
        const row = new Uint8Array(32 * messages.length);
        sha256.manyInto(messages, row, prefix);
        bytes(row, concat(...sha256.many(messages, prefix)));
      }),
    );
    const beyond = [10, area - 8, 5, area + 5, 100].map((length, i) => pattern(length, i));
    const row = new Uint8Array(32 * beyond.length);
    sha256.manyInto(beyond, row, 0);
    bytes(row, concat(...sha256.many(beyond, 0)));
    for (const room of [0, 31, 33, 64])
      throwsCode(() => sha256.manyInto([pattern(3)], new Uint8Array(room)), 'OOTO_CORE_DIGEST');
  });

  test(`${name}: lists beyond the area, with messages beyond the area among them`, () => {
    const lengths = [10, area - 8, 5, 0, area, 1, area + 5, 100, 100, area - 3, area - 4, 7];
    const messages = lengths.map((length, i) => pattern(length, i));
    sha256.many(messages, 0).forEach((digest, i) => {
      bytes(digest, reference(Uint8Array.of(0), messages[i]), `message ${i} of ${lengths[i]} bytes`);
    });
  });

  test(`${name}: more messages than one list takes`, () => {
    const messages = Array.from({ length: 40_000 }, (_, i) => pattern(i % 9, i));
    const digests = sha256.many(messages);
    is(digests.length, messages.length);
    for (let i = 0; i < messages.length; i += 997) bytes(digests[i], reference(messages[i]));
  });

  test(`${name}: digests are arrays of their own`, () => {
    const [first, second] = sha256.many([utf8('a'), utf8('b')]);
    first.fill(0xff);
    bytes(second, reference(utf8('b')));
  });

  test(`${name}: the core refuses what lies outside its areas`, () => {
    for (const call of ['sha256Hash', 'sha256Update', 'sha256Many'] as const)
      for (const argument of [-1, area + 1])
        throwsCode(() => engine.exports[call](argument), 'OOTO_CORE_ASSERTION');
    new DataView(engine.input.buffer).setUint32(engine.input.byteOffset, area, true);
    throwsCode(() => engine.exports.sha256Many(1), 'OOTO_CORE_ASSERTION');
    // Four of one length: together beyond the area, or beyond what 32 bits count.
    for (const length of [area / 2, 0x40000000, 0xffffffff]) {
      const view = new DataView(engine.input.buffer, engine.input.byteOffset);
      for (let i = 0; i < 4; i++) view.setUint32(4 * i, length, true);
      throwsCode(() => engine.exports.sha256Many(4), 'OOTO_CORE_ASSERTION');
    }
    bytes(sha256.hash(utf8('abc')), unhex(NIST[1][1]));
  });
}
