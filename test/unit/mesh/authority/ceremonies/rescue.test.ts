/** A mesh whose group key is lost comes back by the quorum of its operators and those members that are left, and no other way. */
import type { Change } from '../../../../../src/authority/action.ts';
import { encodeCommitteeRecord, peekCommittee } from '../../../../../src/authority/committee-record.ts';
import { encodeHead, headMessage, verifyHead } from '../../../../../src/authority/head.ts';
import {
  bundleMessage,
  encodeBundle,
  rescueMessage,
  type TrustBundleBody,
} from '../../../../../src/authority/trust-bundle.ts';
import { utf8 } from '../../../../../src/base/bytes.ts';
import { hex } from '../../../../../src/base/hex.ts';
import type { CborValue } from '../../../../../src/envelope/cbor.ts';
import { Ed25519SigningKey } from '../../../../../src/envelope/keys.ts';
import { plainSuccessor } from '../../../../../src/mesh/authority/ceremonies/ceremony-message.ts';
import {
  documentsOf,
  judgeRescue,
  type Rescue,
} from '../../../../../src/mesh/authority/ceremonies/rescue.ts';
import { SHARE_KEY } from '../../../../../src/mesh/authority/founding.ts';
import { decodeSecretShare, groupKey } from '../../../../../src/threshold/index.ts';
import * as assert from '../../../../support/assert.ts';
import { requireSettled, rescueOf } from '../../../../support/ceremony-crash.ts';
import { CeremonyWorld } from '../../../../support/ceremony-world.ts';
import {
  bundleBody,
  committeeBody,
  groupOf,
  newGroup,
  signAs,
  signedCommittee,
} from '../../../../support/committee.ts';
import { testCrypto } from '../../../../support/crypto.ts';
import { suite } from '../../../../support/suite.ts';

const test = suite('mesh/authority/ceremonies/rescue', { timeout: 120_000 });
const crypto = testCrypto();
const LEFT = ['a1', 'a2', 'a3'];
const rotate = (version: number): Change => ({ kind: 'rotate', parameters: { version, overlapMs: 60_000 } });

/** Two of five are gone for good, and a third has lost its share: nobody signs with the group key any more. */
async function lostKey(): Promise<CeremonyWorld> {
  const world = await CeremonyWorld.create(crypto, {
    ...{ count: 5, threshold: 3, operators: 3, operatorQuorum: 2 },
  });
  for (const name of ['a4', 'a5']) world.kill(name);
  await world.stores.get('a3')!.commit([{ delete: SHARE_KEY }]);
  world.start('a3');
  return world;
}

/** What the members that are left have made, and nobody has signed. */
async function made(world: CeremonyWorld, leader = 'a2'): Promise<Rescue> {
  return world.rescue(leader, world.approve(rescueOf({ members: LEFT })));
}

/** Every one of those that are left refuses it, and goes on by what it had. */
async function refused(world: CeremonyWorld, rescue: Rescue, code: string): Promise<void> {
  for (const name of LEFT) {
    const { participant, authority } = world.member(name);
    const taken = { head: null, documents: documentsOf(rescue) } as unknown as CborValue;
    await assert.rejectsCode(participant.answer('a1', 'ceremony.adopt', taken), code);
    assert.is(authority.bundle.version, 0);
    assert.is(world.stores.get(name)!.get('rescues/1'), undefined, 'nothing is in its log');
  }
}

test('those that are left make another key, operators sign it, and it is in force', async () => {
  const world = await lostKey();
  const rescue = await made(world);
  assert.is(world.member('a1').authority.bundle.version, 0, 'nothing is in force before operators sign');
  const before = world.member('a1').authority;
  judgeRescue(crypto, before, rescue);
  await world.conclude('a1', world.signed(rescue, world.mesh.operators.slice(1)), LEFT);
  requireSettled(world, LEFT, 1);
  const { authority } = world.member('a3');
  assert.is(authority.bundle.version, 1);
  assert.equal(authority.bundle.operators, ['operator-2', 'operator-3']);
  assert.is(authority.threshold, 2);
  assert.bytes(authority.groupKey, groupKey(authority.publicPackage));
  assert.ok(hex(authority.groupKey) !== hex(world.mesh.record.groupKey));
  assert.ok(world.sign(utf8('after the rescue'), 'a2', 'a3'));
  for (const name of LEFT) assert.ok(world.stores.get(name)!.get('rescues/1'), `${name} has it in its log`);
});

test('the old group key signs nothing any more: no member has a share of it, and what it signs counts for nothing', async () => {
  const world = await lostKey();
  const old = world.mesh.record.publicPackage;
  await world.conclude('a1', world.signed(await made(world)), LEFT);
  for (const name of LEFT)
    assert.throws(() => decodeSecretShare(crypto, old, world.stores.get(name)!.get(SHARE_KEY)!));
  const { authority } = world.member('a1');
  const { meshId, versions } = authority;
  const body = {
    ...{ mesh: meshId, number: 99, time: 1, expires: 2, ...versions },
    policy: { version: 1, digest: new Uint8Array(32) },
  };
  // A thief has enough of the old shares.
  const forged = encodeHead(body, signAs(crypto, groupOf(world.mesh), headMessage(body)));
  verifyHead(crypto, { meshId, groupKey: world.mesh.record.groupKey }, forged);
  assert.throwsCode(
    () => verifyHead(crypto, { meshId, groupKey: authority.groupKey }, forged),
    'OOTO_ENVELOPE_SIGNATURE',
  );
});

test('a rescue with too few operators is refused: none, one of two, one of them twice', async () => {
  const world = await lostKey();
  const rescue = await made(world);
  const [first] = world.mesh.operators;
  await refused(world, rescue, 'OOTO_ENVELOPE_FIELD');
  await refused(world, world.signed(rescue, [first]), 'OOTO_ENVELOPE_THRESHOLD');
  const once = world.signed(rescue, [first]).signatures[0];
  await refused(world, { ...rescue, signatures: [once, once] }, 'OOTO_ENVELOPE_DUPLICATE');
});

test('a rescue that somebody signed who is no operator is refused', async () => {
  const world = await lostKey();
  const rescue = await made(world);
  const stranger = Ed25519SigningKey.generate(crypto);
  assert.throwsCode(() => world.signed(rescue, [{ key: stranger }]), 'OOTO_AUTHORITY_ACTION_OPERATOR');
  const signature = stranger.sign(rescueMessage(rescue.bundle));
  const { signatures } = world.signed(rescue, world.mesh.operators.slice(0, 1));
  const unknown = [...signatures, { keyid: 'stranger', signature }];
  await refused(world, { ...rescue, signatures: unknown }, 'OOTO_ENVELOPE_UNKNOWN_KEY');
  const named = [...signatures, { keyid: 'operator-2', signature }];
  await refused(world, { ...rescue, signatures: named }, 'OOTO_ENVELOPE_SIGNATURE');
});

test('an operator’s signature over another body is refused, and one for another purpose', async () => {
  const world = await lostKey();
  const rescue = await made(world);
  const [first, second] = world.mesh.operators;
  const other = { ...rescue, bundle: { ...rescue.bundle, created: rescue.bundle.created + 1 } };
  const { signatures } = world.signed(rescue, [first]);
  const elsewhere = world.signed(other, [second]).signatures;
  await refused(world, { ...rescue, signatures: [...signatures, ...elsewhere] }, 'OOTO_ENVELOPE_SIGNATURE');
  const purpose = { keyid: second.keyid, signature: second.key.sign(bundleMessage(rescue.bundle)) };
  await refused(world, { ...rescue, signatures: [...signatures, purpose] }, 'OOTO_ENVELOPE_SIGNATURE');
});

test('a rescue by members without operators is refused, though all of them and the old key sign it', async () => {
  const world = await CeremonyWorld.create(crypto);
  const approved = world.approve(rescueOf({ members: LEFT }));
  let seen: { successor: { bundle: TrustBundleBody } } | undefined;
  world.onRequest = (_, operation, body) => {
    if (operation === 'ceremony.approve') seen = body as never;
    return body;
  };
  const rescue = await world.rescue('a1', approved);
  const previous = { ...seen, part: 'previous' } as unknown as CborValue;
  await assert.rejectsCode(
    world.member('a2').participant.answer('a1', 'ceremony.approve', previous),
    'OOTO_MESH_CEREMONY_SUCCESSOR',
  );
  // Members that are corrupt sign all the same.
  const signature = signAs(crypto, groupOf(world.mesh), bundleMessage(rescue.bundle));
  const bundle = encodeBundle(rescue.bundle, { own: rescue.own, succession: { kind: 'group', signature } });
  const { authority } = world.member('a3');
  const documents = { bundles: [bundle], committees: [rescue.committee], revocations: null };
  assert.throwsCode(() => authority.stage(documents), 'OOTO_AUTHORITY_BUNDLE');
});

test('a rescue of a version that is not next is refused, before and after the key was made', async () => {
  const world = await CeremonyWorld.create(crypto);
  const early = world.approve(rescueOf({ members: LEFT, version: 1 }));
  await assert.rejectsCode(world.rescue('a1', early), 'OOTO_MESH_CEREMONY_EPOCH');
  const rescue = await world.rescue('a1', world.approve(rescueOf({ members: LEFT })));
  for (const version of [0, 2]) {
    const other = world.signed({ ...rescue, bundle: { ...rescue.bundle, version } });
    await refused(world, other, 'OOTO_ENVELOPE_VERSION');
  }
});

test('an old rescue shown again is refused once there is a later key', async () => {
  const world = await CeremonyWorld.create(crypto);
  const first = world.signed(await world.rescue('a1', world.approve(rescueOf({ members: LEFT }))));
  // Operators signed two, and the second came to the members.
  const second = world.signed(await world.rescue('a2', world.approve(rescueOf({ members: LEFT }))));
  await world.conclude('a2', second, LEFT);
  requireSettled(world, LEFT, 1);
  const { authority } = world.member('a1');
  assert.throwsCode(() => authority.stage(documentsOf(first)), 'OOTO_AUTHORITY_DOCUMENTS_FORK');
  assert.ok(authority.stage(documentsOf(second)), 'the same once more changes nothing');
  await world.member('a1').leader.change(world.approve(rotate(1)));
  assert.throwsCode(() => authority.stage(documentsOf(first)), 'OOTO_AUTHORITY_DOCUMENTS_FORK');
  assert.is(authority.bundle.version, 2);
});

test('what a leader shows to operators is judged: another key, other members, another time to come back', async () => {
  const world = await lostKey();
  const rescue = await made(world);
  const { authority } = world.member('a1');
  const refuses = (changed: Partial<Rescue>, code: string) =>
    assert.throwsCode(() => judgeRescue(crypto, authority, { ...rescue, ...changed }), code);
  const { bundle } = rescue;
  const [retiring] = bundle.retiring;
  const inBundle = (changes: object) => ({ bundle: { ...bundle, ...changes } });
  const key = Ed25519SigningKey.generate(crypto);
  refuses(inBundle({ groupKey: key.publicKey }), 'OOTO_AUTHORITY_COMMITTEE');
  refuses(inBundle({ retiring: [{ ...retiring, since: 0 }] }), 'OOTO_MESH_CEREMONY_SUCCESSOR');
  refuses(
    inBundle({ retiring: [{ ...retiring, until: retiring.until + 1 }] }),
    'OOTO_MESH_CEREMONY_SUCCESSOR',
  );
  refuses(inBundle({ retiring: [] }), 'OOTO_MESH_CEREMONY_SUCCESSOR');
  refuses({ own: key.sign(bundleMessage(bundle)) }, 'OOTO_CRYPTO_SIGNATURE');
  const note = world.approve({ kind: 'note', parameters: { text: 'nothing' } });
  refuses({ action: note.encoded }, 'OOTO_MESH_CEREMONY_SUCCESSOR');
  const other = world.approve(rescueOf({ members: ['a1', 'a2', 'a3'], threshold: 3 }));
  refuses({ action: other.encoded }, 'OOTO_MESH_CEREMONY_SUCCESSOR');
  const same = world.approve(rescueOf({ members: LEFT }));
  refuses({ action: same.encoded }, 'OOTO_MESH_CEREMONY_SUCCESSOR');
  const body = peekCommittee(rescue.committee);
  const certificate = body.members.map(() => new Uint8Array(64).fill(1));
  const committee = encodeCommitteeRecord(body, { certificate, signature: new Uint8Array(64) });
  refuses({ committee }, 'OOTO_AUTHORITY_COMMITTEE');
});

test('a key of another threshold than the approved is refused, though all that were named made it', async () => {
  const world = await lostKey();
  const { action, bundle: approved, ...rescue } = await made(world);
  const { authority } = world.member('a1');
  const group = newGroup(
    crypto,
    LEFT.map((name) => world.keys.get(name)!),
    { epoch: 1, threshold: 3 },
  );
  const { retiring, created } = approved;
  const bundle = await bundleBody(crypto, authority.bundle, group, { retiring, created });
  const body = committeeBody(authority.committee, group, { action: peekCommittee(rescue.committee).action });
  const own = signAs(crypto, group, bundleMessage(bundle));
  const other = { ...rescue, action, bundle, own, committee: signedCommittee(crypto, body, group) };
  assert.throwsCode(() => judgeRescue(crypto, authority, other), 'OOTO_MESH_CEREMONY_SUCCESSOR');
});

test('nobody revoked or unknown makes the key, and every member that was named must', async () => {
  const world = await lostKey();
  const strangers = world.approve(rescueOf({ members: ['a1', 'a2', 'b1'] }));
  await assert.rejectsCode(world.rescue('a1', strangers), 'OOTO_MESH_CEREMONY_MEMBER');
  world.kill('a3');
  await assert.rejectsCode(made(world), 'OOTO_MESH_NOT_READY');
  world.start('a3');
  judgeRescue(crypto, world.member('a1').authority, await made(world));
});

test('the same action led again, by another, comes to the same key; a later one takes its place', async () => {
  const world = await lostKey();
  const approved = world.approve(rescueOf({ members: LEFT }));
  const first = await world.rescue('a1', approved);
  for (const name of LEFT) {
    world.kill(name);
    world.start(name);
  }
  const again = await world.rescue('a3', approved);
  assert.bytes(again.bundle.groupKey, first.bundle.groupKey);
  assert.bytes(rescueMessage(again.bundle), rescueMessage(first.bundle));
  const later = await made(world, 'a3');
  assert.ok(hex(later.bundle.groupKey) !== hex(first.bundle.groupKey));
  await assert.rejectsCode(world.rescue('a1', approved), 'OOTO_AUTHORITY_UNAVAILABLE');
  await world.conclude('a2', world.signed(later), LEFT);
  requireSettled(world, LEFT, 1);
});

test('what was begun under a key that is lost gives way to a rescue, and a rescue to nothing but another', async () => {
  const world = await CeremonyWorld.create(crypto);
  world.onRequest = (to, operation, body) => {
    if (operation === 'ceremony.sign' && to !== 'a1') throw new Error('the others have lost their shares');
    return body;
  };
  const refresh = world.approve({ kind: 'refresh', parameters: { epoch: 0 } });
  await assert.rejectsCode(world.member('a1').leader.change(refresh), 'OOTO_THRESHOLD_TOO_FEW');
  assert.ok(world.member('a2').participant.successor, 'they stand for a refresh');
  world.onRequest = (_, operation, body) => {
    if (operation === 'ceremony.approve' && (body as { part: string }).part === 'committee') {
      const { bundle } = (body as { successor: { bundle?: unknown } }).successor;
      if (!bundle) throw new Error('the others have lost their shares');
    }
    return body;
  };
  const rescue = await world.rescue('a1', world.approve(rescueOf({ members: LEFT })));
  world.onRequest = (_, __, body) => body;
  await assert.rejectsCode(
    world.member('a2').leader.change(world.approve(rotate(0))),
    'OOTO_AUTHORITY_UNAVAILABLE',
  );
  const { successor } = world.member('a2').participant;
  assert.ok(successor && (plainSuccessor(successor) as { bundle?: object }).bundle);
  await world.conclude('a1', world.signed(rescue), LEFT);
  requireSettled(world, LEFT, 1);
});

test('a member goes by a rescue only once it has it in its own log', async () => {
  const world = await lostKey();
  const rescue = world.signed(await made(world));
  world.onRescue = (name) => {
    assert.is(world.member(name).authority.bundle.version, 0);
    if (name === 'a2') throw new Error('the disk is full');
  };
  const answers = await world.conclude('a1', rescue, LEFT);
  assert.ok(answers.get('a2') instanceof Error);
  assert.is(world.member('a2').authority.bundle.version, 0);
  assert.is(world.member('a1').authority.bundle.version, 1);
  world.onRescue = () => {};
  // It finds it at the others by itself, or is told again.
  await world.member('a2').leader.finish();
  assert.ok(world.stores.get('a2')!.get('rescues/1'));
  await world.conclude('a3', rescue, LEFT);
  requireSettled(world, LEFT, 1);
});
