/** The tree over a signed batch and the key stream, on every engine, against noble and node:crypto. */
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { concat, u32be } from '../../../src/base/bytes.ts';
import type { Crypto, LongItem, SaltedItems } from '../../../src/crypto/crypto.ts';
import { createCrypto } from '../../../src/crypto/index.ts';
import { nodeHardware } from '../../../src/platform/node/hardware.ts';
import { bytes, throwsCode } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { seededRandom } from '../../support/network.ts';
import { nobleCrypto } from '../../support/noble-crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('salted tree');
const judge = nobleCrypto();
const START = 68;

const engines = testCores().flatMap(({ name, core }) =>
  Object.entries({ hardware: nodeHardware(), 'core alone': {} }).map(([kind, hardware]) => ({
    name: `${name}, ${kind}`,
    crypto: createCrypto({ core, hardware, random: seededRandom(name) }),
  })),
);

interface Shape {
  length: number;
  part: boolean;
}

/** Items as a channel lays them out for this engine. */
function itemsFor(crypto: Crypto, shapes: readonly Shape[]): SaltedItems {
  const random = seededRandom(JSON.stringify(shapes));
  const long: LongItem[] = [];
  const parts = [random.bytes(START)];
  let at = START;
  shapes.forEach(({ length, part }, index) => {
    parts.push(u32be(part ? length + 0x80000000 : length), random.bytes(length));
    const place = part ? random.bytes(13) : undefined;
    if (part || length >= crypto.saltedTree.longFrom) long.push({ index, at: at + 4, length, place });
    at += 4 + length;
  });
  return {
    bytes: concat(...parts),
    start: START,
    count: shapes.length,
    salts: random.bytes(16 * shapes.length),
    long,
  };
}

for (const { name, crypto } of engines) {
  const check = (shapes: readonly Shape[]) => {
    const items = itemsFor(crypto, shapes);
    const before = items.bytes.slice();
    bytes(crypto.saltedTree.root(items), judge.saltedTree.root(items), 'root');
    bytes(crypto.saltedTree.leaves(items), judge.saltedTree.leaves(items), 'leaves');
    bytes(items.bytes, before, 'the items are as they were');
  };

  test(`${name}: property: whole messages and parts of any lengths`, () => {
    const shape = fc.record({
      length: fc.oneof(fc.nat({ max: 100 }), fc.integer({ min: 150, max: 250 }), fc.nat({ max: 70_000 })),
      part: fc.boolean(),
    });
    fc.assert(fc.property(fc.array(shape, { minLength: 1, maxLength: 12 }), check), { numRuns: 40 });
  });

  test(`${name}: trees of every width and of several levels`, () => {
    for (const count of [1, 2, 31, 32, 33, 64, 65, 1023, 1024, 1025, 3000])
      check(Array.from({ length: count }, (_, i) => ({ length: i % 40, part: false })));
  });

  test(`${name}: key streams are those of AES-256 in counter mode`, () => {
    const key = seededRandom('key').bytes(32);
    const stream = crypto.keystream(key);
    for (const length of [0, 1, 16, 48, 1000, 1024, 5000, 200_000]) {
      const counter = concat(new Uint8Array(8), u32be(0xfffffff0), u32be(2));
      const expected = createCipheriv('aes-256-ctr', key, counter).update(new Uint8Array(length));
      bytes(stream.bytes(0xfffffff0, length), new Uint8Array(expected));
    }
    stream[Symbol.dispose]();
    throwsCode(() => stream.bytes(0, 16), 'OOTO_CRYPTO_RELEASED');
    throwsCode(() => stream.bytes(0, 5000), 'OOTO_CRYPTO_RELEASED');
  });

  test(`${name}: what does not belong together is refused`, () => {
    const items = itemsFor(crypto, [{ length: 5000, part: false }]);
    const refused: Partial<SaltedItems>[] = [
      { count: 0, salts: new Uint8Array() },
      { start: 63 },
      { salts: items.salts.subarray(1) },
      { long: [{ index: 1, at: START + 4, length: 5000 }] },
      { long: [{ index: 0, at: START + 5, length: 5000 }] },
      { long: [{ index: 0, at: START, length: 5000 }] },
    ];
    for (const change of refused)
      throwsCode(() => crypto.saltedTree.root({ ...items, ...change }), 'OOTO_CRYPTO_SALTED');
  });
}
