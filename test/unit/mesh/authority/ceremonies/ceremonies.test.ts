import type { Change } from '../../../../../src/authority/action.ts';
import { utf8 } from '../../../../../src/base/bytes.ts';
import type { OotoError } from '../../../../../src/base/errors.ts';
import { hex } from '../../../../../src/base/hex.ts';
import type { CborValue } from '../../../../../src/envelope/cbor.ts';
import { SHARE_KEY } from '../../../../../src/mesh/authority/founding.ts';
import { groupKey } from '../../../../../src/threshold/index.ts';
import * as assert from '../../../../support/assert.ts';
import { CEREMONIES, requireSettled, surviveDeath, victimsOf } from '../../../../support/ceremony-crash.ts';
import { CeremonyWorld } from '../../../../support/ceremony-world.ts';
import { testCrypto } from '../../../../support/crypto.ts';
import { suite } from '../../../../support/suite.ts';

const test = suite('mesh/authority/ceremonies', { timeout: 120_000 });
const crypto = testCrypto();
const FOUNDERS = ['a1', 'a2', 'a3'];
const MESSAGE = utf8('signed after the ceremony');
const OVERLAP_MS = 3_600_000;

const refresh: Change = { kind: 'refresh', parameters: { epoch: 0 } };
const rotate: Change = { kind: 'rotate', parameters: { version: 0, overlapMs: OVERLAP_MS } };
const repair = (member: string): Change => ({ kind: 'repair', parameters: { epoch: 0, member } });

function reshare(world: CeremonyWorld, threshold: number, names: readonly string[], epoch = 0): Change {
  const members = names.map((name) => world.founderOf(name));
  return { kind: 'reshare', parameters: { epoch, threshold, members } };
}

test('a refresh gives every member another share of the same key', async () => {
  const world = await CeremonyWorld.create(crypto);
  const before = FOUNDERS.map((name) => hex(world.stores.get(name)!.get(SHARE_KEY)!));
  await world.member('a2').leader.change(world.approve(refresh));
  requireSettled(world, FOUNDERS, 1);
  for (const [i, name] of FOUNDERS.entries()) {
    assert.bytes(groupKey(world.member(name).authority.publicPackage), world.mesh.record.groupKey);
    assert.ok(hex(world.stores.get(name)!.get(SHARE_KEY)!) !== before[i]);
  }
  assert.ok(world.sign(MESSAGE, 'a1', 'a3'));
});

test('a reshare brings two new members in and two out, and the next one brings them back', async () => {
  const world = await CeremonyWorld.create(crypto);
  world.newcomer('b1');
  world.newcomer('b2');
  await world.member('a1').leader.change(world.approve(reshare(world, 3, ['b1', 'a1', 'b2', 'a3'])));
  const names = ['a1', 'a3', 'b1', 'b2'];
  requireSettled(world, names, 1);
  assert.equal(
    world.member('a1').authority.members.map(({ name }) => name),
    names,
  );
  assert.is(world.stores.get('a2')!.get(SHARE_KEY), undefined, 'the old share is erased');
  assert.is(world.member('a2').authority.committee.epoch, 1);
  assert.ok(world.sign(MESSAGE, 'b1', 'a3', 'b2'));
  await world.member('b2').leader.change(world.approve(reshare(world, 2, ['a2', 'b1', 'b2'], 1)));
  requireSettled(world, ['a2', 'b1', 'b2'], 2);
  assert.ok(world.sign(MESSAGE, 'a2', 'b1'));
});

test('a repair gives a member its share back, and nobody else anything', async () => {
  const world = await CeremonyWorld.create(crypto);
  const lost = world.stores.get('a3')!.get(SHARE_KEY)!;
  await world.stores.get('a3')!.commit([{ delete: SHARE_KEY }]);
  for (const leader of ['a1', 'a3']) {
    await world.stores.get('a3')!.commit([{ delete: SHARE_KEY }]);
    await world.member(leader).leader.repair(world.approve(repair('a3')));
    assert.bytes(world.stores.get('a3')!.get(SHARE_KEY)!, lost);
  }
});

test('a rotation makes another key, signed by both, and keeps the old one for a while', async () => {
  const world = await CeremonyWorld.create(crypto);
  await world.member('a1').leader.change(world.approve(rotate));
  requireSettled(world, FOUNDERS, 1);
  const { authority } = world.member('a3');
  assert.is(authority.bundle.version, 1);
  assert.ok(hex(authority.groupKey) !== hex(world.mesh.record.groupKey));
  assert.bytes(authority.groupKey, groupKey(authority.publicPackage));
  const [retiring] = authority.bundle.retiring;
  assert.bytes(retiring.groupKey, world.mesh.record.groupKey);
  assert.is(retiring.until, authority.bundle.created + OVERLAP_MS);
  assert.ok(world.sign(MESSAGE, 'a2', 'a3'));
  const again: Change = { kind: 'rotate', parameters: { version: 1, overlapMs: 60_000 } };
  await world.member('a2').leader.change(world.approve(again));
  requireSettled(world, FOUNDERS, 2);
  assert.is(world.member('a1').authority.bundle.retiring.length, 2);
});

test('after a rotation the committee can be another, and be refreshed', async () => {
  const world = await CeremonyWorld.create(crypto);
  world.newcomer('b1');
  await world.member('a1').leader.change(world.approve(reshare(world, 2, ['b1', 'a1', 'a3'])));
  await world.member('b1').leader.change(world.approve(rotate));
  requireSettled(world, ['a1', 'a3', 'b1'], 2);
  await world.member('a3').leader.change(world.approve({ kind: 'refresh', parameters: { epoch: 2 } }));
  requireSettled(world, ['a1', 'a3', 'b1'], 3);
  assert.ok(world.sign(MESSAGE, 'b1', 'a3'));
});

test('one member that is away keeps everything as it was', async () => {
  const world = await CeremonyWorld.create(crypto);
  world.kill('a3');
  for (const change of [refresh, rotate]) {
    const error = await assert.refusal(world.member('a1').leader.change(world.approve(change)));
    assert.is(error.code, 'OOTO_MESH_CEREMONY');
    assert.equal([...error.culprits], ['a3']);
  }
  world.start('a3');
  assert.is(world.member('a1').authority.committee.epoch, 0);
  assert.ok(world.sign(MESSAGE, 'a1', 'a3'));
  await world.member('a2').leader.change(world.approve(refresh));
  requireSettled(world, FOUNDERS, 1);
});

for (const what of CEREMONIES)
  for (const [i, victim] of victimsOf(what).entries())
    test(`${what}: ${victim} is killed, and what was begun is finished or undone`, async () => {
      // All moments: npm run test:long.
      for (let at = 4 + 3 * i; await surviveDeath(crypto, what, victim, at); ) at += 11;
    });

for (const what of CEREMONIES)
  for (const death of ['before-commit', 'after-commit'] as const)
    test(`${what}: a member is killed ${death}, and what was begun is finished or undone`, async () => {
      for (let at = 1; await surviveDeath(crypto, what, 'a2', at, death); ) at++;
    });

test('documents that came another way bring the share that belongs to them', async () => {
  const world = await CeremonyWorld.create(crypto);
  world.onRequest = (to, operation, body) => {
    if (operation === 'ceremony.adopt' && to === 'a3') throw new Error('away');
    return body;
  };
  await world.member('a1').leader.change(world.approve(refresh));
  const { authority, participant } = world.member('a3');
  const staged = authority.stage(world.member('a1').authority.documentsAfter(authority.known));
  await world.stores.get('a3')!.commit(staged.changes);
  authority.accept(staged);
  assert.is(participant.shares.inForce(authority.publicPackage), undefined);
  assert.ok(participant.successor === undefined, 'it has come');
  assert.is(await participant.settle(), true);
  requireSettled(world, FOUNDERS, 1);
  assert.ok(world.sign(MESSAGE, 'a2', 'a3'));
});

test('what a leader changes on its way is its own blame', async () => {
  const world = await CeremonyWorld.create(crypto);
  world.onRequest = (to, operation, body) => {
    if (operation !== 'ceremony.deliver' || to !== 'a3') return body;
    const { session, heard } = body as { session: Uint8Array; heard: { bytes: Uint8Array }[] };
    heard[0].bytes[200] ^= 1;
    return { session, heard } as unknown as CborValue;
  };
  const error = await assert.refusal(world.member('a1').leader.change(world.approve(refresh)));
  assert.is((error.cause as OotoError).code, 'OOTO_MESH_CEREMONY_RELAY');
});

test('nobody helps a leader that is no member, with an action that nobody approved, or from another state', async () => {
  const world = await CeremonyWorld.create(crypto);
  world.newcomer('b1');
  const { participant } = world.member('a1');
  const { action, digest } = world.approve(refresh);
  const open = { action: { number: action.number, digest }, session: new Uint8Array(32), dealers: [1, 2] };
  assert.is((await assert.refusal(participant.open('b1', open))).code, 'OOTO_MESH_CEREMONY_MEMBER');
  const unknown = { ...open, action: { number: 9, digest } };
  assert.is((await assert.refusal(participant.open('a2', unknown))).code, 'OOTO_MESH_ACTION_UNKNOWN');
  const later = world.approve({ kind: 'refresh', parameters: { epoch: 4 } });
  const early = { ...open, action: { number: later.action.number, digest: later.digest } };
  assert.is((await assert.refusal(participant.open('a2', early))).code, 'OOTO_MESH_CEREMONY_EPOCH');
});
