/** Heads that contradict each other are kept as proof, bounded, and survive the process. */
import type { MeshHead } from '../../../src/authority/head.ts';
import { hex } from '../../../src/base/hex.ts';
import { HeadForks } from '../../../src/mesh/head-forks.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { settled } from '../../support/manual-clock.ts';
import { diskFull, MemoryStore } from '../../support/memory-store.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/head-forks');
const crypto = testCrypto();
const head = (number: number, ...encoded: number[]) =>
  ({ number, encoded: Uint8Array.from(encoded) }) as unknown as MeshHead;

test('both heads are kept as they were signed, the first contradiction of a number, also after a restart', async () => {
  const store = new MemoryStore();
  const forks = new HeadForks({ crypto, store, logger: new RecordingLogger() });
  forks.keep(head(7, 1), head(7, 2));
  await settled();
  forks.keep(head(7, 1), head(7, 3));
  forks.keep(head(9, 4), head(9, 5));
  await settled();
  const digest = (byte: number) => hex(crypto.sha256(Uint8Array.of(byte)));
  const again = new HeadForks({ crypto, store: store.reopened(), logger: new RecordingLogger() });
  assert.equal(again.all, [
    { number: 7, heads: [digest(1), digest(2)] },
    { number: 9, heads: [digest(4), digest(5)] },
  ]);
});

test('there are so many and no more, and a full disk is said, not thrown', async () => {
  const store = new MemoryStore();
  const logger = new RecordingLogger();
  const forks = new HeadForks({ crypto, store, logger });
  for (let number = 1; number <= 70; number++) {
    forks.keep(head(number, 1), head(number, 2));
    await settled(2);
  }
  assert.is(forks.all.length, 64);
  const full = new MemoryStore();
  full.beforeCommit = diskFull;
  new HeadForks({ crypto, store: full, logger }).keep(head(1, 1), head(1, 2));
  await settled();
  assert.ok(logger.lines.some(({ message }) => message === 'contradicting heads were not stored'));
});
