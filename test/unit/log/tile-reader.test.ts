/** Proofs from published tiles, against the log that made them and against a reader written from the specifications. */
import fc from 'fast-check';
import { OotoError } from '../../../src/base/errors.ts';
import {
  formatEntryProof,
  parseEntryProof,
  parseTilePath,
  type TiledLog,
  TileReader,
  tilePath,
  verifyCheckpoint,
  verifyConsistency,
  verifyEntryProof,
} from '../../../src/log/index.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';
import { crypto, entryAt, grow, MemoryStore, openLog, POLICY } from './logs.ts';

const test = suite('log/tile-reader');
const store = new MemoryStore();
const log = openLog(store);
const SIZE = 256 * 257 + 77;
const EARLIER = 70;
let earlier = '';

test.before(() => {
  earlier = grow(
    log,
    store,
    Array.from({ length: EARLIER }, (_, i) => entryAt(i)),
  );
  grow(
    log,
    store,
    Array.from({ length: SIZE - EARLIER }, (_, i) => entryAt(EARLIER + i)),
  );
});

function source(change: (path: string, bytes: Uint8Array) => Uint8Array | undefined = (_, bytes) => bytes) {
  const asked: string[] = [];
  const resource: TiledLog['resource'] = async (address) => {
    const path = tilePath(address);
    asked.push(path);
    const bytes = change(path, log.resource(path)!);
    if (!bytes) throw new OotoError('OOTO_LOG_ENTRIES', 'peer', path);
    return bytes;
  };
  return { asked, resource };
}

const head = () => verifyCheckpoint(crypto, log.checkpoint!, POLICY);
const reader = (from = source()) => new TileReader(crypto, from, head());
const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

test('an entry comes with the proof that the log itself gives, from three tiles and one bundle', async () => {
  for (const index of [0, 1, 255, 256, 65_535, 65_536, SIZE - 1]) {
    const from = source();
    const { entry, proof } = await reader(from).entry(index);
    assert.equal([entry, proof], [entryAt(index), log.proveInclusion(index)], `entry ${index}`);
    assert.ok(from.asked.length <= 6, from.asked.join());
    for (const path of from.asked) parseTilePath(path);
  }
  await assert.rejectsCode(reader().entry(SIZE), 'OOTO_LOG_RANGE');
});

test('the proof of an entry in text verifies offline, and no byte of it can be another', async () => {
  const proven = await reader().entry(65_600);
  const text = formatEntryProof({ ...proven, checkpoint: log.checkpoint! });
  assert.match(text, /^c2sp\.org\/tlog-proof@v1\nextra [\w+/=]+\nindex 65600\n/);
  const judged = verifyEntryProof(crypto, text, POLICY);
  assert.equal([judged.entry, judged.index, judged.checkpoint.size], [entryAt(65_600), 65_600, SIZE]);
  assert.is(formatEntryProof(parseEntryProof(text)), text);
  for (let at = 0; at < text.length; at++) {
    const other = text[at] === 'A' ? 'B' : 'A';
    const bent = `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
    assert.throws(() => verifyEntryProof(crypto, bent, POLICY), `byte ${at}`);
  }
});

test('a proof is of its own index, its own log and brings its entry', async () => {
  const proven = await reader().entry(300);
  const proof = { ...proven, checkpoint: log.checkpoint! };
  const judge = (change: Partial<typeof proof>, policy = POLICY) =>
    verifyEntryProof(crypto, formatEntryProof({ ...proof, ...change }), policy);
  assert.throwsCode(() => judge({ entry: entryAt(301) }), 'OOTO_LOG_INCLUSION');
  assert.throwsCode(() => judge({ index: 301 }), 'OOTO_LOG_INCLUSION');
  assert.throwsCode(() => judge({ proof: proof.proof.slice(1) }), 'OOTO_LOG_INCLUSION');
  assert.throwsCode(() => judge({ checkpoint: earlier }), 'OOTO_LOG_INCLUSION');
  assert.throwsCode(() => judge({}, { ...POLICY, origin: 'elsewhere' }), 'OOTO_LOG_ORIGIN');
  assert.throwsCode(() => judge({}, { ...POLICY, keys: [] }), 'OOTO_LOG_SIGNATURE');
  const bare = formatEntryProof(proof).replace(/extra .*\n/, '');
  assert.throwsCode(() => verifyEntryProof(crypto, bare, POLICY), 'OOTO_LOG_PROOF');
});

test('an earlier head is proven to lead to the newest, and another tree is not', async () => {
  const first = verifyCheckpoint(crypto, earlier, POLICY);
  await reader().requireGrownFrom(first);
  for (const size of [EARLIER, 64, 1, SIZE]) {
    const honest = { ...first, size, root: log.rootAt(size) };
    await reader().requireGrownFrom(honest);
    const other = { ...honest, root: flipped(honest.root, 3) };
    await assert.rejectsCode(reader().requireGrownFrom(other), 'OOTO_LOG_FORK');
  }
  await assert.rejectsCode(reader().requireGrownFrom({ ...first, size: SIZE + 1 }), 'OOTO_LOG_ROLLBACK');
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: SIZE }), async (size1) => {
      const proof = await reader().proveConsistency(size1);
      const [root1, root2] = [log.rootAt(size1), log.root];
      verifyConsistency(crypto, { size1, root1, size2: SIZE, root2, proof });
    }),
    { numRuns: 20 },
  );
});

test('an audit reads all of it, and finds one bit in any tile and any bundle', async () => {
  let count = 0;
  const from = source();
  await reader(from).audit((entries) => {
    count += entries.length;
  });
  assert.is(count, SIZE);
  const paths = new Set(from.asked);
  for (const bad of ['tile/0/000', 'tile/0/257.p/77', 'tile/1/000', 'tile/1/001.p/1', 'tile/entries/017']) {
    assert.ok(paths.has(bad), bad);
    for (const change of [(bytes: Uint8Array) => flipped(bytes, bytes.length - 1), () => undefined])
      await assert.rejectsCode(
        reader(source((path, bytes) => (path === bad ? change(bytes) : bytes))).audit(),
        'OOTO_LOG_ENTRIES',
      );
  }
});

test('an entry of a bent bundle or a bent tile is not shown', async () => {
  const bent = (bad: string) =>
    reader(source((path, bytes) => (path === bad ? flipped(bytes, bytes.length - 1) : bytes)));
  await assert.rejectsCode(bent('tile/entries/000').entry(255), 'OOTO_LOG_INCLUSION');
  await assert.rejectsCode(bent('tile/0/000').entry(3), 'OOTO_LOG_INCLUSION');
});
