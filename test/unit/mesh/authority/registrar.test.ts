import { HeadView } from '../../../../src/authority/head.ts';
import type { CborValue } from '../../../../src/envelope/cbor.ts';
import { Registrar } from '../../../../src/mesh/authority/registrar.ts';
import type { KnownPeer } from '../../../../src/mesh/identity.ts';
import { createRecord, judgeRecord, listRecords } from '../../../../src/mesh/membership.ts';
import type { Handler, MeshNode } from '../../../../src/mesh/node.ts';
import type { OperationName } from '../../../../src/mesh/operations.ts';
import { OwnCredentials } from '../../../../src/mesh/own-credential.ts';
import * as assert from '../../../support/assert.ts';
import { AuthorityWorld } from '../../../support/authority.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { diskFull, MemoryStore } from '../../../support/memory-store.ts';
import { seededRandom } from '../../../support/network.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('mesh/authority/registrar', { timeout: 60_000 });
const crypto = testCrypto(seededRandom('registrar'));
const world = new AuthorityWorld(crypto);
const { meshId } = world.mesh.record;
const owns: Record<string, OwnCredentials> = {};
let head: Uint8Array;

test.before(async () => {
  await world.establish();
  head = await world.issuing().issueHead(world.headBody());
  for (const [role, name] of [
    ['authority', 'a1'],
    ['worker', 'w1'],
    ['worker', 'w2'],
  ]) {
    const candidate = role === 'authority' ? world.founder(name) : world.candidate();
    const { id, credential, valid, signer } = await world.certify(role, name, candidate);
    owns[name] = await OwnCredentials.create(
      { crypto, clock: world.clock, signer },
      { kind: 'member', id, meshId, subject: valid.tbsSha256, credential, notAfter: valid.notAfter },
    );
  }
});

/** What of a node the registrar needs, and a way to call it as a peer. */
function registrar(store = new MemoryStore()) {
  const handlers = new Map<OperationName, Handler>();
  const node = {
    options: { crypto, clock: world.clock, logger: new RecordingLogger(), store, name: 'a1' },
    own: owns.a1,
    trust: world.trust!,
    head: new HeadView(crypto, world.mesh.record, head),
    handle: (operation: OperationName, handler: Handler) => handlers.set(operation, handler),
  } as unknown as MeshNode;
  new Registrar(node).serve();
  const call = async (operation: OperationName, name: string, body: CborValue) =>
    handlers.get(operation)!({ id: owns[name].presentation.id } as KnownPeer, body, undefined as never);
  const listed = async () =>
    (await pages((body) => call('membership.list', 'w1', body))).map((encoded) => judgeRecord(node, encoded));
  return { store, call, listed };
}

async function pages(ask: (body: CborValue) => Promise<CborValue>): Promise<Uint8Array[]> {
  const records: Uint8Array[] = [];
  for await (const encoded of listRecords(ask)) records.push(encoded);
  return records;
}

const record = (name: string, sequence = world.clock.now(), addresses = ['x:1']) =>
  createRecord(owns[name], addresses, sequence);

test('a node publishes its own record; the list holds it, and the registrar itself', async () => {
  const { call, listed, store } = registrar();
  await call('membership.publish', 'w1', record('w1'));
  assert.equal(
    (await listed()).map(({ role, name }) => `${role}/${name}`),
    ['authority/a1', 'worker/w1'],
  );
  const restarted = registrar(store.reopened());
  assert.is((await restarted.listed()).length, 2);
});

test('the record of another node, a forged one, and what is no record are refused and not kept', async () => {
  const { call, listed, store } = registrar();
  await assert.rejectsCode(call('membership.publish', 'w2', record('w1')), 'OOTO_MESH_MEMBERSHIP');
  const forged = record('w1');
  forged[forged.length - 1] ^= 1;
  for (const body of [forged, new Uint8Array(0), null, 'text', new Uint8Array(80 * 1024 + 1)]) {
    const outcome = await call('membership.publish', 'w1', body).then(
      () => 'kept',
      (error) => error.fault,
    );
    assert.is(outcome, 'peer');
  }
  assert.is((await listed()).length, 1);
  assert.is(store.commits.length, 0);
});

test('an older record does not replace a newer one, also not in the store', async () => {
  const { call, listed, store } = registrar();
  const now = world.clock.now();
  await call('membership.publish', 'w1', record('w1', now + 5, ['new:1']));
  await call('membership.publish', 'w1', record('w1', now, ['old:1']));
  const addresses = async (from: { listed: typeof listed }) =>
    (await from.listed()).find(({ name }) => name === 'w1')?.addresses;
  assert.equal(await addresses({ listed }), ['new:1']);
  assert.equal(await addresses(registrar(store.reopened())), ['new:1']);
});

test('a record that could not be stored is not listed', async () => {
  const { call, listed, store } = registrar();
  store.beforeCommit = diskFull;
  await assert.rejectsCode(call('membership.publish', 'w1', record('w1')), 'OOTO_STORE_WRITE');
  assert.is((await listed()).length, 1);
});

test('a registrar that starts with a damaged or lapsed record in its store starts without it', async () => {
  const { call, store } = registrar();
  await call('membership.publish', 'w1', record('w1'));
  await store.commit([{ put: 'membership/worker/w2', value: Uint8Array.of(1, 2, 3) }]);
  const restarted = registrar(store.reopened());
  assert.is((await restarted.listed()).length, 2);
});

test('a long list comes in parts, each member once, and one that does not go on or end is refused', async () => {
  const { call, listed } = registrar();
  await call('membership.publish', 'w1', record('w1'));
  await call('membership.publish', 'w2', record('w2'));
  const ids = (await listed()).map(({ id }) => id);
  assert.equal(ids, [...ids].sort());
  const rest = (await call('membership.list', 'w1', { after: ids[0] })) as { records: Uint8Array[] };
  assert.is(rest.records.length, ids.length - 1);
  await assert.rejectsCode(call('membership.list', 'w1', null), 'OOTO_ENVELOPE_FIELD');
  const stuck = pages(async () => ({ records: [], next: 'same' }));
  await assert.rejectsCode(stuck, 'OOTO_MESH_MEMBERSHIP');
  let page = 0;
  const endless = pages(async () => ({ records: [], next: String(page++).padStart(8, '0') }));
  await assert.rejectsCode(endless, 'OOTO_MESH_MEMBERSHIP');
});
