import * as fc from 'fast-check';
import { Successors } from '../../../../src/mesh/authority/successors.ts';
import * as assert from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { diskFull, MemoryStore } from '../../../support/memory-store.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('mesh/authority/successors');
const crypto = testCrypto();
const message = (n: number) => Uint8Array.of(n);

test('of each version one, the same again, and none below it; also after a restart', async () => {
  const store = new MemoryStore();
  const member = new Successors(crypto, store);
  await member.admit('revocations', 1, message(1));
  await member.admit('revocations', 1, message(1));
  await assert.rejectsCode(member.admit('revocations', 1, message(2)), 'OOTO_AUTHORITY_SUCCESSOR');
  const again = new Successors(crypto, store.reopened());
  await assert.rejectsCode(again.admit('revocations', 1, message(2)), 'OOTO_AUTHORITY_SUCCESSOR');
  await again.admit('revocations', 2, message(2));
  await assert.rejectsCode(again.admit('revocations', 1, message(1)), 'OOTO_AUTHORITY_SUCCESSOR');
  await again.admit('bundle', 1, message(3));
});

test('two at the same moment: one of them', async () => {
  const member = new Successors(crypto, new MemoryStore());
  const outcomes = await Promise.allSettled([1, 2, 3].map((n) => member.admit('committee', 4, message(n))));
  assert.equal(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected'],
  );
});

test('what could not be written down is not signed', async () => {
  const store = new MemoryStore();
  store.beforeCommit = diskFull;
  const member = new Successors(crypto, store);
  await assert.rejectsCode(member.admit('bundle', 1, message(1)), 'OOTO_STORE_WRITE');
  store.beforeCommit = () => {};
  await member.admit('bundle', 1, message(2));
});

test('no two successors of one version are signed while fewer than 2t − n members sign both', async () => {
  const committees = fc
    .integer({ min: 2, max: 5 })
    .chain((t) => fc.tuple(fc.constant(t), fc.integer({ min: t, max: 2 * t - 1 })));
  await fc.assert(
    fc.asyncProperty(
      committees,
      fc.array(fc.tuple(fc.nat(8), fc.nat(1)), { maxLength: 60 }),
      async ([t, n], asked) => {
        const liars = 2 * t - n - 1;
        const members = Array.from({ length: n }, () => new Successors(crypto, new MemoryStore()));
        const signed = [new Set<number>(), new Set<number>()];
        for (const [who, what] of asked) {
          const member = who % n;
          const signs = await members[member].admit('revocations', 1, message(what)).then(
            () => true,
            () => member < liars,
          );
          if (signs) signed[what].add(member);
        }
        assert.ok(!signed.every((by) => by.size >= t));
      },
    ),
    { numRuns: 200 },
  );
});
