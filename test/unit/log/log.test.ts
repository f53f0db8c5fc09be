import fc from 'fast-check';
import { concat, utf8, utf8Decode } from '../../../src/base/bytes.ts';
import { OotoError } from '../../../src/base/errors.ts';
import {
  advanceView,
  cosign,
  exportLog,
  formatNote,
  Log,
  parseNote,
  parseTilePath,
  TileTree,
  verifyCheckpoint,
  verifyConsistency,
  verifyExportedLog,
  verifyInclusion,
} from '../../../src/log/index.ts';
import type { StoreChange } from '../../../src/ports.ts';
import { bytes, equal, is, ok, thrown, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import {
  crypto,
  entriesFrom,
  entryAt,
  flipped,
  grow,
  LOG_SIGNER,
  logOf,
  MemoryStore,
  ORIGIN,
  openLog,
  POLICY,
  rootOf,
  signerOf,
} from './logs.ts';

const test = suite('log', { timeout: 60_000 });

test('an empty log has the empty root and signs it when asked', () => {
  const store = new MemoryStore();
  const log = openLog(store);
  is(log.size, 0);
  is(log.checkpoint, undefined);
  bytes(log.root, rootOf(0));
  is(verifyCheckpoint(crypto, grow(log, store, []), POLICY).size, 0);
  is(openLog(store).size, 0);
});

test('however it is cut into commits, the tree is the same and each head verifies', () => {
  const commits = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(commits, (counts) => {
      const store = new MemoryStore();
      let log = openLog(store);
      for (const count of counts) {
        const size = log.size + count;
        const checkpoint = grow(log, store, entriesFrom(log.size, count));
        const head = verifyCheckpoint(crypto, checkpoint, POLICY);
        is(head.size, size);
        bytes(head.root, rootOf(size));
        log = openLog(store);
        bytes(log.root, rootOf(size));
      }
      log.audit();
    }),
    { numRuns: 15 },
  );
});

test('across 65,536 leaves the upper levels are right', () => {
  const store = new MemoryStore();
  const log = openLog(store);
  const small = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => Uint8Array.of((from + i) >> 16, (from + i) >> 8, from + i));
  grow(log, store, small(0, 65_535));
  const before = log.root;
  grow(log, store, small(65_535, 3));
  bytes(log.root, crypto.merkle.root(small(0, 65_538)));
  ok(store.get('log/tile/2/000'));
  bytes(openLog(store).root, log.root);
  const proof = log.proveConsistency(65_535);
  verifyConsistency(crypto, { size1: 65_535, root1: before, size2: 65_538, root2: log.root, proof });
  bytes(log.entry(65_536), Uint8Array.of(1, 0, 0));
});

test('proofs to any leaf and between any two sizes come from the stored tiles', () => {
  const { store } = logOf(600);
  const log = openLog(store);
  const pairs = fc.tuple(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 600 }), fc.nat());
  fc.assert(
    fc.property(pairs, ([a, b, at]) => {
      const [size1, size2] = [Math.min(a, b), Math.max(a, b)];
      const index = at % size1;
      const leafHash = crypto.merkle.leafHash(entryAt(index));
      const proof = log.proveInclusion(index, size1);
      verifyInclusion(crypto, { index, size: size1, leafHash, root: rootOf(size1), proof });
      const [root1, root2] = [rootOf(size1), rootOf(size2)];
      verifyConsistency(crypto, { size1, root1, size2, root2, proof: log.proveConsistency(size1, size2) });
      bytes(log.entry(index), entryAt(index));
    }),
    { numRuns: 60 },
  );
  equal(log.proveConsistency(0), []);
  for (const index of [600, -1, 0.5]) throwsCode(() => log.entry(index), 'OOTO_LOG_RANGE');
  for (const size of [601, -1, 0.5]) {
    throwsCode(() => log.proveInclusion(0, size), 'OOTO_LOG_RANGE');
    throwsCode(() => log.proveConsistency(size), 'OOTO_LOG_RANGE');
    throwsCode(() => log.rootAt(size), 'OOTO_LOG_RANGE');
  }
});

test('a reader written from the paths alone gets every tile, bundle and proof', () => {
  const { log } = logOf(700);
  const tree = new TileTree(crypto, 700, (level, index) => {
    const width = Math.min(256, Math.floor(700 / 256 ** level) - 256 * index);
    const suffix = width === 256 ? '' : `.p/${width}`;
    return log.resource(`tile/${level}/00${index}${suffix}`);
  });
  bytes(tree.root(), rootOf(700));
  is(utf8Decode(log.resource('checkpoint')!), log.checkpoint);
  bytes(log.resource('tile/0/002.p/3')!, log.resource('tile/0/002.p/188')!.subarray(0, 96));
  const first = log.resource('tile/entries/002.p/1')!;
  bytes(first, concat(Uint8Array.of(0, utf8('entry 512').length), utf8('entry 512')));
  for (const path of [
    'tile/0/002',
    'tile/0/002.p/189',
    'tile/0/003.p/1',
    'tile/2/000.p/1',
    'tile/entries/003.p/1',
  ])
    is(log.resource(path), undefined);
  throwsCode(() => log.resource('../checkpoint'), 'OOTO_LOG_PATH');
  is(parseTilePath('tile/0/002.p/3').width, 3);
});

test('a stage shows nothing until it is accepted, and only one is open', () => {
  const { log, store } = logOf(3);
  const staged = log.stage(entriesFrom(3, 2));
  is(log.size, 3);
  is(staged.size, 5);
  bytes(staged.root, rootOf(5));
  throwsCode(() => log.stage([]), 'OOTO_LOG_STAGED');
  throwsCode(() => log.accept({ ...staged }), 'OOTO_LOG_STAGED');
  log.discard(staged);
  throwsCode(() => log.accept(staged), 'OOTO_LOG_STAGED');
  is(log.size, 3);
  grow(log, store, entriesFrom(3, 1));
  bytes(openLog(store).root, rootOf(4));
});

test('a crash between commit and accept loses nothing; one before the commit leaves the old head', () => {
  const { log, store } = logOf(300);
  const staged = log.stage(entriesFrom(300, 10));
  bytes(openLog(store).root, rootOf(300));
  store.apply(staged.changes);
  const reopened = openLog(store);
  is(reopened.size, 310);
  is(reopened.checkpoint, staged.checkpoint);
  reopened.audit();
});

test('a store torn at any change of any commit is noticed when the log is opened', () => {
  const { log, store } = logOf(250);
  for (const count of [1, 4, 1, 3, 260]) {
    const staged = log.stage(entriesFrom(log.size, count));
    for (let kept = 1; kept < staged.changes.length; kept++) {
      requireNoticed(store, staged.changes.slice(0, kept));
      requireNoticed(store, staged.changes.slice(-kept));
    }
    store.apply(staged.changes);
    log.accept(staged);
  }
});

function requireNoticed(store: MemoryStore, changes: readonly StoreChange[]): void {
  const torn = store.copy();
  torn.apply(changes);
  throwsCode(() => openLog(torn), 'OOTO_LOG_STORE');
}

test('a value cut short, lost or altered is noticed when the log is opened', () => {
  const { store } = logOf(520);
  const keys = [...store.content.keys()];
  fc.assert(
    fc.property(fc.constantFrom(...keys), fc.nat(), fc.nat(7), fc.nat(2), (key, where, bit, kind) => {
      const broken = store.copy();
      const value = broken.content.get(key)!;
      if (kind === 0) broken.content.delete(key);
      else if (kind === 1) broken.content.set(key, value.slice(0, where % value.length));
      else broken.content.set(key, flipped(value, where % value.length, 1 << bit));
      const error = thrown(() => openLog(broken));
      ok(error instanceof OotoError, `${key} ${kind}: ${error}`);
    }),
    { numRuns: 60 },
  );
});

test('an entry altered together with its hash does not fit the signed root', () => {
  for (const size of [5, 256 + 5]) {
    const { store } = logOf(size);
    const forged = new MemoryStore();
    const other = openLog(forged);
    grow(other, forged, [...entriesFrom(0, size - 1), utf8('forged')]);
    forged.content.set('log/checkpoint', store.content.get('log/checkpoint')!);
    throwsCode(() => openLog(forged), 'OOTO_LOG_STORE');
  }
});

test('proofs are never made of tiles altered while the log is open', () => {
  const { store } = logOf(600);
  const log = openLog(store);
  const [tile, bundle] = ['log/tile/0/000', 'log/tile/entries/000'].map((key) => store.content.get(key)!);
  store.content.set('log/tile/0/000', flipped(tile, 40));
  throwsCode(() => log.proveInclusion(0), 'OOTO_LOG_STORE');
  throwsCode(() => log.proveInclusion(0, 100), 'OOTO_LOG_STORE');
  throwsCode(() => log.proveConsistency(100), 'OOTO_LOG_STORE');
  throwsCode(() => log.entry(1), 'OOTO_LOG_STORE');
  throwsCode(() => openLog(store), 'OOTO_LOG_STORE');
  store.content.set('log/tile/0/000', tile);
  store.content.set('log/tile/entries/000', flipped(bundle, 4));
  throwsCode(() => log.entry(0), 'OOTO_LOG_STORE');
  throwsCode(() => log.audit(), 'OOTO_LOG_STORE');
  store.content.set('log/tile/entries/000', bundle);
  log.audit();
});

test('an older store is noticed by a head known elsewhere', () => {
  const { log, store } = logOf(10);
  const old = store.copy();
  grow(log, store, entriesFrom(10, 5));
  const anchor = { size: 15, root: log.root };
  is(openLog(store, anchor).size, 15);
  throwsCode(() => openLog(old, anchor), 'OOTO_LOG_ROLLED_BACK');
  throwsCode(() => openLog(new MemoryStore(), anchor), 'OOTO_LOG_ROLLED_BACK');
  throwsCode(() => openLog(store, { size: 12, root: rootOf(11) }), 'OOTO_LOG_ROLLED_BACK');
  is(openLog(store, { size: 12, root: rootOf(12) }).size, 15);
});

test('an old checkpoint over new tiles is noticed', () => {
  for (const [from, count] of [
    [10, 1],
    [255, 1],
    [255, 2],
    [256, 1],
    [511, 300],
  ]) {
    const { log, store } = logOf(from);
    const old = store.get('log/checkpoint')!;
    grow(log, store, entriesFrom(from, count));
    store.content.set('log/checkpoint', old);
    throwsCode(() => openLog(store), 'OOTO_LOG_STORE');
  }
});

test('the store of another log, or of another key, is not opened', () => {
  const { store } = logOf(5);
  const options = { crypto, store, prefix: 'log/' };
  throwsCode(() => new Log({ ...options, origin: 'other', signer: LOG_SIGNER }), 'OOTO_LOG_STORE');
  throwsCode(() => new Log({ ...options, origin: ORIGIN, signer: signerOf(2) }), 'OOTO_LOG_STORE');
  throwsCode(() => new Log({ ...options, origin: 'a b', signer: LOG_SIGNER }), 'OOTO_LOG_KEY');
});

test('entries of 65,535 bytes and of none are kept, longer ones refused', () => {
  const store = new MemoryStore();
  const log = openLog(store);
  const entries = [new Uint8Array(), new Uint8Array(65_535).fill(3)];
  grow(log, store, entries);
  equal([...openLog(store).entries()], entries);
  throwsCode(() => log.stage([new Uint8Array(65_536)]), 'OOTO_LOG_ENTRY');
  grow(log, store, [utf8('after')]);
});

test('cosignatures are kept with the checkpoint', () => {
  const { log, store } = logOf(5);
  const signer = signerOf(5);
  const witness = { name: 'witness.example/w1', publicKey: signer.publicKey };
  const line = cosign(crypto, parseNote(log.checkpoint!).text, 77, witness.name, signer);
  const staged = log.stageCosignatures([line]);
  store.apply(staged.changes);
  log.accept(staged);
  const policy = { ...POLICY, witnesses: [witness], quorum: 1 };
  const head = verifyCheckpoint(crypto, openLog(store).checkpoint!, policy);
  equal(head.cosignatures, [{ name: witness.name, time: 77 }]);
  throwsCode(() => openLog(new MemoryStore()).stageCosignatures([line]), 'OOTO_LOG_STAGED');
});

test('an exported log is verified in full; no changed, missing or added byte passes', () => {
  const { log, store } = logOf(20);
  const signer = signerOf(5);
  const witness = { name: 'witness.example/w1', publicKey: signer.publicKey };
  const policy = { ...POLICY, witnesses: [witness] };
  const staged = log.stageCosignatures([
    cosign(crypto, parseNote(log.checkpoint!).text, 77, witness.name, signer),
  ]);
  store.apply(staged.changes);
  log.accept(staged);
  const exported = exportLog(log);
  equal(verifyExportedLog(crypto, exported, policy).entries, entriesFrom(0, 20));
  for (let at = 0; at < exported.length; at++) {
    const bit = 1 << (at % 8);
    const error = thrown(() => verifyExportedLog(crypto, flipped(exported, at, bit), policy));
    ok(error instanceof OotoError, `byte ${at}: ${error}`);
  }
  for (let cut = 0; cut < exported.length; cut += 7)
    ok(thrown(() => verifyExportedLog(crypto, exported.subarray(0, cut), policy)) instanceof OotoError);
  throwsCode(
    () => verifyExportedLog(crypto, concat(exported, Uint8Array.of(0)), policy),
    'OOTO_BASE_TRAILING',
  );
  throwsCode(() => verifyExportedLog(crypto, exported, POLICY), 'OOTO_LOG_EXPORT');
  throwsCode(() => exportLog(openLog(new MemoryStore())), 'OOTO_LOG_STAGED');
});

test('an exported log with a repeated signature line is refused', () => {
  const { log } = logOf(3);
  const note = parseNote(log.checkpoint!);
  const twice = formatNote({ ...note, signatures: [...note.signatures, ...note.signatures] });
  const fake = { checkpoint: twice, size: 3, entries: () => log.entries() } as unknown as Log;
  throwsCode(() => verifyExportedLog(crypto, exportLog(fake), POLICY), 'OOTO_LOG_EXPORT');
});

test('what was read as a view is what the log went on from', () => {
  const { log, store } = logOf(3);
  let view = advanceView(crypto, POLICY, undefined, log.checkpoint!, []);
  for (const count of [0, 1, 250, 5]) {
    const note = grow(log, store, entriesFrom(log.size, count));
    view = advanceView(crypto, POLICY, view, note, log.proveConsistency(view.size));
    is(view.size, log.size);
  }
});
