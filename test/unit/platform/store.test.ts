import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { compare, utf8 } from '../../../src/base/bytes.ts';
import { openStore } from '../../../src/platform/node/store.ts';
import type { Store, StoreChange } from '../../../src/ports.ts';
import { bytes, equal, is, ok, rejectsCode, throws, throwsCode } from '../../support/assert.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { suite } from '../../support/suite.ts';

const test = suite('store', { timeout: 60_000 });
const END = '\u{10ffff}';

async function withStore(body: (store: Store) => Promise<void>, folder = temporaryFolder()) {
  const store = await openStore(folder);
  try {
    await body(store);
  } finally {
    await store.close();
  }
}

const put = (key: string, ...value: number[]): StoreChange => ({ put: key, value: Uint8Array.from(value) });

test('what was committed is read at once and after reopening', async () => {
  const folder = temporaryFolder();
  await withStore(async (store) => {
    await store.commit([put('a', 1, 2), put('b')]);
    bytes(store.get('a') as Uint8Array, Uint8Array.of(1, 2));
    is(store.get('b')?.length, 0);
    await store.commit([{ delete: 'a' }, put('c', 3)]);
    is(store.get('a'), undefined);
  }, folder);
  await withStore(async (store) => {
    equal(
      store.range('', END).map(({ key }) => key),
      ['b', 'c'],
    );
  }, folder);
});

test('values are plain arrays of their own', () =>
  withStore(async (store) => {
    const value = Uint8Array.of(7, 7);
    const committed = store.commit([{ put: 'k', value }]);
    value.fill(0);
    await committed;
    const first = store.get('k') as Uint8Array;
    is(first.constructor, Uint8Array);
    first.fill(9);
    bytes(store.get('k') as Uint8Array, Uint8Array.of(7, 7));
  }));

test('ranges agree with a sorted list, for any Unicode keys', () => {
  const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((k) => !/\p{Cs}/u.test(k));
  const options = fc.record({ limit: fc.nat(5), reverse: fc.boolean() }, { requiredKeys: [] });
  return withStore((store) =>
    fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(key, { maxLength: 30 }),
        fc.oneof(key, fc.constant('')),
        key,
        options,
        async (keys, from, to, chosen) => {
          const old = store.range('', END).map((entry): StoreChange => ({ delete: entry.key }));
          await store.commit(old);
          await store.commit(keys.map((k) => ({ put: k, value: utf8(k) })));
          const order = (a: string, b: string) => compare(utf8(a), utf8(b));
          let expected = keys.filter((k) => order(from, k) <= 0 && order(k, to) < 0).sort(order);
          if (chosen.reverse) expected.reverse();
          expected = expected.slice(0, chosen.limit ?? expected.length);
          const found = store.range(from, to, chosen);
          equal(
            found.map((entry) => entry.key),
            expected,
          );
          for (const entry of found) bytes(entry.value, utf8(entry.key));
        },
      ),
      { numRuns: 150 },
    ),
  );
});

test('a commit is seen whole or not at all', () =>
  withStore(async (store) => {
    const long = 'k'.repeat(501);
    await rejectsCode(store.commit([put('x', 1), put(long, 1)]), 'OOTO_STORE_KEY');
    is(store.get('x'), undefined);
    await store.commit([put('k'.repeat(500), 1)]);
    throwsCode(() => store.get(''), 'OOTO_STORE_KEY');
    throwsCode(() => store.get('\ud800'), 'OOTO_STORE_KEY');
  }));

test('many commits of one turn all hold, in their order', () =>
  withStore(async (store) => {
    await Promise.all(
      Array.from({ length: 500 }, (_, i) => store.commit([put('last', i >> 8, i & 255), put(`n${i}`, 1)])),
    );
    bytes(store.get('last') as Uint8Array, Uint8Array.of(1, 243));
    is(store.range('n', 'o').length, 500);
  }));

test('files are closed to others, also where a loose umask and folder were', async () => {
  const folder = join(temporaryFolder(), 'node');
  mkdirSync(folder, { mode: 0o755 });
  const umask = process.umask(0);
  try {
    await withStore(async (store) => store.commit([put('a', 1)]), folder);
  } finally {
    process.umask(umask);
  }
  is(statSync(folder).mode & 0o777, 0o700);
  for (const file of ['store.lmdb', 'store.lmdb-lock']) is(statSync(join(folder, file)).mode & 0o777, 0o600);
});

test('a file that is no store is refused', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'store.lmdb'), 'not a database'.repeat(1000));
  await rejectsCode(openStore(folder), 'OOTO_STORE_OPEN');
});

test('after closing nothing is read or written', async () => {
  const store = await openStore(temporaryFolder());
  await store.close();
  throwsCode(() => store.get('a'), 'OOTO_STORE_CLOSED');
  await rejectsCode(store.commit([put('a', 1)]), 'OOTO_STORE_CLOSED');
  await store.close();
});

test('kill -9: every acknowledged commit is there, and every commit is whole', async () => {
  const folder = temporaryFolder();
  const script = join(import.meta.dirname, 'store-writer.tmp.mjs');
  const { buildSync } = await import('esbuild');
  buildSync({
    stdin: {
      contents: `
        import { openStore } from './src/platform/node/store.ts';
        const store = await openStore(process.argv[2]);
        let n = store.range('n', 'o', { reverse: true, limit: 1 })[0];
        let i = n ? Number(n.key.slice(1)) + 1 : 0;
        for (;; i++) {
          const key = 'n' + String(i).padStart(9, '0');
          const parts = Array.from({ length: 40 }, (_, p) => ({ put: 'p' + key + '.' + p, value: new Uint8Array(900) }));
          await store.commit([{ put: key, value: new Uint8Array(8) }, ...parts]);
          process.stdout.write(key + '\\n');
        }`,
      resolveDir: process.cwd(),
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    outfile: script,
    logLevel: 'error',
  });
  let acknowledged = '';
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk) => {
        output += chunk;
        if (output.length > 10 * (20 + 13 * round)) child.kill('SIGKILL');
      });
      child.on('close', () => resolve());
    });
    acknowledged = output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1) as string;
    await withStore(async (store) => {
      const keys = store.range('n', 'o').map((entry) => entry.key);
      ok(keys.includes(acknowledged), `${acknowledged} was acknowledged and is gone`);
      is(keys.length, Number(keys.at(-1)?.slice(1)) + 1);
      is(store.range('p', 'q').length, keys.length * 40);
    }, folder);
  }
});

test('every page lmdb takes was made sure of before, whatever is committed', () => {
  const folder = temporaryFolder();
  const size = () => statSync(join(folder, 'store.lmdb')).size;
  const length = fc.oneof(fc.nat(200), fc.nat(5_000), fc.constantFrom(2_000, 4_080, 300_000));
  const change = fc.tuple(fc.nat(300), fc.option(length, { freq: 4 }));
  const commits = fc.array(fc.array(change, { minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 4 });
  return withStore(
    (store) =>
      fc.assert(
        fc.asyncProperty(commits, async (batches) => {
          const pending = batches.map((changes) =>
            store.commit(
              changes.map(([key, bytes]) =>
                bytes === null
                  ? { delete: `k${key}` }
                  : { put: `k${key}`.padEnd(key, '-'), value: new Uint8Array(bytes) },
              ),
            ),
          );
          const made = size();
          await Promise.all(pending);
          is(size(), made, 'lmdb has not made the file longer');
        }),
        { numRuns: 150 },
      ),
    folder,
  );
});

if (canMount()) {
  test('full disk: commits fail, lmdb says nothing of it, and the store goes on when there is room', async () => {
    const folder = temporaryFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]);
    const complaints: unknown[] = [];
    const complain = console.error;
    console.error = (...words: unknown[]) => complaints.push(words);
    try {
      await withStore(
        async (store) => {
          const value = new Uint8Array(9_000);
          for (let round = 0; round < 5; round++) {
            await store.commit([{ put: `r${round}`, value }]);
            const filler = join(folder, 'filler');
            throws(() => writeFileSync(filler, new Uint8Array(4 * 1024 * 1024)), /ENOSPC/);
            const tries = Array.from({ length: 200 }, (_, n) =>
              store.commit([{ put: `n${round}.${n}`, value }]),
            );
            const refused = (await Promise.allSettled(tries)).filter(({ status }) => status === 'rejected');
            ok(refused.length > 100, 'most found no room');
            rmSync(filler);
          }
          is(store.range('r', 's').length, 5);
        },
        join(folder, 'node'),
      );
    } finally {
      console.error = complain;
      execFileSync('umount', [folder]);
    }
    equal(complaints, []);
  });

  test('full disk: the commit fails as a whole, later ones work', async () => {
    const folder = temporaryFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
    try {
      await withStore(
        async (store) => {
          let n = 0;
          const write = async () => {
            for (; n < 200; n++)
              await store.commit([{ put: `a${n}`, value: new Uint8Array(30_000) }, put(`b${n}`, 1)]);
          };
          const error = await rejectsCode(write(), 'OOTO_STORE_WRITE');
          is(error.fault, 'environment');
          ok(error.hint?.includes('full'));
          is(store.get(`a${n}`), undefined);
          is(store.get(`b${n}`), undefined);
          await store.commit(Array.from({ length: n }, (_, i): StoreChange => ({ delete: `a${i}` })));
          await store.commit([put('after', 1)]);
          is(store.range('b', 'c').length, n);
        },
        join(folder, 'node'),
      );
    } finally {
      execFileSync('umount', [folder]);
    }
  });
} else console.error('skipped: store: full disk: mounting a small file system needs root');

function canMount(): boolean {
  try {
    const folder = temporaryFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder]);
    return true;
  } catch {
    return false;
  }
}
