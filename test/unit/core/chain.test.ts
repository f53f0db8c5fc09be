/** Hash chains of the core against the formulas of docs/protocol.md over node:crypto, and what an alteration does. */
import fc from 'fast-check';
import { concat, u32be } from '../../../src/base/bytes.ts';
import { hex } from '../../../src/base/hex.ts';
import { bytes, equal, is, not, throwsCode } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { nobleCrypto } from '../../support/noble-crypto.ts';
import { messageLists, pattern, reference } from '../../support/sha256-cases.ts';
import { suite } from '../../support/suite.ts';

const { merkle, chain: expected } = nobleCrypto();
const HEAD = pattern(32, 99);
const digests = fc.uint8Array({ minLength: 32, maxLength: 32 });

const step = (head: Uint8Array, record: Uint8Array) =>
  reference(Uint8Array.of(2), head, reference(Uint8Array.of(0), record));

const test = suite('core chain', { timeout: 30_000 });

for (const { name, core } of testCores()) {
  const { chain, sha256, engine } = core;
  const area = engine.input.length;

  test(`${name}: one head per record`, () => {
    fc.assert(
      fc.property(digests, messageLists, (head, records) => {
        const heads = chain.append(head, records);
        equal(heads.map(hex), expected.append(head, records).map(hex));
        for (const [i, record] of records.entries()) bytes(heads[i], step(heads[i - 1] ?? head, record));
      }),
    );
  });

  test(`${name}: heads to the caller's array are the same`, () => {
    fc.assert(
      fc.property(digests, messageLists, (head, records) => {
        const row = new Uint8Array(32 * records.length);
        chain.appendInto(head, records, row);
        bytes(row, concat(...chain.append(head, records)));
      }),
    );
    const beyond = [10, area - 40, 5, area + 5, 100].map((length, i) => pattern(length, i));
    const row = new Uint8Array(32 * beyond.length);
    chain.appendInto(HEAD, beyond, row);
    bytes(row, concat(...chain.append(HEAD, beyond)));
    throwsCode(() => chain.appendInto(HEAD, beyond, new Uint8Array(32)), 'OOTO_CORE_DIGEST');
  });

  test(`${name}: a batch is one step`, () => {
    fc.assert(
      fc.property(digests, messageLists, (head, records) => {
        const root = merkle.root(records);
        bytes(
          chain.appendBatch(head, records),
          reference(concat(Uint8Array.of(3), head, u32be(records.length), root)),
        );
      }),
    );
  });

  test(`${name}: leaf hashes made elsewhere give the same heads`, () => {
    fc.assert(
      fc.property(digests, messageLists, (head, records) => {
        const hashes = sha256.many(records, 0);
        equal(chain.appendHashes(head, hashes).map(hex), chain.append(head, records).map(hex));
        bytes(chain.appendBatchHashes(head, hashes), chain.appendBatch(head, records));
      }),
    );
  });

  test(`${name}: records beyond the area, alone and together`, () => {
    const lengths = [5, area, area - 32 - 4 - 1, area - 32 - 4, 0, area + 1, 300, area / 2, area / 2, 2];
    const records = lengths.map((length, i) => pattern(length, i));
    const heads = chain.append(HEAD, records);
    for (const [i, record] of records.entries())
      bytes(heads[i], step(heads[i - 1] ?? HEAD, record), `record ${i}`);
    bytes(chain.appendBatch(HEAD, records), expected.appendBatch(HEAD, records));
  });

  test(`${name}: more records than one list takes`, () => {
    const records = Array.from({ length: 40_000 }, (_, i) => u32be(i));
    const heads = chain.append(HEAD, records);
    is(heads.length, records.length);
    bytes(heads[39_999], expected.append(HEAD, records)[39_999]);
    bytes(chain.appendBatch(HEAD, records), expected.appendBatch(HEAD, records));
  });

  test(`${name}: one altered, dropped, swapped or repeated record changes the head`, () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(digests, { minLength: 2, maxLength: 12, selector: hex }),
        fc.nat(),
        (records, at) => {
          const i = at % (records.length - 1);
          const altered = records.with(
            i,
            records[i].map((byte, j) => (j === at % 32 ? byte ^ 1 : byte)),
          );
          const swapped = records.with(i, records[i + 1]).with(i + 1, records[i]);
          const wrong = [altered, swapped, records.toSpliced(i, 1), records.toSpliced(i, 0, records[i])];
          for (const list of wrong) {
            not.equal(hex(chain.append(HEAD, list).at(-1)!), hex(chain.append(HEAD, records).at(-1)!));
            not.equal(hex(chain.appendBatch(HEAD, list)), hex(chain.appendBatch(HEAD, records)));
          }
        },
      ),
    );
  });

  test(`${name}: what is no head is refused`, () => {
    for (const length of [0, 31, 33]) {
      throwsCode(() => chain.append(pattern(length), []), 'OOTO_CORE_DIGEST');
      throwsCode(() => chain.appendBatch(pattern(length), []), 'OOTO_CORE_DIGEST');
      throwsCode(() => chain.appendHashes(HEAD, [pattern(length)]), 'OOTO_CORE_DIGEST');
      throwsCode(() => chain.appendBatchHashes(HEAD, [pattern(length)]), 'OOTO_CORE_DIGEST');
    }
  });
}
