/** A node that watches the logs for its own name: its loop, what it keeps, and what a stranger is shown of it. */

import { logKeyOf } from '../../../../src/authority/credential.ts';
import { encodeHead, headMessage } from '../../../../src/authority/head.ts';
import { encodeLeaf } from '../../../../src/authority/leaf.ts';
import { utf8 } from '../../../../src/base/bytes.ts';
import { OotoError } from '../../../../src/base/errors.ts';
import { hex } from '../../../../src/base/hex.ts';
import { encode } from '../../../../src/envelope/cbor.ts';
import { Log } from '../../../../src/log/index.ts';
import { verifyEvidence } from '../../../../src/mesh/audit/evidence-file.ts';
import { KeptAlarms, storedAlarms } from '../../../../src/mesh/audit/kept-alarms.ts';
import { evidenceFiles } from '../../../../src/mesh/audit/kept-evidence.ts';
import { SelfWatch } from '../../../../src/mesh/audit/self-watch.ts';
import { HEAD_FORKS } from '../../../../src/mesh/head-forks.ts';
import type { MeshNode } from '../../../../src/mesh/node.ts';
import { SeenCheckpoints } from '../../../../src/mesh/seen-checkpoints.ts';
import * as assert from '../../../support/assert.ts';
import { AuthorityWorld } from '../../../support/authority.ts';
import { groupOf, signAs } from '../../../support/committee.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { ManualClock, settled } from '../../../support/manual-clock.ts';
import { diskFull, MemoryStore } from '../../../support/memory-store.ts';
import { seededRandom } from '../../../support/network.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('mesh/audit/self-watch');
const crypto = testCrypto(seededRandom('self-watch'));
const world = new AuthorityWorld(crypto);
const { meshId } = world.mesh.record;
const ID = `spiffe://${hex(meshId)}/worker/w`;
const KEY = crypto.sha256(utf8('seed of w')).slice();

test.before(() => world.establish());

interface Member {
  id: string;
  name: string;
  addresses: string[];
}

/** A log of a member, as it holds it, or as a corrupt member makes another. */
function logOf(name: string, store = new MemoryStore()) {
  const signer = world.mesh.founders[world.names.indexOf(name)].log;
  const log = new Log({ crypto, store, origin: logKeyOf(world.authority.committee, name).name, signer });
  const append = async (...entries: Uint8Array[]) => {
    const staged = log.stage(entries);
    await store.commit(staged.changes);
    log.accept(staged);
  };
  return { store, log, append };
}

const certificate = (id: string, key: Uint8Array) =>
  encodeLeaf({
    ...{ kind: 'certificate', id, key, verdict: 'software', tbs: crypto.sha256(utf8(`${id} ${hex(key)}`)) },
    ...{ issuer: crypto.sha256(utf8('issuer')), evidence: crypto.sha256(utf8('evidence')) },
  });
const other = (i: number) => certificate(`${ID}-${i}`, KEY);
const stolen = certificate(ID, crypto.sha256(utf8('a key that w does not have')));

/** A node that is asked for nothing, and the logs that it is shown, by name of the member. */
function watcher(logs: Map<string, () => Log>, store = new MemoryStore()) {
  const [clock, logger, seen] = [new ManualClock(), new RecordingLogger(), new SeenCheckpoints()];
  const asked: string[] = [];
  const ask = async ({ name }: Member, operation: string, body: unknown) => {
    asked.push(`${name} ${operation}`);
    const log = logs.get(name)?.();
    if (!log) throw new OotoError('OOTO_TRANSPORT_UNREACHABLE', 'environment', name);
    if (operation === 'log.checkpoint') return log.checkpoint!;
    if (operation === 'log.resource') return log.resource(body as string) ?? null;
    const { from, to } = body as { from: number; to: number };
    return log.proveConsistency(from, to);
  };
  const node = {
    options: { crypto, clock, logger, store, signer: { publicKey: KEY } },
    ...{ own: { presentation: { id: ID } }, trust: world.trust, seenCheckpoints: seen, ask },
  } as unknown as MeshNode;
  const members: Member[] = world.names.map((name) => ({
    id: world.id('authority', name),
    name,
    addresses: [],
  }));
  const watch = new SelfWatch(node, () => [...members, { id: ID, name: 'w', addresses: [] }]);
  return { watch, clock, logger, store, seen, asked };
}

async function threeLogs() {
  const logs = world.names.map((name) => ({ name, ...logOf(name) }));
  for (const { append } of logs) await append(...Array.from({ length: 5 }, (_, i) => other(i)));
  return { logs, shown: new Map(logs.map(({ name, log }) => [name, () => log])) };
}

const forever = new AbortController().signal;

test('every member but itself is looked at once a minute, also after one was away, until the end', async () => {
  const { shown } = await threeLogs();
  const away = shown.get('a2')!;
  shown.delete('a2');
  const { watch, clock, asked, logger } = watcher(shown);
  const end = new AbortController();
  const running = watch.run(end.signal);
  await settled(60);
  const checkpoints = () => asked.splice(0).filter((line) => line.endsWith('log.checkpoint'));
  assert.equal(
    checkpoints(),
    ['a1', 'a2', 'a3'].map((name) => `${name} log.checkpoint`),
  );
  assert.ok(logger.lines.some(({ message }) => message === 'a log was not looked at'));
  shown.set('a2', away);
  clock.advance(40_000);
  await settled(60);
  assert.equal(checkpoints(), []);
  clock.advance(30_000);
  await settled(60);
  assert.equal(
    checkpoints(),
    ['a1', 'a2', 'a3'].map((name) => `${name} log.checkpoint`),
  );
  assert.equal(watch.alarms, []);
  end.abort(new OotoError('OOTO_MESH_CLOSED', 'local', 'the node was stopped'));
  await running;
  assert.is(clock.waiting, 0);
});

test('a certificate for its name that it did not ask for is an alarm until an operator acknowledges it', async () => {
  const { logs, shown } = await threeLogs();
  const first = watcher(shown);
  await first.watch.lookAtAll(forever);
  await logs[0].append(stolen);
  await first.watch.lookAtAll(forever);
  const [alarm, ...more] = first.watch.alarms;
  assert.equal([alarm.alarm, alarm.member, alarm.index, alarm.id, more], ['certificate', 'a1', 5, ID, []]);
  assert.is(first.logger.lines.filter(({ level }) => level === 'error').length, 1);

  const restarted = watcher(shown, first.store.reopened());
  await restarted.watch.lookAtAll(forever);
  assert.equal(restarted.watch.alarms, [alarm], 'it outlives the process, and the watch has moved on');
  assert.equal(storedAlarms(restarted.store), [alarm]);
  assert.is(await restarted.watch.acknowledge('0'.repeat(16)), false);
  assert.ok(await restarted.watch.acknowledge(String(alarm.alarmId)));
  assert.equal(restarted.watch.alarms, []);
  assert.equal(watcher(shown, restarted.store.reopened()).watch.alarms, []);
  await logs[1].append(stolen);
  await restarted.watch.lookAtAll(forever);
  assert.equal(
    restarted.watch.alarms.map(({ member }) => member),
    ['a2'],
    'another log with it is another alarm',
  );
});

test('what cannot be kept is found again: the watch does not move on before the alarm is durable', async () => {
  const { logs, shown } = await threeLogs();
  const { watch, store } = watcher(shown);
  await watch.lookAtAll(forever);
  await logs[2].append(stolen);
  // The smaller commit of where the watch stands would have found room.
  store.beforeCommit = (changes) => {
    if (changes.some((change) => 'put' in change && change.put.startsWith('log-alarm/'))) diskFull();
  };
  await watch.lookAtAll(forever);
  store.beforeCommit = () => {};
  assert.equal(watch.alarms, []);
  await watch.lookAtAll(forever);
  assert.is(watch.alarms.length, 1);
});

test('an alarm that is acknowledged is not raised again, and one member cannot drown another', async () => {
  const store = new MemoryStore();
  const alarms = new KeptAlarms(crypto, store);
  const told = (member: string, i: number) => ({
    alarm: 'log',
    member,
    code: 'OOTO_LOG_ROLLBACK',
    reason: `${i}`,
  });
  for (let i = 0; i < 40; i++) await alarms.keep(told('a1', i), i);
  assert.is(alarms.open.length, 16);
  assert.ok(await alarms.keep(told('a2', 0), 100));
  assert.ok(await alarms.keep({ alarm: 'certificate', member: 'a1', index: 1 }, 101));
  await alarms.acknowledge(String(alarms.open[0].alarmId));
  assert.not(await alarms.keep(told('a1', 0), 102));
  assert.is(new KeptAlarms(crypto, store.reopened()).open.length, 17);
});

test('split view: the proof is kept, and a stranger accepts the file, of logs and of heads', async () => {
  const { logs, shown } = await threeLogs();
  const fork = logOf('a3', logs[2].store.reopened());
  await fork.append(stolen);
  const { watch, seen, store } = watcher(shown);
  await watch.lookAtAll(forever);
  await logs[2].append(other(9));
  seen.add(fork.log.origin, fork.log.checkpoint!);
  await watch.lookAtAll(forever);
  assert.equal(
    watch.alarms.map(({ alarm, member }) => [alarm, member]),
    [['fork', 'a3']],
  );

  const group = groupOf(world.mesh);
  const head = (change: number, number = 7) => {
    const policy = { version: 1, digest: crypto.sha256(Uint8Array.of(change)) };
    const body = world.headBody({ number, policy });
    return encodeHead(body, signAs(crypto, group, headMessage(body)));
  };
  const keep = (name: string, known: Uint8Array, shownHead: Uint8Array) =>
    store.commit([
      { put: `${HEAD_FORKS.from}${name}`, value: encode({ number: Number(name), known, shown: shownHead }) },
    ]);
  await keep('7', head(1), head(2));
  await keep('8', head(1), head(1));
  await keep('9', head(1), head(2).with(-70, 1));
  const { files, unproven } = evidenceFiles(crypto, world.trust!, store.reopened(), world.clock.now());
  assert.equal(
    [...files.keys()].map((name) => name.replace(/-[0-9a-f]{16}$/, '')),
    ['a3', 'head-7'],
  );
  assert.equal(unproven, ['head-8', 'head-9']);
  for (const [name, file] of files) {
    const { kind } = verifyEvidence(crypto, file, meshId, world.clock.now());
    assert.is(kind, name === 'head-7' ? 'heads' : 'fork');
  }
  assert.equal([...watch.files.keys()], [[...files.keys()][0]]);
});
