import { logKeyOf } from '../../../../src/authority/credential.ts';
import { encodeLeaf } from '../../../../src/authority/leaf.ts';
import { utf8 } from '../../../../src/base/bytes.ts';
import { OotoError } from '../../../../src/base/errors.ts';
import { hex } from '../../../../src/base/hex.ts';
import { encodeForkEvidence, Log, tilePath } from '../../../../src/log/index.ts';
import { exportForkFile, verifyEvidence } from '../../../../src/mesh/audit/evidence-file.ts';
import { downloadLog, type LogSource } from '../../../../src/mesh/audit/log-reader.ts';
import { type LogAlarm, type LogEvent, MemberWatch } from '../../../../src/mesh/audit/log-watch.ts';
import { SeenCheckpoints } from '../../../../src/mesh/seen-checkpoints.ts';
import * as assert from '../../../support/assert.ts';
import { AuthorityWorld } from '../../../support/authority.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { MemoryStore } from '../../../support/memory-store.ts';
import { seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('mesh/audit/log-watch');
const crypto = testCrypto(seededRandom('log-watch'));
const world = new AuthorityWorld(crypto);
const { meshId } = world.mesh.record;
const { committee } = world.authority;
const ID = `spiffe://${hex(meshId)}/worker/w`;
const KEY = crypto.sha256(utf8('the key that w has'));

test.before(() => world.establish());

/** The log of a1, as a1 holds it, or as a corrupt a1 makes another. */
function logOf(store = new MemoryStore()) {
  const { log: signer } = world.mesh.founders[0];
  const log = new Log({ crypto, store, origin: logKeyOf(committee, 'a1').name, signer });
  const append = async (...entries: Uint8Array[]) => {
    const staged = log.stage(entries);
    await store.commit(staged.changes);
    log.accept(staged);
  };
  return { store, log, append };
}

function sourceOf(log: () => Log): LogSource {
  return {
    checkpoint: async () => log().checkpoint!,
    resource: async (address) => log().resource(tilePath(address))!,
    consistency: async (from, to) => log().proveConsistency(from, to),
  };
}

function watchOver(source: LogSource, changes: Partial<ConstructorParameters<typeof MemberWatch>[0]> = {}) {
  return new MemberWatch({
    ...{ crypto, committee, member: 'a1', source, begin: 'first entry' as const },
    watched: new Map([[ID, new Set([hex(KEY)])]]),
    ...changes,
  });
}

const certificate = (id: string, key: Uint8Array, serial = 0) =>
  encodeLeaf({
    ...{ kind: 'certificate', id, key, verdict: 'software' },
    tbs: crypto.sha256(utf8(`${id} ${serial}`)),
    issuer: crypto.sha256(utf8('issuer')),
    evidence: crypto.sha256(utf8('evidence')),
  });

const others = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => certificate(`${ID}-${from + i}`, KEY, from + i));

const alarmsOf = (events: readonly LogEvent[]) =>
  events.filter((event): event is LogAlarm => event.event === 'alarm');

test('a certificate for a watched name with another key is an alarm, one with its own key is none', async () => {
  const { log, append } = logOf();
  await append(...others(300), certificate(ID, KEY));
  const watch = watchOver(sourceOf(() => log));
  assert.equal(
    (await watch.look([])).map(({ event }) => event),
    ['checkpoint'],
  );
  const stolen = crypto.sha256(utf8('a key that w does not have'));
  await append(...others(3, 300), certificate(ID, stolen, 1));
  const [alarm] = alarmsOf(await watch.look([]));
  assert.is(alarm.alarm === 'certificate' && alarm.key, hex(stolen));
  assert.is(alarm.alarm === 'certificate' && alarm.index, 304);
  assert.equal(await watch.look([]), []);
});

test('a watch that begins at the newest checkpoint reads no entry before it, and goes on after a restart', async () => {
  const { log, append } = logOf();
  await append(...others(1000), certificate(ID, crypto.sha256(utf8('long ago'))));
  const source = sourceOf(() => log);
  const asked: string[] = [];
  const counting = {
    ...source,
    resource: (address: Parameters<LogSource['resource']>[0]) => {
      asked.push(tilePath(address));
      return source.resource(address);
    },
  };
  const watch = watchOver(counting, { begin: 'newest checkpoint' });
  assert.equal(alarmsOf(await watch.look([])), []);
  assert.equal(asked, ['tile/0/003.p/233', 'tile/1/000.p/3']);
  await append(certificate(ID, crypto.sha256(utf8('new')), 2));
  const resumed = watchOver(source, { kept: watch.kept });
  assert.is(alarmsOf(await resumed.look([])).length, 1);
  const kept = watch.kept!;
  const bent = [
    Uint8Array.from(kept.edge[0], (byte, i) => (i === 5 ? byte ^ 1 : byte)),
    ...kept.edge.slice(1),
  ];
  assert.throwsCode(() => watchOver(source, { kept: { ...kept, edge: bent } }), 'OOTO_LOG_STORE');
});

test('split view: a member that shows others another tree is caught, and the proof convinces anybody', async () => {
  for (const [more, begin] of [
    [0, 300],
    [1, 300],
    [200, 300],
    // The head that others were shown has then a size of 256 or 2, which no consistency proof tells the root of.
    [7, 255],
    [1, 1],
  ]) {
    const common = logOf();
    await common.append(...others(begin));
    const shownToOthers = logOf(common.store.reopened());
    await shownToOthers.append(certificate(ID, crypto.sha256(utf8('hidden'))));
    await common.append(...others(1 + more, begin));
    const watch = watchOver(sourceOf(() => common.log));
    const seen = new SeenCheckpoints();
    seen.add(watch.origin, shownToOthers.log.checkpoint!);
    const [alarm] = alarmsOf(await watch.look(seen.take(watch.origin)));
    assert.is(alarm.alarm, 'fork', `${more} more than ${begin}`);
    requireConvincing(alarm);
    assert.equal(seen.take(watch.origin), []);
  }
});

test('a log that turns to another tree between two looks is caught, whether it proves growth or not', async () => {
  for (const grows of [0, 5]) {
    const first = logOf();
    await first.append(...others(20));
    let log = first.log;
    const watch = watchOver(sourceOf(() => log));
    await watch.look([]);
    const other = logOf();
    await other.append(...others(20 + grows, 7));
    log = other.log;
    const [alarm] = alarmsOf(await watch.look([]));
    assert.is(alarm.alarm, 'fork');
    requireConvincing(alarm);
  }
});

test('a log that is rolled back, or gives entries that are not those it signed, gives cause for alarm', async () => {
  const { store, log, append } = logOf();
  await append(...others(10));
  const older = logOf(store.reopened()).log;
  await append(...others(10, 10));
  let shown = log;
  const watch = watchOver(sourceOf(() => shown));
  await watch.look([]);
  shown = older;
  const [rolledBack] = alarmsOf(await watch.look([]));
  assert.is(rolledBack.alarm === 'log' && rolledBack.code, 'OOTO_LOG_ROLLBACK');
  const behind = watchOver(sourceOf(() => older));
  const [hidden] = alarmsOf(await behind.look([log.checkpoint!]));
  assert.is(hidden.alarm === 'log' && hidden.code, 'OOTO_LOG_ROLLBACK');
  const lying: LogSource = {
    ...sourceOf(() => log),
    resource: async (address) => {
      const bytes = log.resource(tilePath(address))!;
      bytes[30] ^= 1;
      return bytes;
    },
  };
  const [altered] = alarmsOf(await watchOver(lying).look([]));
  assert.is(altered.alarm === 'log' && altered.code, 'OOTO_LOG_ENTRIES');
});

test('a checkpoint that others were shown and that stands in the log is no alarm', async () => {
  const { log, append } = logOf();
  const notes: string[] = [];
  for (const count of [1, 255, 1, 300]) {
    await append(...others(count, log.size));
    notes.push(log.checkpoint!);
  }
  assert.equal(alarmsOf(await watchOver(sourceOf(() => log)).look(notes)), []);
});

test('a member that is not there is no alarm', async () => {
  const away: LogSource = {
    ...sourceOf(() => logOf().log),
    checkpoint: () => Promise.reject(new OotoError('OOTO_MESH_TIMEOUT', 'peer', 'gone')),
  };
  await assert.rejectsCode(watchOver(away).look([]), 'OOTO_MESH_TIMEOUT');
});

test('a whole log is fetched in pieces and becomes a file that verifies', async () => {
  const { log, append } = logOf();
  await append(...others(600));
  const key = logKeyOf(committee, 'a1');
  const exported = await downloadLog(
    crypto,
    sourceOf(() => log),
    { origin: key.name, keys: [key] },
  );
  assert.ok(exported.length > 600 * 100);
});

function requireConvincing(alarm: LogAlarm): void {
  if (alarm.alarm !== 'fork') throw new Error('no fork');
  const evidence = encodeForkEvidence(alarm.evidence);
  const trust = { authority: world.authority };
  const file = exportForkFile(trust, 'a1', evidence);
  const summary = verifyEvidence(crypto, file, meshId, 0);
  assert.is(summary.kind, 'fork');
  assert.is(summary.facts.member, 'a1');
  const accused = exportForkFile(trust, 'a2', evidence);
  assert.throwsCode(() => verifyEvidence(crypto, accused, meshId, 0), 'OOTO_VERIFY_FORK');
  for (let at = 20; at < evidence.length; at += 37) {
    const bent = evidence.slice();
    bent[at] ^= 1;
    assert.throwsCode(
      () => verifyEvidence(crypto, exportForkFile(trust, 'a1', bent), meshId, 0),
      'OOTO_VERIFY_FORK',
    );
  }
}
