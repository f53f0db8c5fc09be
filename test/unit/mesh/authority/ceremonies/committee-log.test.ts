/** A committee goes into force with a head, after enough logs tell of it, and not otherwise. */
import type { Change } from '../../../../../src/authority/action.ts';
import { encodeHead, headMessage } from '../../../../../src/authority/head.ts';
import { readLeaf } from '../../../../../src/authority/leaf.ts';
import { utf8 } from '../../../../../src/base/bytes.ts';
import { OotoError } from '../../../../../src/base/errors.ts';
import { hex } from '../../../../../src/base/hex.ts';
import type { CborValue } from '../../../../../src/envelope/cbor.ts';
import { SHARE_KEY } from '../../../../../src/mesh/authority/founding.ts';
import * as assert from '../../../../support/assert.ts';
import { requireSettled } from '../../../../support/ceremony-crash.ts';
import { CeremonyWorld } from '../../../../support/ceremony-world.ts';
import { testCrypto } from '../../../../support/crypto.ts';
import { diskFull } from '../../../../support/memory-store.ts';
import { suite } from '../../../../support/suite.ts';

const test = suite('mesh/ceremonies/committee-log', { timeout: 120_000 });
const crypto = testCrypto();
const FOUNDERS = ['a1', 'a2', 'a3'];
const refresh: Change = { kind: 'refresh', parameters: { epoch: 0 } };
const rotate: Change = { kind: 'rotate', parameters: { version: 0, overlapMs: 3_600_000 } };

interface HeadRequest {
  session: Uint8Array;
  body: CborValue;
  documents: CborValue;
  proofs: { log: string; leaf: Uint8Array }[];
}

/** What the leader asks `to` to sign as the head, when it is honest; nobody is asked. */
async function headRequest(world: CeremonyWorld, to: string, change: Change): Promise<HeadRequest> {
  let seen: HeadRequest | undefined;
  world.onRequest = (member, operation, body) => {
    if (operation !== 'ceremony.head') return body;
    if (member === to) seen = body as unknown as HeadRequest;
    throw new OotoError('OOTO_MESH_NOT_READY', 'environment', 'gone');
  };
  await world
    .member('a1')
    .leader.change(world.approve(change))
    .catch(() => {});
  world.onRequest = (_, __, body) => body;
  if (!seen) throw new Error('no head was to be signed');
  return seen;
}

for (const change of [refresh, rotate])
  test(`${change.kind}: the record is in every log before the old share goes, which goes with the head`, async () => {
    const world = await CeremonyWorld.create(crypto);
    const old = new Map(FOUNDERS.map((name) => [name, hex(world.stores.get(name)!.get(SHARE_KEY)!)]));
    await world.member('a1').leader.change(world.approve(change));
    requireSettled(world, FOUNDERS, 1);
    for (const name of FOUNDERS) {
      const { duty, authority } = world.member(name);
      const entry = duty.committees.entry(authority.committee)!;
      const leaf = readLeaf(duty.log.entry(entry.index));
      assert.ok(leaf.kind === 'committee' && hex(leaf.record) === hex(authority.committee.digest));
      assert.bytes(leaf.transcript!, crypto.sha256(entry.transcript!));
      const commits = world.stores
        .get(name)!
        .commits.map((changes) => changes.map((each) => ('put' in each ? each.put : `-${each.delete}`)));
      const logged = commits.findIndex((keys) => keys.some((key) => key.startsWith('authority/committee/')));
      const taken = commits.findIndex((keys) => keys.includes(SHARE_KEY));
      assert.ok(logged >= 0 && logged < taken, name);
      assert.ok(commits[taken].includes('head/current'), 'the head is in the same commit');
      assert.ok(commits[taken].includes('authority-view/committee/0000000001'), 'and so is the record');
      assert.ok(commits[taken].includes('-ceremony/successor'));
      assert.ok(old.get(name) !== hex(world.stores.get(name)!.get(SHARE_KEY)!));
    }
    assert.is(world.forks.length, 0);
  });

test('no head is signed without the entries of enough logs, and of the own one', async () => {
  const world = await CeremonyWorld.create(crypto);
  const request = await headRequest(world, 'a3', refresh);
  const { participant } = world.member('a3');
  const refused = async (proofs: HeadRequest['proofs']) => {
    const body = { ...request, proofs } as unknown as CborValue;
    return (await assert.refusal(participant.answer('a1', 'ceremony.head', body))).code;
  };
  const [one, two] = request.proofs;
  assert.is(await refused([]), 'OOTO_MESH_CEREMONY_RECORD');
  assert.is(await refused([one]), 'OOTO_MESH_CEREMONY_RECORD');
  assert.is(await refused([one, one]), 'OOTO_MESH_CEREMONY_RECORD', 'one log twice');
  const leaf = two.leaf.slice();
  leaf[leaf.length - 1] ^= 1;
  assert.match(await refused([one, { ...two, leaf }]), /^OOTO_LOG_|_RECORD$/, 'an entry that is in no log');
  assert.match(await refused([one, { ...one, log: 'a2' }]), /^OOTO_LOG_|^OOTO_AUTHORITY_/, 'of another log');
  await participant.answer('a1', 'ceremony.head', { ...request } as unknown as CborValue);
});

test('a member in whose log the record is not signs no head that names it', async () => {
  const world = await CeremonyWorld.create(crypto);
  const request = await headRequest(world, 'a3', refresh);
  const key = world.stores.get('a3')!.range('authority/committee/', 'authority/committee0')[0].key;
  await world.stores.get('a3')!.commit([{ delete: key }]);
  const answer = world.member('a3').participant.answer('a1', 'ceremony.head', request as never);
  assert.is((await assert.refusal(answer)).code, 'OOTO_MESH_CEREMONY_RECORD');
});

test('signed documents without a head that names them change nothing', async () => {
  const world = await CeremonyWorld.create(crypto);
  const request = await headRequest(world, 'a3', refresh);
  const { participant, authority, duty, head } = world.member('a3');
  const share = world.stores.get('a3')!.get(SHARE_KEY)!;
  const time = world.clock.now();
  const body = {
    ...{ mesh: authority.meshId, number: duty.nextHeadNumber, time, expires: time + 3_600_000 },
    ...{ ...authority.versions, policy: { version: 1, digest: new Uint8Array(32) } },
  };
  const older = encodeHead(body, world.sign(headMessage(body), 'a1', 'a2')!);
  const answer = participant.answer('a1', 'ceremony.adopt', { head: older, documents: request.documents });
  assert.is((await assert.refusal(answer)).code, 'OOTO_AUTHORITY_HEAD_DOCUMENTS');
  const headless = participant.answer('a1', 'ceremony.adopt', { head: null, documents: request.documents });
  assert.is((await assert.refusal(headless)).code, 'OOTO_MESH_CEREMONY_HEAD');
  assert.is(authority.committee.epoch, 0);
  assert.is(head.current, undefined);
  assert.bytes(world.stores.get('a3')!.get(SHARE_KEY)!, share);
  assert.ok(world.sign(utf8('with the shares in force'), 'a2', 'a3'));
});

test('a commit that fails leaves the state before whole, and what was begun is finished', async () => {
  const world = await CeremonyWorld.create(crypto);
  const store = world.stores.get('a1')!;
  store.beforeCommit = (changes) => {
    if (changes.some((change) => 'put' in change && change.put === 'head/current')) diskFull();
  };
  assert.is(
    (await assert.refusal(world.member('a1').leader.change(world.approve(refresh)))).code,
    'OOTO_STORE_WRITE',
  );
  store.beforeCommit = () => {};
  for (const name of FOUNDERS) assert.is(world.member(name).authority.committee.epoch, 0);
  assert.ok(world.sign(utf8('as before'), ...FOUNDERS.slice(0, 2)));
  world.start('a1');
  await world.member('a2').leader.finish();
  requireSettled(world, FOUNDERS, 1);
  assert.is(world.forks.length, 0);
});

test('whoever has signed a head with the new committee signs none with the old one', async () => {
  const world = await CeremonyWorld.create(crypto);
  const request = await headRequest(world, 'a3', refresh);
  const { participant, duty, authority } = world.member('a3');
  await participant.answer('a1', 'ceremony.head', request as unknown as CborValue);
  const time = world.clock.now();
  const body = {
    ...{ mesh: authority.meshId, number: duty.nextHeadNumber, time, expires: time + 3_600_000 },
    ...{ ...authority.versions, policy: { version: 1, digest: new Uint8Array(32) } },
  };
  assert.is((await assert.refusal(duty.admitHead(body))).code, 'OOTO_AUTHORITY_HEAD');
});

test('a member that was away signs with its new share, and erases the old one once its log has the record', async () => {
  const world = await CeremonyWorld.create(crypto);
  world.onRequest = (to, operation, body) => {
    const isLate = operation === 'ceremony.record' || operation === 'ceremony.adopt';
    if (isLate && to === 'a3') throw new Error('away');
    return body;
  };
  await world.member('a1').leader.change(world.approve(refresh));
  const { adoption, authority, participant, duty } = world.member('a3');
  const store = world.stores.get('a3')!;
  const share = store.get(SHARE_KEY)!;
  const other = world.member('a1');
  await adoption.adopt(other.head.current!.encoded, other.authority.documentsAfter(authority.known));
  assert.is(authority.committee.epoch, 1);
  assert.bytes(store.get(SHARE_KEY)!, share, 'the old share is there');
  assert.ok(participant.shares.encodedFor(authority.publicPackage), 'and so is the new one');
  assert.is(await participant.settle(), true);
  assert.ok(duty.committees.has(authority.committee));
  requireSettled(world, FOUNDERS, 1);
});
