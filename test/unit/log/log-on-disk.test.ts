import { Log } from '../../../src/log/index.ts';
import { openStore } from '../../../src/platform/node/store.ts';
import type { Store } from '../../../src/ports.ts';
import { bytes, is } from '../../support/assert.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { suite } from '../../support/suite.ts';
import { crypto, entriesFrom, entryAt, LOG_SIGNER, ORIGIN, rootOf } from './logs.ts';

const test = suite('log on disk', { timeout: 30_000 });
const open = (store: Store) => new Log({ crypto, store, prefix: 'log/', origin: ORIGIN, signer: LOG_SIGNER });

test('what was committed is there after the store is opened again, accepted or not', async () => {
  const folder = temporaryFolder();
  for (const [from, count] of [
    [0, 3],
    [3, 255],
    [258, 1],
  ]) {
    const store = await openStore(folder);
    const log = open(store);
    bytes(log.root, rootOf(from));
    await store.commit(log.stage(entriesFrom(from, count)).changes);
    await store.close();
  }
  const store = await openStore(folder);
  const log = open(store);
  is(log.size, 259);
  bytes(log.root, rootOf(259));
  bytes(log.entry(258), entryAt(258));
  log.audit();
  await store.close();
});
