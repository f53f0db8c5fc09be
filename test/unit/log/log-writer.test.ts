import fc from 'fast-check';
import { utf8, utf8Decode } from '../../../src/base/bytes.ts';
import { OotoError } from '../../../src/base/errors.ts';
import { type LogAddition, LogWriter } from '../../../src/log/index.ts';
import type { StoreChange } from '../../../src/ports.ts';
import * as assert from '../../support/assert.ts';
import { diskFull, MemoryStore } from '../../support/memory-store.ts';
import { suite } from '../../support/suite.ts';
import { openLog } from './logs.ts';

const test = suite('log/log-writer');

function writer(store = new MemoryStore()) {
  const log = openLog(store);
  return { store, log, writer: new LogWriter({ log, store }) };
}

const entry = (text: string, changes: StoreChange[] = []): LogAddition => ({ leaf: utf8(text), changes });

/** Holds the commits of a store until told. */
function held(store: MemoryStore): { release(): void; waiting(): number } {
  const gates: (() => void)[] = [];
  store.beforeCommit = () => new Promise<void>((resolve) => void gates.push(resolve));
  return { release: () => gates.shift()?.(), waiting: () => gates.length };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('entries of one turn share a commit and a checkpoint, in the order in which they came', async () => {
  const { store, log, writer: appender } = writer();
  const places = await Promise.all(['a', 'b', 'c'].map((text) => appender.append(() => entry(text))));
  assert.equal(places, [0, 1, 2]);
  assert.is(store.commits.length, 1);
  assert.equal([...log.entries()].map(utf8Decode), ['a', 'b', 'c']);
});

test('nothing waits for company: a lone entry is committed at once, and later ones share the next commit', async () => {
  const { store, log, writer: appender } = writer();
  const gate = held(store);
  const first = appender.append(() => entry('first'));
  await turn();
  assert.is(gate.waiting(), 1);
  const others = ['b', 'c', 'd'].map((text) => appender.append(() => entry(text)));
  await turn();
  assert.is(gate.waiting(), 1, 'one commit at a time');
  assert.is(log.size, 0);
  gate.release();
  assert.is(await first, 0);
  assert.is(log.size, 1, 'the others are not shown before they are durable');
  await turn();
  gate.release();
  assert.equal(await Promise.all(others), [1, 2, 3]);
  assert.is(store.commits.length, 2);
});

test('an entry is judged over what those before it bring, stored or not', async () => {
  const { store, writer: appender } = writer();
  const gate = held(store);
  const claim = () =>
    appender.append((state) => {
      if (state.get('invite')) throw new OotoError('OOTO_AUTHORITY_INVITE_USED', 'peer', 'spent');
      return entry('claimed', [{ put: 'invite', value: utf8('spent') }]);
    });
  const first = claim();
  await assert.rejectsCode(claim(), 'OOTO_AUTHORITY_INVITE_USED');
  await turn();
  await assert.rejectsCode(claim(), 'OOTO_AUTHORITY_INVITE_USED');
  gate.release();
  await first;
  await assert.rejectsCode(claim(), 'OOTO_AUTHORITY_INVITE_USED');
  const freed = appender.append(() => entry('freed', [{ delete: 'invite' }]));
  const again = claim();
  await turn();
  gate.release();
  assert.equal(await Promise.all([freed, again]), [1, 2]);
});

test('an entry that is there already is told of when it is durable, not before', async () => {
  const { store, writer: appender } = writer();
  const gate = held(store);
  const once = () =>
    appender.append((state, index) => {
      const known = state.get('place');
      return known ? known[0] : entry('once', [{ put: 'place', value: Uint8Array.of(index) }]);
    });
  let told = 0;
  const both = [once(), once()].map((place) => place.finally(() => told++));
  await turn();
  assert.is(told, 0);
  gate.release();
  await turn();
  gate.release();
  assert.equal(await Promise.all(both), [0, 0]);
  assert.is(await once(), 0);
});

test('a commit that fails takes with it what was judged on top of it; the log goes on', async () => {
  const { store, log, writer: appender } = writer();
  let fail = () => {};
  store.beforeCommit = () =>
    new Promise<void>((_, reject) => {
      fail = () => reject(new OotoError('OOTO_STORE_WRITE', 'environment', 'full'));
    });
  const first = appender.append(() => entry('a', [{ put: 'k', value: utf8('v') }]));
  await turn();
  const second = appender.append((state) => entry(state.get('k') ? 'on top' : 'alone'));
  fail();
  await assert.rejectsCode(first, 'OOTO_STORE_WRITE');
  await assert.rejectsCode(second, 'OOTO_STORE_WRITE');
  assert.is(log.size, 0);
  store.beforeCommit = () => {};
  assert.is(await appender.append((state) => entry(state.get('k') ? 'on top' : 'alone')), 0);
  assert.equal([...log.entries()].map(utf8Decode), ['alone']);
});

test('a refused entry leaves no gap, and a writer that failed before begins anew', async () => {
  const { store, writer: appender } = writer();
  store.beforeCommit = diskFull;
  await assert.rejectsCode(
    appender.append(() => entry('lost')),
    'OOTO_STORE_WRITE',
  );
  store.beforeCommit = () => {};
  const refuse = () => {
    throw new OotoError('OOTO_AUTHORITY_TBS', 'peer', 'no');
  };
  const outcomes = await Promise.allSettled([
    appender.append(() => entry('a')),
    appender.append(refuse),
    appender.append(() => entry('b')),
  ]);
  assert.equal(
    outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 'refused')),
    [0, 'refused', 1],
  );
});

test('whatever fails and whenever entries come, what was told stands at its place in a whole log', async () => {
  const step = fc.record({ count: fc.integer({ min: 1, max: 5 }), fails: fc.boolean(), pause: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const { store, log, writer: appender } = writer();
      const told = new Map<number, string>();
      const running: Promise<unknown>[] = [];
      let serial = 0;
      for (const { count, fails, pause } of steps) {
        store.beforeCommit = fails ? diskFull : () => {};
        for (let i = 0; i < count; i++) {
          const text = `entry ${serial++}`;
          const place = appender.append(() => entry(text));
          running.push(place.then((index) => told.set(index, text)).catch(() => {}));
        }
        if (pause) await turn();
      }
      await Promise.all(running);
      const reopened = openLog(store.reopened());
      reopened.audit();
      assert.is(reopened.size, log.size);
      assert.is(told.size, log.size);
      [...reopened.entries()].forEach((bytes, index) => {
        assert.is(utf8Decode(bytes), told.get(index));
      });
    }),
    { numRuns: 100 },
  );
});
