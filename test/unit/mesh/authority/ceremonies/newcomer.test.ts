/** Somebody new believes what its own genesis draft and its operators say, and nobody else. */
import type { ApprovedAction } from '../../../../../src/authority/action.ts';
import { AuthorityView } from '../../../../../src/authority/authority-view.ts';
import { OotoError } from '../../../../../src/base/errors.ts';
import type { CborValue } from '../../../../../src/envelope/cbor.ts';
import { introductions, Newcomer } from '../../../../../src/mesh/authority/ceremonies/newcomer.ts';
import { ShareStore } from '../../../../../src/mesh/authority/ceremonies/share-store.ts';
import type { MeshNode } from '../../../../../src/mesh/node.ts';
import type { CeremonyOperation } from '../../../../../src/mesh/operations.ts';
import * as assert from '../../../../support/assert.ts';
import { CeremonyWorld } from '../../../../support/ceremony-world.ts';
import { groupOf, signedRevocations } from '../../../../support/committee.ts';
import { testCrypto } from '../../../../support/crypto.ts';
import { MemoryStore } from '../../../../support/memory-store.ts';
import { suite } from '../../../../support/suite.ts';

const test = suite('mesh/authority/ceremonies/newcomer', { timeout: 60_000 });
const crypto = testCrypto();

type Handler = (peer: { name: string }, body: CborValue) => Promise<CborValue>;

/** A node that waits, without a network: requests are put to it by hand. */
function waiting(
  world: CeremonyWorld,
  name: string,
  { draft = world.mesh.draftBytes, store = new MemoryStore() } = {},
) {
  const handlers = new Map<string, Handler>();
  const options = { crypto, clock: world.clock, store, name };
  const node = { options, handle: (operation: string, handler: Handler) => handlers.set(operation, handler) };
  const fellows = {
    names: ['a1', 'a2'],
    ask: (member: string, operation: string, body: CborValue) =>
      world.ask(name, member, operation as CeremonyOperation, body),
  };
  const others = { fellows, signal: new AbortController().signal };
  const { keyGeneration } = world.keys.get(name)!;
  const newcomer = new Newcomer(node as unknown as MeshNode, keyGeneration, draft, others);
  const done = newcomer.run();
  const ask = (operation: string, body: CborValue) => handlers.get(operation)!({ name: 'a1' }, body);
  return { ask, done, store };
}

function reshareWith(world: CeremonyWorld, names: readonly string[]): ApprovedAction {
  const members = names.map((name) => world.founderOf(name));
  return world.approve({ kind: 'reshare', parameters: { epoch: 0, threshold: 2, members } });
}

test('a newcomer takes part once its mesh was shown to it, and is in with the record that names it', async () => {
  const world = await CeremonyWorld.create(crypto);
  world.newcomer('b1');
  const { ask, done } = waiting(world, 'b1');
  const approved = reshareWith(world, ['a1', 'a2', 'b1']);
  assert.is(
    (await assert.refusal(ask('ceremony.state', { bundle: 0, committee: 0, revocations: 0 }))).code,
    'OOTO_MESH_NOT_READY',
  );
  const { authority, leader } = world.member('a1');
  for (const page of introductions(authority, approved)) await ask('ceremony.introduce', page);
  const direct = world.ask.bind(world);
  world.ask = (from, to, operation, body) =>
    to === 'b1' ? ask(operation, body) : direct(from, to, operation, body);
  await leader.change(approved);
  const genesis = await done;
  assert.bytes(genesis.meshId, world.mesh.record.meshId);
});

test('a newcomer that was away when the record came finds it with the members, and has its share', async () => {
  const world = await CeremonyWorld.create(crypto);
  world.newcomer('b1');
  let { ask, store } = waiting(world, 'b1');
  const approved = reshareWith(world, ['a1', 'a2', 'b1']);
  const { authority, leader } = world.member('a1');
  for (const page of introductions(authority, approved)) await ask('ceremony.introduce', page);
  const direct = world.ask.bind(world);
  world.ask = (from, to, operation, body) => {
    if (to === 'b1' && operation === 'ceremony.adopt') throw new OotoError('OOTO_MESH_GONE', 'peer', 'away');
    return to === 'b1' ? ask(operation, body) : direct(from, to, operation, body);
  };
  await leader.change(approved);
  store = store.reopened();
  const { done } = waiting(world, 'b1', { store });
  await world.clock.advance(5_000);
  await done;
  const view = AuthorityView.open(crypto, world.mesh.record, store);
  assert.is(view.committee.epoch, 1);
  assert.ok(new ShareStore(crypto, store).inForce(view.publicPackage));
  assert.is(store.range('ceremony/', 'ceremony0').length, 0);
});

test('a newcomer is shown who is revoked: with less it would sign no head', async () => {
  const world = await CeremonyWorld.create(crypto);
  world.newcomer('b1');
  const { ask } = waiting(world, 'b1');
  const { authority } = world.member('a1');
  const revoked = {
    kind: 'key' as const,
    key: crypto.sha256(new Uint8Array(1)),
    reason: 'lost',
    time: world.clock.now(),
  };
  const delta = signedRevocations(crypto, authority.revocations, [revoked], groupOf(world.mesh));
  authority.accept(authority.stage({ bundles: [], committees: [], revocations: delta }));
  assert.is(authority.known.revocations, 1);
  const approved = reshareWith(world, ['a1', 'a2', 'b1']);
  for (const time of ['once', 'and again']) {
    for (const page of introductions(authority, approved)) await ask('ceremony.introduce', page);
    const lacks = (await ask('ceremony.state', { bundle: 0, committee: 0, revocations: 0 })) as {
      documents: { revocations: { entries: unknown[] } | null };
    };
    assert.is(lacks.documents.revocations?.entries.length, 1, time);
  }
});

test('a newcomer refuses another mesh, and actions that do not bring it in or that nobody approved', async () => {
  const world = await CeremonyWorld.create(crypto);
  const other = await CeremonyWorld.create(crypto);
  for (const each of [world, other]) each.newcomer('b1');
  const { ask, store } = waiting(world, 'b1');
  const introduce = (from: CeremonyWorld, approved: ApprovedAction) =>
    ask('ceremony.introduce', introductions(from.member('a1').authority, approved)[0]);
  const foreign = reshareWith(other, ['a1', 'a2', 'b1']);
  assert.is((await assert.refusal(introduce(other, foreign))).code, 'OOTO_MESH_FOUNDING');
  assert.match(
    (await assert.refusal(introduce(world, foreign))).code,
    /^OOTO_AUTHORITY_ACTION|^OOTO_ENVELOPE_/,
  );
  const without = reshareWith(world, ['a1', 'a2']);
  assert.is((await assert.refusal(introduce(world, without))).code, 'OOTO_MESH_CEREMONY_MEMBER');
  world.newcomer('b1');
  const otherKey = reshareWith(world, ['a1', 'a2', 'b1']);
  assert.is((await assert.refusal(introduce(world, otherKey))).code, 'OOTO_MESH_CEREMONY_MEMBER');
  const refresh = world.approve({ kind: 'refresh', parameters: { epoch: 0 } });
  assert.is((await assert.refusal(introduce(world, refresh))).code, 'OOTO_MESH_CEREMONY_MEMBER');
  assert.is(store.commits.length, 0, 'nothing of it was kept');
});
