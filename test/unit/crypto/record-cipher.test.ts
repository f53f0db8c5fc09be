/**
 * Records of a channel on every engine: the frames are byte for byte those of an implementation from node:crypto,
 * many a call, and each altered byte is refused.
 */
import fc from 'fast-check';
import { concat, u32be, u64be } from '../../../src/base/bytes.ts';
import { CROSSOVERS } from '../../../src/crypto/crossover.ts';
import type { EngineName, RecordCipher, RecordFrame } from '../../../src/crypto/crypto.ts';
import { createRecordCipher } from '../../../src/crypto/record-cipher.ts';
import { nodeHardware } from '../../../src/platform/node/hardware.ts';
import { bytes, equal, is, throwsCode } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { nobleCrypto } from '../../support/noble-crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('record cipher');
const judge = nobleCrypto();
const KEY = new Uint8Array(32).map((_, i) => 3 * i + 1);
const HEADER_BYTES = 17;
const TAG_BYTES = 16;

const record = (counter: number | bigint, size: number, type = 1, epoch = 7): RecordFrame => ({
  type,
  epoch,
  counter: BigInt(counter),
  plaintext: new Uint8Array(size).map((_, i) => i + size),
});

/** The frames of one string, told apart by their length prefixes. */
function split(frames: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < frames.length; at += found.at(-1)!.length) {
    const length = new DataView(frames.buffer, frames.byteOffset + at).getUint32(0);
    found.push(frames.subarray(at, at + 4 + length));
  }
  return found;
}

function sameRecords(actual: readonly RecordFrame[], expected: readonly RecordFrame[]): void {
  is(actual.length, expected.length);
  expected.forEach(({ plaintext, ...header }, i) => {
    const { plaintext: opened, ...read } = actual[i];
    equal(read, header);
    bytes(opened, plaintext, `record ${i}`);
  });
}

const cores = testCores();
const engines = cores.flatMap(({ name, core }) =>
  (['wasm', 'hardware', 'auto', 'absent'] as const).map((engine) => ({
    name: `${name}, ${engine}`,
    core,
    make: (key: Uint8Array): RecordCipher =>
      createRecordCipher(
        {
          core,
          hardware: engine === 'absent' ? {} : nodeHardware(),
          engine: engine === 'absent' ? 'auto' : (engine as EngineName),
        },
        key,
      ),
  })),
);

for (const { name, core, make } of engines) {
  const both = (records: readonly RecordFrame[], key = KEY) => {
    const cipher = make(key);
    const frames = cipher.seal(records);
    bytes(frames, judge.recordCipher(key).seal(records));
    sameRecords(cipher.open(split(frames)), records);
    cipher[Symbol.dispose]();
  };

  test(`${name}: the frame is length, type, epoch, counter, ciphertext, tag`, () => {
    const cipher = make(KEY);
    const { plaintext } = record(0, 21);
    const frame = cipher.seal([{ type: 0xa1, epoch: 0xdeadbeef, counter: 0x0102030405060708n, plaintext }]);
    const header = concat(Uint8Array.of(0xa1), u32be(0xdeadbeef), u64be(0x0102030405060708n));
    const iv = concat(new Uint8Array(4), u64be(0x0102030405060708n));
    bytes(
      frame,
      concat(u32be(13 + 21 + 16), header, nodeHardware().aes256gcmSeal(KEY, iv, header, plaintext)),
    );
  });

  test(`${name}: any batch of records has the frames that node:crypto makes`, () => {
    const one = fc.record({
      type: fc.integer({ min: 0, max: 255 }),
      epoch: fc.nat({ max: 0xffffffff }),
      gap: fc.bigInt({ min: 1n, max: 1n << 58n }),
      plaintext: fc.oneof(
        { weight: 5, arbitrary: fc.uint8Array({ maxLength: 200 }) },
        { weight: 1, arbitrary: fc.uint8Array({ minLength: 380, maxLength: 6000 }) },
      ),
    });
    fc.assert(
      fc.property(
        fc.array(one, { maxLength: 40 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (list, key) => {
          let counter = -1n;
          const records = list.map(({ gap, ...rest }) => {
            counter += gap;
            return { ...rest, counter };
          });
          both(records, key);
        },
      ),
      { numRuns: 100 },
    );
  });

  test(`${name}: every size around the borders of the window, the crossover and the areas`, () => {
    const { length } = core.engine.input;
    const borders = [0, 16, CROSSOVERS.aes256gcmPrepared, 255 * 16, 256 * 16, 2 * 4096];
    both(
      borders.flatMap((size, i) => [
        record(3 * i, Math.max(0, size - 1)),
        record(3 * i + 1, size),
        record(3 * i + 2, size + 1),
      ]),
    );
    for (const size of [length - 34, length - 33, length - 32, length + 5])
      both([record(0, 5), record(1, size), record(2, 0)]);
  });

  test(`${name}: more records than one call takes`, () => {
    both(Array.from({ length: 1000 }, (_, i) => record(i, (i * 37) % 120)));
    both(Array.from({ length: 9 }, (_, i) => record(i, 200_000)));
    both([]);
  });

  test(`${name}: each altered byte of each part is refused, whichever record it is in`, () => {
    const cipher = make(KEY);
    const sealed = cipher.seal([record(1, 40), record(2, 500), record(3, 0), record(4, 5000)]);
    for (const [at, frame] of split(sealed).entries()) {
      const last = frame.length;
      const places = [
        ...Array(HEADER_BYTES).keys(),
        HEADER_BYTES,
        last - TAG_BYTES - 1,
        last - TAG_BYTES,
        last - 1,
      ];
      for (const place of places) {
        const frames = split(sealed.slice());
        frames[at][place] ^= 0x10;
        throwsCode(() => cipher.open(frames), 'OOTO_CRYPTO_AUTHENTICATION');
      }
    }
    sameRecords(cipher.open(split(sealed)).slice(0, 1), [record(1, 40)]);
  });

  test(`${name}: frames that are cut, lengthened, joined or divided elsewhere are refused`, () => {
    const cipher = make(KEY);
    const sealed = cipher.seal([record(1, 40), record(2, 50)]);
    const [first, second] = split(sealed);
    const wrong = [
      [sealed],
      [first.subarray(0, -1)],
      [concat(first, Uint8Array.of(0))],
      [sealed.subarray(0, first.length + 5), sealed.subarray(first.length + 5)],
      [first, second.subarray(0, 32)],
      [new Uint8Array()],
      [first, new Uint8Array()],
      [concat(u32be(0xffffffff), first.subarray(4))],
      [concat(u32be(28), first.subarray(4, 32))],
    ];
    for (const frames of wrong) throwsCode(() => cipher.open(frames), 'OOTO_CRYPTO_AUTHENTICATION');
  });

  test(`${name}: another key or another's frames are refused`, () => {
    const frames = split(make(KEY).seal([record(1, 40), record(2, 900)]));
    const other = make(KEY.map((byte) => byte ^ 1));
    for (const frame of frames) throwsCode(() => other.open([frame]), 'OOTO_CRYPTO_AUTHENTICATION');
  });

  test(`${name}: no counter is sealed twice`, () => {
    const cipher = make(KEY);
    cipher.seal([record(5, 10)]);
    for (const counter of [5, 4, -1])
      throwsCode(() => cipher.seal([record(counter, 10)]), 'OOTO_CRYPTO_NONCE');
    throwsCode(() => cipher.seal([record(7, 1), record(7, 1)]), 'OOTO_CRYPTO_NONCE');
  });

  test(`${name}: numbers that do not fit their fields are refused`, () => {
    const cipher = make(KEY);
    for (const [type, epoch, counter] of [
      [256, 0, 0n],
      [-1, 0, 0n],
      [1.5, 0, 0n],
      [0, 2 ** 32, 0n],
      [0, -1, 0n],
      [0, 0, 1n << 64n],
    ] as const)
      throwsCode(() => cipher.seal([{ type, epoch, counter, plaintext: KEY }]), 'OOTO_CRYPTO_RECORD');
  });

  test(`${name}: after disposal nothing is sealed or opened`, () => {
    const cipher = make(KEY);
    const frames = split(cipher.seal([record(1, 10), record(2, 1000)]));
    cipher[Symbol.dispose]();
    for (const [at, frame] of frames.entries()) {
      throwsCode(() => cipher.open([frame]), 'OOTO_CRYPTO_RELEASED');
      throwsCode(() => cipher.seal([record(10 + at, frame.length)]), 'OOTO_CRYPTO_RELEASED');
    }
  });
}
