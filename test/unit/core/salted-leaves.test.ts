/** Salted leaves in the core: every mixture of lengths gives what node:crypto gives. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { concat, u32be } from '../../../src/base/bytes.ts';
import { SALTED_ITEM_BYTES } from '../../../src/core/salted-leaves.ts';
import { bytes, ok, throwsCode } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('salted leaves');
const cores = testCores();

interface Given {
  items: Uint8Array;
  salts: Uint8Array;
  /** Zeros where the core passes an item over. */
  expected: Uint8Array;
}

function given(lengths: readonly number[], most = SALTED_ITEM_BYTES): Given {
  const random = seededRandom(lengths.join());
  const messages = lengths.map((length) => random.bytes(length));
  const salts = random.bytes(16 * lengths.length);
  const leaf = (message: Uint8Array, i: number) =>
    message.length > most
      ? new Uint8Array(32)
      : createHash('sha256')
          .update(Uint8Array.of(0))
          .update(salts.subarray(16 * i, 16 * i + 16))
          .update(message)
          .digest();
  return {
    items: concat(...messages.flatMap((message) => [u32be(message.length), message])),
    salts,
    expected: concat(...messages.map(leaf)),
  };
}

for (const { name, core } of cores) {
  const check = (lengths: readonly number[], most = SALTED_ITEM_BYTES) => {
    const { items, salts, expected } = given(lengths, most);
    const row = new Uint8Array(expected.length + 32);
    core.engine.output.fill(0, 0, row.length);
    core.saltedLeaves.hash(items, lengths.length, salts, most, row, 32);
    bytes(row.subarray(32), expected);
  };

  test(`${name}: one item of every length, and four of it with one more of many`, () => {
    for (let length = 0; length <= SALTED_ITEM_BYTES; length += 7) check([length]);
    for (let length = 0; length <= SALTED_ITEM_BYTES; length++)
      check(Array.from({ length: 5 }, () => length));
  });

  test(`${name}: property: any mixture of lengths`, () => {
    const length = fc.oneof(
      fc.nat({ max: 120 }),
      fc.nat({ max: SALTED_ITEM_BYTES }),
      fc.integer({ min: 1025, max: 5000 }),
    );
    fc.assert(
      fc.property(fc.array(length, { minLength: 1, maxLength: 60 }), (lengths) => check(lengths)),
      { numRuns: 60 },
    );
  });

  test(`${name}: items above the length asked for are passed over, and more than one call's worth is cut`, () => {
    check([10, 300, 20, 200, 201], 200);
    check(Array.from({ length: 20_000 }, (_, i) => i % 23));
  });

  test(`${name}: items that are not whole, or not as many as salts, are refused`, () => {
    const row = new Uint8Array(64);
    const hash = (items: Uint8Array, count: number, salts: number) => () =>
      core.saltedLeaves.hash(items, count, new Uint8Array(16 * salts), 200, row, 0);
    throwsCode(hash(u32be(1), 1, 1), 'OOTO_CORE_ASSERTION');
    throwsCode(hash(concat(u32be(0), u32be(9), new Uint8Array(8)), 2, 2), 'OOTO_CORE_ASSERTION');
    throwsCode(hash(u32be(0), 2, 2), 'OOTO_CORE_SALTED');
    throwsCode(hash(u32be(0), 1, 2), 'OOTO_CORE_SALTED');
    throwsCode(hash(concat(u32be(0), u32be(0), u32be(0)), 3, 3), 'OOTO_CORE_SALTED');
  });

  test(`${name}: items that were refused leave nothing for the next ones`, () => {
    const { items, salts } = given([200, 10]);
    const short = items.subarray(0, -1);
    throwsCode(
      () => core.saltedLeaves.hash(short, 2, salts, 1024, new Uint8Array(64), 0),
      'OOTO_CORE_ASSERTION',
    );
    ok(
      core.engine.input.every((byte) => byte === 0),
      'the input area is wiped',
    );
    check([10, 10, 10, 10]);
  });
}
