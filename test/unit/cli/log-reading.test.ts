/**
 * Logs read where they are published: from a folder of tiles, over HTTP, and from the store of a member that has it open;
 * by the keys that a node's folder knows, or that were named. A reader written from the specifications reads the same.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { logKeyOf, witnessName } from '../../../src/authority/credential.ts';
import { encodeLeaf } from '../../../src/authority/leaf.ts';
import { utf8 } from '../../../src/base/bytes.ts';
import { hex } from '../../../src/base/hex.ts';
import { openLogPlace } from '../../../src/cli/log-place.ts';
import { proveEntry, showLog, verifyLog, verifyProofFile } from '../../../src/cli/log-reading.ts';
import { exitCode, Terminal } from '../../../src/cli/terminal.ts';
import { answerReader, cosign, formatVerifierKey, Log, parseNote } from '../../../src/log/index.ts';
import { GENESIS_KEY, ROOT_KEY } from '../../../src/mesh/identity.ts';
import { listenHttp } from '../../../src/platform/node/http.ts';
import { openStore } from '../../../src/platform/node/store.ts';
import type { Store } from '../../../src/ports.ts';
import * as assert from '../../support/assert.ts';
import { AuthorityWorld } from '../../support/authority.ts';
import { testCrypto } from '../../support/crypto.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';
import { TlogReader } from '../../support/tlog-reader.ts';

const test = suite('cli/log-reading');
const crypto = testCrypto(seededRandom('log-reading'));
const world = new AuthorityWorld(crypto);
const folder = temporaryFolder();
const member = join(folder, 'a1');
const tiles = join(folder, 'tiles');
const NONE = { logKey: [] as string[], witnessKey: [] as string[], checkpoint: [] as string[] };
const SIZE = 600;
const terminal = new Terminal({ quiet: true });
let store: Store;
let log: Log;

test.before(async () => {
  await world.establish();
  mkdirSync(member);
  writeFileSync(join(member, 'node.toml'), 'name = "a1"\n');
  store = await openStore(join(member, 'state'));
  const { record } = world.mesh;
  await store.commit([
    { put: GENESIS_KEY, value: record.encoded },
    { put: ROOT_KEY, value: world.authority.firstRoot.der },
  ]);
  log = new Log({
    crypto,
    store,
    prefix: 'log/',
    origin: keyOf('a1').name,
    signer: world.mesh.founders[0].log,
  });
  await grow(10);
  writeFileSync(join(folder, 'early.checkpoint'), log.checkpoint!);
  await grow(SIZE - 10);
  await cosigned();
  publish(log, tiles);
});
test.after(() => store.close());

function keyOf(name: string) {
  return logKeyOf(world.authority.committee, name);
}

const leafAt = (index: number) =>
  encodeLeaf({
    ...{ kind: 'certificate', id: `spiffe://${hex(world.authority.meshId)}/worker/w${index}` },
    ...{
      key: crypto.sha256(utf8(`key ${index}`)),
      verdict: 'software',
      tbs: crypto.sha256(utf8(`${index}`)),
    },
    ...{ issuer: crypto.sha256(utf8('issuer')), evidence: crypto.sha256(utf8('evidence')) },
  });

async function grow(count: number): Promise<void> {
  const staged = log.stage(Array.from({ length: count }, (_, i) => leafAt(log.size + i)));
  await store.commit(staged.changes);
  log.accept(staged);
}

async function cosigned(): Promise<void> {
  const { text } = parseNote(log.checkpoint!);
  const name = witnessName(world.authority.meshId, 'a2');
  const staged = log.stageCosignatures([
    cosign(crypto, text, 1_800_000_000, name, world.mesh.founders[1].witness),
  ]);
  await store.commit(staged.changes);
  log.accept(staged);
}

/** As a static server would have it: full tiles, and the partial ones of the newest size alone. */
function publish(from: Log, into: string, change = (_: string, bytes: Uint8Array) => bytes): void {
  const put = (path: string) => {
    mkdirSync(dirname(join(into, path)), { recursive: true });
    writeFileSync(join(into, path), change(path, from.resource(path)!));
  };
  put('checkpoint');
  for (const level of ['0', 'entries'] as const)
    for (const path of ['000', '001', `002.p/${SIZE - 512}`]) put(`tile/${level}/${path}`);
  put('tile/1/000.p/2');
}

test('a member that has its store open, its tiles in a folder and over HTTP show the same, and verify', async () => {
  const listener = await listenHttp('127.0.0.1:0', (request) => answerReader(log, request));
  try {
    const url = `http://${listener.address}`;
    for (const place of [member, tiles, url]) {
      const words = { ...NONE, ...(place === member ? {} : { folder: member }) };
      const shown = await showLog(place, { ...words, quorum: '1', index: '299', count: '2' });
      assert.equal([shown.origin, shown.size, shown.root], [log.origin, SIZE, hex(log.root)], place);
      assert.equal(shown.cosignatures, [
        { name: witnessName(world.authority.meshId, 'a2'), time: '2027-01-15T08:00:00.000Z' },
      ]);
      assert.is(shown.key, formatVerifierKey(crypto, 'ed25519', keyOf('a1')));
      assert.equal(
        shown.entries.map(({ index, kind, id }) => [index, kind, id]),
        [299, 300].map((i) => [i, 'certificate', `spiffe://${hex(world.authority.meshId)}/worker/w${i}`]),
      );
      const checkpoint = [join(folder, 'early.checkpoint')];
      const verified = await verifyLog(place, { ...words, checkpoint }, terminal);
      assert.equal([verified.kinds, verified.consistentWith], [{ certificate: SIZE }, [10]]);
    }
    const reader = new TlogReader(url, log.origin, log.key.publicKey);
    const read = await reader.read(await reader.checkpoint());
    assert.is(read.entries.length, SIZE);
  } finally {
    await listener.close();
  }
});

test('a partial tile that is gone is read from the full one', async () => {
  const { log: source, close } = await openLogPlace(tiles);
  for (const level of [0, 'entries'] as const) {
    const path = level === 'entries' ? 'tile/entries/000.p/20' : 'tile/0/000.p/20';
    assert.bytes(await source.resource({ level, index: 0, width: 20 }), log.resource(path)!);
  }
  await close();
});

test('a proof of an entry verifies offline by the keys of a folder or a named one, and by no others', async () => {
  const out = join(folder, 'entry.tlog-proof');
  const made = await proveEntry(member, { ...NONE, index: '511', out });
  assert.is(readFileSync(out, 'utf8'), made.proof);
  const key = formatVerifierKey(crypto, 'ed25519', keyOf('a1'));
  for (const words of [
    { ...NONE, folder: member, quorum: '1' },
    { ...NONE, logKey: [key] },
  ]) {
    const { entry, size } = await verifyProofFile(out, words);
    assert.equal([entry.index, entry.key, size], [511, hex(crypto.sha256(utf8('key 511'))), SIZE]);
  }
  const refused = async (words: typeof NONE & { quorum?: string; folder?: string }, file = out) => {
    const error = await assert.rejectsCode(verifyProofFile(file, words), 'OOTO_VERIFY_LOG_PROOF');
    assert.is(exitCode(error), 3);
    return error.message;
  };
  const other = formatVerifierKey(crypto, 'ed25519', { ...keyOf('a2'), name: keyOf('a1').name });
  assert.match(await refused({ ...NONE, logKey: [other] }), /OOTO_LOG_SIGNATURE/);
  assert.match(await refused({ ...NONE, folder: member, quorum: '2' }), /OOTO_LOG_QUORUM/);
  const bent = join(folder, 'bent.tlog-proof');
  writeFileSync(bent, made.proof.replace('index 511', 'index 510'));
  assert.match(await refused({ ...NONE, folder: member }, bent), /OOTO_LOG_INCLUSION/);
  await assert.rejectsCode(verifyProofFile(out, NONE), 'OOTO_CLI_USAGE');
});

test('published tiles that were changed, set back or are of another history do not verify', async () => {
  const words = { ...NONE, folder: member };
  const verify = async (place: string, checkpoint: string[] = []) => {
    const error = await assert.rejectsCode(
      verifyLog(place, { ...words, checkpoint }, terminal),
      'OOTO_VERIFY_PUBLISHED_LOG',
    );
    assert.is(exitCode(error), 3);
    return error.message;
  };
  for (const bad of ['tile/0/001', 'tile/1/000.p/2', 'tile/entries/000']) {
    const place = join(folder, bad.replaceAll('/', '-'));
    publish(log, place, (path, bytes) => {
      const bent = bytes.slice();
      if (path === bad) bent[bent.length - 1] ^= 1;
      return bent;
    });
    assert.match(await verify(place), /OOTO_LOG_ENTRIES/);
  }
  const later = join(folder, 'later.checkpoint');
  await grow(1);
  writeFileSync(later, log.checkpoint!);
  assert.match(await verify(tiles, [later]), /OOTO_LOG_ROLLBACK/);
  const forked = join(folder, 'forked.checkpoint');
  const memory = new Map<string, Uint8Array>();
  const fork = new Log({
    ...{ crypto, store: { get: (key: string) => memory.get(key) } },
    ...{ origin: log.origin, signer: world.mesh.founders[0].log },
  });
  const staged = fork.stage([leafAt(7), leafAt(8)]);
  for (const change of staged.changes) if ('put' in change) memory.set(change.put, change.value);
  fork.accept(staged);
  writeFileSync(forked, staged.checkpoint);
  assert.match(await verify(tiles, [forked]), /OOTO_LOG_FORK/);
});

test('a place that is no log, and a member that keeps none, are named', async () => {
  await assert.rejectsCode(openLogPlace(folder), 'OOTO_CLI_USAGE');
  const words = { ...NONE, folder: member };
  await assert.rejectsCode(showLog('http://127.0.0.1:1', words), 'OOTO_TRANSPORT_UNREACHABLE');
  await assert.rejectsCode(showLog(member, { ...words, index: 'x' }), 'OOTO_CLI_USAGE');
  await assert.rejectsCode(showLog(member, { ...words, index: '9999' }), 'OOTO_LOG_RANGE');
});
