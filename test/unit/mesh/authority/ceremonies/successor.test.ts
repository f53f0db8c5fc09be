/** What members refuse to sign, whoever leads; and members that come back with less than they had. */
import type { Change } from '../../../../../src/authority/action.ts';
import { type CommitteeBody, committeeTranscript } from '../../../../../src/authority/committee-record.ts';
import { utf8 } from '../../../../../src/base/bytes.ts';
import { OotoError } from '../../../../../src/base/errors.ts';
import type { CborValue } from '../../../../../src/envelope/cbor.ts';
import { SHARE_KEY } from '../../../../../src/mesh/authority/founding.ts';
import * as assert from '../../../../support/assert.ts';
import { requireSettled } from '../../../../support/ceremony-crash.ts';
import { CeremonyWorld } from '../../../../support/ceremony-world.ts';
import { testCrypto } from '../../../../support/crypto.ts';
import { suite } from '../../../../support/suite.ts';

const test = suite('mesh/authority/ceremonies/successor', { timeout: 120_000 });
const crypto = testCrypto();
const refresh: Change = { kind: 'refresh', parameters: { epoch: 0 } };
const rotate: Change = { kind: 'rotate', parameters: { version: 0, overlapMs: 3_600_000 } };

/** What the leader asks the others to approve, when it is honest. */
async function approvalOf(world: CeremonyWorld, change: Change, which: string): Promise<Approval> {
  let seen: Approval | undefined;
  world.onRequest = (to, operation, body) => {
    const approval = body as unknown as Approval;
    if (operation === 'ceremony.approve' && to === 'a3' && approval.part === which) seen = approval;
    if (operation === 'ceremony.approve' && to !== 'a1') throw gone();
    return body;
  };
  await world
    .member('a1')
    .leader.change(world.approve(change))
    .catch(() => {});
  world.onRequest = (_, __, body) => body;
  if (!seen) throw new Error('nothing was to be approved');
  return seen;
}

interface Approval {
  session: Uint8Array;
  part: string;
  successor: {
    action: { number: number; digest: Uint8Array };
    bundle?: Record<string, unknown>;
    committee: Record<string, unknown> & { members: Record<string, unknown>[] };
    certificate: Uint8Array[];
    proof: Uint8Array;
  };
}

const gone = () => new OotoError('OOTO_MESH_NOT_READY', 'environment', 'gone');

async function refuses(world: CeremonyWorld, approval: Approval, code: RegExp, what: string): Promise<void> {
  const { participant } = world.member('a3');
  try {
    await participant.answer('a1', 'ceremony.approve', approval as unknown as CborValue);
  } catch (error) {
    assert.match((error as OotoError).code, code, what);
    assert.is(world.stores.get('a3')!.get('ceremony/successor'), undefined, what);
    return;
  }
  throw new Error(`approved: ${what}`);
}

test('a successor is refused that is not the approved one, whole and certified by all', async () => {
  const world = await CeremonyWorld.create(crypto);
  const approval = await approvalOf(world, refresh, 'committee');
  const { successor } = approval;
  const { committee } = successor;
  const changed = (changes: object) => ({ ...approval, successor: { ...successor, ...changes } });
  const inCommittee = (changes: object) => changed({ committee: { ...committee, ...changes } });
  const other = world.approve({ kind: 'note', parameters: { text: 'nothing' } });
  const flipped = successor.proof.slice();
  flipped[300] ^= 1;
  const wrong: [string, Approval, RegExp][] = [
    ['one member has not certified', changed({ certificate: successor.certificate.slice(1) }), /COMMITTEE/],
    ['in another order', changed({ certificate: [...successor.certificate].reverse() }), /COMMITTEE/],
    ['a proof of nothing', changed({ proof: flipped }), /^OOTO_THRESHOLD_|^OOTO_BASE_/],
    ['another time', inCommittee({ created: (committee.created as number) + 1 }), /COMMITTEE/],
    ['the future', inCommittee({ created: (committee.created as number) + 600_000 }), /SUCCESSOR/],
    ['fewer members', inCommittee({ members: committee.members.slice(1) }), /COMMITTEE/],
    ['another epoch', inCommittee({ epoch: 2 }), /VERSION|COMMITTEE/],
    ['a lower threshold', inCommittee({ threshold: 1 }), /COMMITTEE/],
    ['another action', inCommittee({ action: other.digest }), /SUCCESSOR/],
    ['an action of another kind', changed({ action: { number: 2, digest: other.digest } }), /KIND/],
    ['an action that is in no log', changed({ action: { number: 9, digest: other.digest } }), /UNKNOWN/],
  ];
  for (const [what, change, code] of wrong) await refuses(world, change, code, what);
  await world.member('a3').participant.answer('a1', 'ceremony.approve', approval as unknown as CborValue);
});

test('another committee than the approved is refused, though all of it certified and somebody approved something', async () => {
  const world = await CeremonyWorld.create(crypto);
  const approval = await approvalOf(world, refresh, 'committee');
  world.newcomer('b1');
  const members = ['a1', 'a2', 'b1'].map((name) => world.founderOf(name));
  const { action, digest } = world.approve({
    kind: 'reshare',
    parameters: { epoch: 0, threshold: 2, members },
  });
  const committee = { ...approval.successor.committee, action: digest } as unknown as CommitteeBody;
  const certificate = ['a1', 'a2', 'a3'].map((name) =>
    world.keys.get(name)!.keyGeneration.sign(committeeTranscript(committee)),
  );
  const reference = { number: action.number, digest };
  const successor = { ...approval.successor, action: reference, committee, certificate };
  const wrong = { ...approval, successor } as unknown as Approval;
  await refuses(world, wrong, /CEREMONY_SUCCESSOR/, 'another committee');
});

test('a bundle is refused that keeps the old key longer, or is of another key', async () => {
  const world = await CeremonyWorld.create(crypto);
  const approval = await approvalOf(world, rotate, 'previous');
  const { successor } = approval;
  const bundle = successor.bundle as {
    retiring: { groupKey: Uint8Array; until: number }[];
    root: Uint8Array;
  };
  const [retiring] = bundle.retiring;
  const inBundle = (changes: object) => ({
    ...approval,
    successor: { ...successor, bundle: { ...bundle, ...changes } },
  });
  const longer = inBundle({ retiring: [{ ...retiring, until: retiring.until + 1 }] });
  await refuses(world, longer, /SUCCESSOR/, 'longer');
  await refuses(world, inBundle({ retiring: [] }), /SUCCESSOR/, 'not at all');
  await refuses(
    world,
    inBundle({ groupKey: crypto.ed25519.publicKey(new Uint8Array(32)) }),
    /AUTHORITY|SUCCESSOR/,
    'a key of its own',
  );
  await refuses(world, inBundle({ version: 2 }), /VERSION/, 'another version');
  const { bundle: _, ...without } = successor;
  await refuses(
    world,
    { ...approval, part: 'committee', successor: without as never },
    /COMMITTEE|SUCCESSOR/,
    'no bundle',
  );
});

test('of one epoch a member stands for one successor, also after a restart', async () => {
  const world = await CeremonyWorld.create(crypto);
  const first = await approvalOf(world, refresh, 'committee');
  await world.member('a3').participant.answer('a1', 'ceremony.approve', first as unknown as CborValue);
  world.kill('a3');
  world.start('a3');
  world.kill('a1');
  await world.stores.get('a1')!.commit([{ delete: 'ceremony/successor' }]);
  world.start('a1');
  // This leader does not want to know what others stand for.
  const second = await secondSuccessor(world);
  const error = await assert.refusal(world.member('a3').participant.answer('a1', 'ceremony.approve', second));
  assert.is(error.code, 'OOTO_MESH_CEREMONY_TAKEN');
});

test('a member restored from an older backup is found out, signs nothing, and is repaired', async () => {
  const world = await CeremonyWorld.create(crypto);
  const backup = world.stores.get('a3')!.reopened();
  await world.member('a1').leader.change(world.approve(refresh));
  world.stores.set('a3', backup);
  world.start('a3');
  assert.is(world.member('a3').authority.committee.epoch, 0);
  const late = await assert.refusal(world.member('a3').leader.change(world.approve(refresh)));
  assert.is(late.code, 'OOTO_MESH_CEREMONY_EPOCH');
  assert.is(world.member('a3').authority.committee.epoch, 1, 'it has learnt what there is');
  const { authority, participant } = world.member('a3');
  assert.is(participant.shares.inForce(authority.publicPackage), undefined);
  await world
    .member('a1')
    .leader.repair(world.approve({ kind: 'repair', parameters: { epoch: 1, member: 'a3' } }));
  requireSettled(world, ['a1', 'a2', 'a3'], 1);
  assert.ok(world.sign(utf8('back'), 'a2', 'a3'));
});

test('a share of a run that did not end is kept until what followed is known, and never signs', async () => {
  const world = await CeremonyWorld.create(crypto);
  world.onRequest = (to, operation, body) => {
    if (operation === 'ceremony.certify' && to === 'a3') throw gone();
    return body;
  };
  await assert.refusal(world.member('a1').leader.change(world.approve(refresh)));
  world.onRequest = (_, __, body) => body;
  const store = world.stores.get('a3')!;
  assert.is(store.range('ceremony/pending/', 'ceremony/pending0').length, 1);
  assert.ok(world.member('a3').participant.shares.inForce(world.mesh.record.publicPackage));
  assert.ok(store.get(SHARE_KEY));
  await world.member('a2').leader.change(world.approve(refresh));
  requireSettled(world, ['a1', 'a2', 'a3'], 1);
});

/** Another successor of the same epoch, made with the others, which a3 has certified too. */
async function secondSuccessor(world: CeremonyWorld): Promise<CborValue> {
  let seen: CborValue;
  let states = 0;
  world.onRequest = (to, operation, body) => {
    // The first question is for successors, the second for who is there.
    if (operation === 'ceremony.state' && ++states <= 3) throw gone();
    if (operation === 'ceremony.approve' && to === 'a3') seen = body;
    if (operation === 'ceremony.approve' && to !== 'a1') throw gone();
    return body;
  };
  await world
    .member('a1')
    .leader.change(world.approve(refresh))
    .catch(() => {});
  world.onRequest = (_, __, body) => body;
  return seen!;
}
