/**
 * AES-256-GCM of the core, in both variants: the vectors of the GCM specification, node:crypto as the judge for
 * every size, and nothing released when the tag does not match.
 */
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { unhex } from '../../../src/base/hex.ts';
import type { Core } from '../../../src/core/index.ts';
import { nodeHardware } from '../../../src/platform/node/hardware.ts';
import { bytes, equal, is, throwsCode } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { suite } from '../../support/suite.ts';

const test = suite('core AES-256-GCM');
const hardware = nodeHardware();
const sized = (most: number) => fc.uint8Array({ maxLength: most });
const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

/** D. McGrew, J. Viega, "The Galois/Counter Mode of Operation", appendix B, cases 13 to 16. */
const CASE_15_TEXT =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255';
const CASE_15_KEY = 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308';
const VECTORS = [
  {
    name: 'case 13',
    key: '00'.repeat(32),
    iv: '00'.repeat(12),
    aad: '',
    plaintext: '',
    sealed: '530f8afbc74536b9a963b4f1c4cb738b',
  },
  {
    name: 'case 14',
    key: '00'.repeat(32),
    iv: '00'.repeat(12),
    aad: '',
    plaintext: '00'.repeat(16),
    sealed: 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919',
  },
  {
    name: 'case 15',
    key: CASE_15_KEY,
    iv: 'cafebabefacedbaddecaf888',
    aad: '',
    plaintext: CASE_15_TEXT,
    sealed:
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad' +
      'b094dac5d93471bdec1a502270e3cc6c',
  },
  {
    name: 'case 16',
    key: CASE_15_KEY,
    iv: 'cafebabefacedbaddecaf888',
    aad: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    plaintext: CASE_15_TEXT.slice(0, 120),
    sealed:
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662' +
      '76fc6ece0f4e1768cddf8853bb2d551b',
  },
];

function withKey<T>({ keys }: Core, key: Uint8Array, use: (key: ReturnType<typeof keys.prepare>) => T): T {
  const prepared = keys.prepare(key);
  try {
    return use(prepared);
  } finally {
    keys.release(prepared);
  }
}

function flipped(source: Uint8Array, at: number): Uint8Array {
  const copy = source.slice();
  copy[at] ^= 1 << (at % 8);
  return copy;
}

for (const { name, core } of testCores()) {
  const gcm = core.aes256gcm;
  const seal = (key: Uint8Array, iv: Uint8Array, aad: Uint8Array, text: Uint8Array) =>
    withKey(core, key, (prepared) => gcm.seal(prepared, iv, aad, text));
  const open = (key: Uint8Array, iv: Uint8Array, aad: Uint8Array, sealed: Uint8Array) =>
    withKey(core, key, (prepared) => gcm.open(prepared, iv, aad, sealed));

  for (const vector of VECTORS)
    test(`${name}: ${vector.name} of the specification`, () => {
      const [key, iv, aad] = [unhex(vector.key), unhex(vector.iv), unhex(vector.aad)];
      bytes(seal(key, iv, aad, unhex(vector.plaintext)), unhex(vector.sealed));
      bytes(open(key, iv, aad, unhex(vector.sealed))!, unhex(vector.plaintext));
    });

  test(`${name}: every plaintext size from 0 to 2000 agrees with node:crypto`, () => {
    const key = new Uint8Array(32).map((_, i) => i * 7);
    const text = new Uint8Array(2000).map((_, i) => i * 31 + (i >> 5));
    withKey(core, key, (prepared) => {
      for (let size = 0; size <= text.length; size++) {
        const iv = new Uint8Array(12).map((_, i) => size >> i);
        const aad = text.subarray(0, size % 67);
        const expected = hardware.aes256gcmSeal(key, iv, aad, text.subarray(0, size));
        bytes(gcm.seal(prepared, iv, aad, text.subarray(0, size)), expected, `sealed ${size}`);
        bytes(gcm.open(prepared, iv, aad, expected)!, text.subarray(0, size), `opened ${size}`);
      }
    });
  });

  test(`${name}: random keys, ivs, additional data and texts agree with node:crypto`, () => {
    fc.assert(
      fc.property(exactly(32), exactly(12), sized(300), sized(5000), (key, iv, aad, text) => {
        const expected = hardware.aes256gcmSeal(key, iv, aad, text);
        bytes(seal(key, iv, aad, text), expected);
        bytes(open(key, iv, aad, expected)!, text);
      }),
      { numRuns: 200 },
    );
  });

  test(`${name}: messages and additional data longer than the areas go through in pieces`, () => {
    const key = new Uint8Array(32).fill(3);
    const iv = new Uint8Array(12).fill(4);
    const long = new Uint8Array(2 * core.engine.input.length + 77).map((_, i) => (i * i) >> 7);
    const short = long.subarray(0, 21);
    for (const [aad, text] of [
      [short, long],
      [long, short],
      [long, long],
      [short, long.subarray(0, core.engine.input.length - 28 - short.length)],
      [short, long.subarray(0, core.engine.input.length - 27 - short.length)],
    ]) {
      const expected = hardware.aes256gcmSeal(key, iv, aad, text);
      bytes(seal(key, iv, aad, text), expected);
      bytes(open(key, iv, aad, expected)!, text);
      is(open(key, iv, aad, flipped(expected, expected.length - 1)), undefined);
    }
  });

  test(`${name}: one altered byte anywhere is refused, and the output area stays empty`, () => {
    const key = new Uint8Array(32).fill(5);
    const iv = new Uint8Array(12).fill(6);
    const aad = new Uint8Array(13).fill(7);
    for (const size of [0, 1, 16, 100, 5000]) {
      const sealed = seal(key, iv, aad, new Uint8Array(size).fill(0xaa));
      core.engine.output.fill(0);
      const step = size > 100 ? 97 : 1;
      for (let at = 0; at < sealed.length; at += step) is(open(key, iv, aad, flipped(sealed, at)), undefined);
      for (let at = sealed.length - 16; at < sealed.length; at++)
        is(open(key, iv, aad, flipped(sealed, at)), undefined);
      for (let at = 0; at < 13; at++) is(open(key, iv, flipped(aad, at), sealed), undefined);
      for (let at = 0; at < 12; at++) is(open(key, flipped(iv, at), aad, sealed), undefined);
      for (let at = 0; at < 32; at++) is(open(flipped(key, at), iv, aad, sealed), undefined);
      is(open(key, iv, aad, sealed.subarray(0, 15)), undefined);
      is(open(key, iv, aad, sealed.subarray(1)), undefined);
      is(
        core.engine.output.every((byte) => byte === 0),
        true,
      );
    }
  });

  test(`${name}: more keys than slots stay apart`, () => {
    const keys = Array.from({ length: 150 }, (_, i) => new Uint8Array(32).fill(i));
    const prepared = keys.map((key) => core.keys.prepare(key));
    const [iv, none, text] = [new Uint8Array(12), new Uint8Array(), new Uint8Array(20).fill(9)];
    for (let round = 0; round < 3; round++)
      keys.forEach((key, i) => {
        const at = (i * 37 + round) % keys.length;
        bytes(gcm.seal(prepared[at], iv, none, text), hardware.aes256gcmSeal(keys[at], iv, none, text));
        is(key.length, 32);
      });
    for (const key of prepared) core.keys.release(key);
    const slots = new Set(keys.slice(0, 64).map((key) => core.keys.slotOf(core.keys.prepare(key))));
    equal(slots.size, 64);
  });

  test(`${name}: a released key is refused, a key of another length too`, () => {
    const key = core.keys.prepare(new Uint8Array(32));
    core.keys.release(key);
    core.keys.release(key);
    throwsCode(() => gcm.seal(key, new Uint8Array(12), key.bytes, key.bytes), 'OOTO_CRYPTO_RELEASED');
    throwsCode(() => core.keys.bytesOf(key), 'OOTO_CRYPTO_RELEASED');
    throwsCode(() => core.keys.prepare(new Uint8Array(31)), 'OOTO_CRYPTO_KEY');
  });

  test(`${name}: pieces out of turn, and lengths outside the areas, are refused`, () => {
    const { exports, input } = core.engine;
    const slot = core.keys.slotOf(core.keys.prepare(new Uint8Array(32)));
    for (const wrong of [-1, 64]) throwsCode(() => exports.gcmSetKey(wrong), 'OOTO_CORE_ASSERTION');
    for (const [aad, text] of [
      [-1, 0],
      [0, -1],
      [0, input.length - 27],
      [input.length, 0],
      [0x7fffffff, 0x7fffffff],
    ]) {
      throwsCode(() => exports.gcmSeal(slot, aad, text), 'OOTO_CORE_ASSERTION');
      throwsCode(() => exports.gcmOpen(slot, aad, text), 'OOTO_CORE_ASSERTION');
    }
    exports.gcmBegin(slot);
    exports.gcmSealPiece(5);
    throwsCode(() => exports.gcmSealPiece(5), 'OOTO_CORE_ASSERTION');
    throwsCode(() => exports.gcmAddAad(5), 'OOTO_CORE_ASSERTION');
    exports.gcmFinishSeal();
    throwsCode(() => exports.gcmFinishSeal(), 'OOTO_CORE_ASSERTION');
  });

  test(`${name}: the cipher alone agrees with node:crypto on every byte value`, () => {
    // Sealing zeros shows the keystream: AES of consecutive counters.
    const key = new Uint8Array(32).map((_, i) => 255 - i);
    const text = new Uint8Array(65_536);
    const sealed = seal(key, new Uint8Array(12), new Uint8Array(), text);
    const counter = Buffer.alloc(16);
    counter[15] = 2;
    const stream = createCipheriv('aes-256-ctr', key, counter).update(text);
    bytes(sealed.subarray(0, -16), new Uint8Array(stream));
  });
}
