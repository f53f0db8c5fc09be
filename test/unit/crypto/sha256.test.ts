/** The choice of engine for SHA-256, chains and trees: which engine is called for what, and that all agree. */
import fc from 'fast-check';
import { concat } from '../../../src/base/bytes.ts';
import { hex } from '../../../src/base/hex.ts';
import { createHashChain } from '../../../src/crypto/chain.ts';
import { CROSSOVERS } from '../../../src/crypto/crossover.ts';
import { createMerkle } from '../../../src/crypto/merkle.ts';
import { createSha256 } from '../../../src/crypto/sha256.ts';
import type { Hardware } from '../../../src/ports.ts';
import { bytes, equal, is, throwsCode } from '../../support/assert.ts';
import { testCore } from '../../support/core.ts';
import { nobleCrypto } from '../../support/noble-crypto.ts';
import { messageLists, pattern, reference } from '../../support/sha256-cases.ts';
import { suite } from '../../support/suite.ts';

const LONG = CROSSOVERS.sha256Many;
const core = testCore();
const expected = nobleCrypto();

/** Hardware that notes the lengths of what it hashed. */
function counting(): { hardware: Hardware; lengths: number[] } {
  const lengths: number[] = [];
  const sha256 = (message: Uint8Array) => {
    lengths.push(message.length);
    return reference(message);
  };
  const sha256Into = (message: Uint8Array, to: Uint8Array, at: number) => to.set(sha256(message), at);
  return { hardware: { sha256, sha256Into }, lengths };
}

/** Messages mixed of some below 70 bytes and some of as many more than `long`. */
const mixed = (long: number) =>
  fc.array(
    fc
      .tuple(fc.boolean(), fc.nat(70), fc.nat())
      .map(([isLong, length, seed]) => pattern(length + (isLong ? long : 0), seed)),
    { maxLength: 12 },
  );
const mixtures = mixed(LONG);

const test = suite('crypto sha256', { timeout: 30_000 });

test('one message goes to the core below the crossover and to the hardware from there on', () => {
  const { hardware, lengths } = counting();
  const { sha256 } = createSha256({ core, hardware });
  for (const length of [0, CROSSOVERS.sha256 - 1, CROSSOVERS.sha256, 5000])
    bytes(sha256(pattern(length)), reference(pattern(length)));
  equal(lengths, [CROSSOVERS.sha256, 5000]);
});

test('a forced engine is obeyed', () => {
  const { hardware, lengths } = counting();
  const { sha256 } = createSha256({ core, hardware });
  bytes(sha256(pattern(5000), 'wasm'), reference(pattern(5000)));
  equal(lengths, []);
  bytes(sha256(pattern(1), 'hardware'), reference(pattern(1)));
  equal(lengths, [1]);
});

test('without hardware everything is the core’s', () => {
  const { sha256, sha256Many } = createSha256({ core, hardware: {} });
  bytes(sha256(pattern(5000), 'hardware'), reference(pattern(5000)));
  bytes(sha256Many([pattern(5000)])[0], reference(pattern(5000)));
});

test('of many messages the hardware takes the long ones alone, and order is kept', () => {
  const { hardware, lengths } = counting();
  const { sha256Many } = createSha256({ core, hardware });
  fc.assert(
    fc.property(mixtures, (messages) => {
      lengths.length = 0;
      equal(
        sha256Many(messages).map(hex),
        messages.map((message) => hex(reference(message))),
      );
      equal(
        lengths,
        messages.map(({ length }) => length).filter((length) => length >= LONG),
      );
    }),
  );
});

test('of many messages to the caller’s array as well', () => {
  const { hardware, lengths } = counting();
  const { sha256ManyInto } = createSha256({ core, hardware });
  fc.assert(
    fc.property(mixtures, (messages) => {
      lengths.length = 0;
      const row = new Uint8Array(32 * messages.length);
      sha256ManyInto(messages, row);
      bytes(row, concat(...messages.map((message) => reference(message))));
      equal(
        lengths,
        messages.map(({ length }) => length).filter((length) => length >= LONG),
      );
    }),
  );
  for (const size of [1, LONG])
    throwsCode(() => sha256ManyInto([pattern(size)], new Uint8Array(33)), 'OOTO_CORE_DIGEST');
});

test('chains and trees are the same with and without hardware', () => {
  const { hardware, lengths } = counting();
  const [head, seen] = [pattern(32), new Set<boolean>()];
  fc.assert(
    fc.property(fc.oneof(mixed(CROSSOVERS.sha256Leaf), messageLists), (records) => {
      for (const engines of [
        { core, hardware },
        { core, hardware: {} },
      ]) {
        const chain = createHashChain(engines);
        const merkle = createMerkle(engines);
        equal(chain.append(head, records).map(hex), expected.chain.append(head, records).map(hex));
        const row = new Uint8Array(32 * records.length);
        chain.appendInto(head, records, row);
        bytes(row, concat(...chain.append(head, records)));
        bytes(chain.appendBatch(head, records), expected.chain.appendBatch(head, records));
        bytes(merkle.root(records), expected.merkle.root(records));
        const hashes = merkle.leafHashes(records);
        equal(hashes.map(hex), expected.merkle.leafHashes(records).map(hex));
        equal(chain.appendHashes(head, hashes).map(hex), chain.append(head, records).map(hex));
        bytes(chain.appendBatchHashes(head, hashes), chain.appendBatch(head, records));
        for (const record of records) bytes(merkle.leafHash(record), expected.merkle.leafHash(record));
      }
      seen.add(lengths.length > 0);
      lengths.length = 0;
    }),
  );
  is(seen.size, 2);
});

test('node hashes and roots of hashes', () => {
  const merkle = createMerkle({ core, hardware: {} });
  const hashes = [1, 2, 3].map((seed) => pattern(32, seed));
  bytes(merkle.nodeHash(hashes[0], hashes[1]), expected.merkle.nodeHash(hashes[0], hashes[1]));
  bytes(merkle.rootOfHashes(hashes), expected.merkle.rootOfHashes(hashes));
});
