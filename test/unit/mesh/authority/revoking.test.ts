/** Revocation in whole nodes, in memory: what operators approved ends sessions everywhere, at once and for good. */
import { approveAction, type Change, proposeAction, readProposal } from '../../../../src/authority/action.ts';
import type { CborValue } from '../../../../src/envelope/cbor.ts';
import { Ed25519SigningKey } from '../../../../src/envelope/keys.ts';
import { join, storedCredential } from '../../../../src/mesh/joining.ts';
import type { MeshNode } from '../../../../src/mesh/node.ts';
import { Upkeep } from '../../../../src/mesh/upkeep.ts';
import * as assert from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { diskFull, MemoryStore } from '../../../support/memory-store.ts';
import { seededRandom } from '../../../support/network.ts';
import { LIFE_MS, type SimulatedFounder, SimulatedMesh } from '../../../support/simulated-mesh.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('mesh/authority/revoking', { timeout: 120_000 });

interface Worker {
  node: MeshNode;
  upkeep: Upkeep;
  id: string;
  stop: AbortController;
  store: MemoryStore;
  identity: Ed25519SigningKey;
}

class World extends SimulatedMesh {
  founders: SimulatedFounder[] = [];
  #number = 0;

  static async begin(seed: string): Promise<World> {
    const world = new World(testCrypto(seededRandom(seed)));
    world.founders = await world.founded();
    return world;
  }

  /** A worker with a certificate that listens at `<name>:1`. */
  async worker(name: string): Promise<Worker> {
    const identity = Ed25519SigningKey.generate(this.crypto);
    const store = new MemoryStore();
    const stop = new AbortController();
    const node = this.node('worker', name, identity, store);
    await node.peers.listen(`${name}:1`);
    const credential = await this.settle(
      join(node, this.invite(this.founders[0], 'worker', name), LIFE_MS, stop.signal),
    );
    const upkeep = new Upkeep({
      ...{ node, credential, lifeMs: LIFE_MS, addresses: [`${name}:1`], signal: stop.signal },
    });
    await this.settle(upkeep.refresh());
    return { node, upkeep, id: credential.id, stop, store, identity };
  }

  /** The result of something that needs the clock to go on. */
  async settle<T>(promise: Promise<T>, limitMs = 60_000): Promise<T> {
    let isOver = false;
    const over = promise.finally(() => {
      isOver = true;
    });
    over.catch(() => {});
    await this.clock.until(() => isOver, limitMs, 10);
    return over;
  }

  /** Founders do all the time what a running node does. */
  keepUp(): void {
    for (const { node, name, stop } of this.founders) {
      const parts = { node, credential: storedCredential(node)!, lifeMs: LIFE_MS, addresses: [`${name}:1`] };
      void new Upkeep({ ...parts, signal: stop.signal }).run();
    }
  }

  connect(from: MeshNode, to: Worker): Promise<unknown> {
    return this.settle(from.session(to.id, [`${to.node.options.name}:1`]));
  }

  approved(change: Change, isSigned = true): Uint8Array {
    const { meshId, draft } = this.founders[0].node.trust.genesis;
    const created = this.clock.now();
    const frame = { mesh: meshId, number: ++this.#number, created, expires: created + 600_000 };
    const proposal = proposeAction(change, frame);
    return isSigned ? approveAction(readProposal(this.crypto, proposal), draft, this.operator.key) : proposal;
  }

  /** An operator's machine carries it to a1. */
  async apply(by: MeshNode, change: Change): Promise<CborValue> {
    const { genesis } = by.trust;
    const to = { id: `${idPrefix(genesis.meshId)}/authority/a1`, addresses: ['a1:1'] };
    return this.settle(by.ask(to, 'authority.apply', this.approved(change)));
  }

  revoke(by: MeshNode, id: string): Promise<CborValue> {
    return this.apply(by, { kind: 'revoke-node', parameters: { id, reason: 'lost' } });
  }
}

function idPrefix(meshId: Uint8Array): string {
  return `spiffe://${[...meshId].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

const sessionsWith = (node: MeshNode, id: string) =>
  node.peers.sessions.filter((session) => session.peerId === id);

async function fails(promise: Promise<unknown>, why = ''): Promise<void> {
  const outcome = await promise.then(
    () => 'done',
    () => 'refused',
  );
  assert.is(outcome, 'refused', why);
}

const failureOf = (applied: CborValue) => (applied as { failure: CborValue }).failure;

test('revoking a node ends its sessions on every node within a second, and it begins none again', async () => {
  const world = await World.begin('revoke nodes');
  const workers: Worker[] = [];
  for (let i = 0; i < 6; i++) workers.push(await world.worker(`w${i}`));
  const [bad, ...others] = workers;
  await Promise.all(others.map((worker) => world.connect(worker.node, bad)));
  await world.connect(bad.node, others[0]);
  const [carrier] = others;
  const everyone = [...world.founders.map(({ node }) => node), ...others.map(({ node }) => node)];
  assert.ok(others.every(({ node }) => sessionsWith(node, bad.id).length > 0));
  const announced = countAnnouncements(everyone);
  assert.is(failureOf(await world.revoke(carrier.node, bad.id)), null);
  await world.clock.until(() => everyone.every((node) => sessionsWith(node, bad.id).length === 0), 1_000, 10);
  await world.clock.until(
    () => everyone.every((node) => node.trust.authority.revocations.version === 1),
    1_000,
    10,
  );
  await world.clock.run(2_000, 50);
  assert.ok(announced() <= everyone.length * (everyone.length + 1), `${announced()} announcements`);
  for (const { node } of others)
    assert.throwsCode(
      () => node.trust.authority.requireNotRevoked({ id: bad.id, key: new Uint8Array(32) }),
      'OOTO_AUTHORITY_REVOKED',
    );
  await fails(world.connect(others[0].node, bad));
  await fails(world.connect(bad.node, others[1]));
  await world.connect(others[0].node, others[1]);
  await world.settle(others[0].upkeep.look());
  assert.is(others[0].upkeep.membership.get(bad.id), undefined);
  const late = await world.worker('late');
  assert.is(late.node.trust.authority.revocations.version, 1);
  assert.is(late.node.head.current?.revocations.version, 1);
  assert.ok(!late.upkeep.membership.all.some(({ id }) => id === bad.id));
});

function countAnnouncements(nodes: readonly MeshNode[]): () => number {
  let count = 0;
  for (const node of nodes)
    for (const session of node.peers.sessions) {
      const { request } = session;
      session.request = function (this: typeof session, operation, body, options) {
        if (operation === 'mesh.announce') count++;
        return request.call(this, operation, body, options);
      } as typeof request;
    }
  return () => count;
}

test('a node that was away comes back to all that is in force, before it asks or answers anything else', async () => {
  const world = await World.begin('away');
  const [carrier, bad, sleeper] = [
    await world.worker('w1'),
    await world.worker('w2'),
    await world.worker('w3'),
  ];
  sleeper.stop.abort(new Error('away'));
  world.keepUp();
  const left = sleeper.store.reopened();
  await sleeper.node.close();
  await world.revoke(carrier.node, bad.id);
  await world.clock.run(20 * 60_000, 10_000);
  const back = world.node('worker', 'w3', sleeper.identity, left);
  const credential = storedCredential(back)!;
  await world.settle(
    back.becomeMember(
      {
        ...{ id: credential.id, meshId: back.trust.genesis.meshId, subject: credential.tbsSha256 },
        ...{ credential: left.get('credential/current')!, notAfter: credential.notAfter },
      },
      credential.tier,
    ),
  );
  assert.is(back.trust.authority.revocations.version, 0);
  const a2 = { id: `${idPrefix(back.trust.genesis.meshId)}/authority/a2`, addresses: ['a2:1'] };
  await world.settle(back.ask(a2, 'head.current', null));
  assert.is(back.trust.authority.revocations.version, 1);
  assert.is(back.head.current?.revocations.version, 1);
  const reopened = world.node('worker', 'w3', sleeper.identity, left.reopened());
  storedCredential(reopened);
  assert.is(reopened.trust.authority.revocations.version, 1, 'and it is kept');
});

test('the authority gives what is revoked no certificate, by name and by key', async () => {
  const world = await World.begin('no certificate');
  const [carrier, bad, stolen] = [
    await world.worker('w1'),
    await world.worker('w2'),
    await world.worker('w3'),
  ];
  await world.revoke(carrier.node, bad.id);
  const key = world.crypto.sha256(stolen.identity.publicKey);
  const applied = await world.apply(carrier.node, {
    kind: 'revoke-key',
    parameters: { key, reason: 'stolen' },
  });
  assert.is(failureOf(applied), null);
  const again = world.node('worker', 'w2', Ed25519SigningKey.generate(world.crypto));
  const signal = new AbortController().signal;
  await assert.rejectsCode(
    world.settle(join(again, world.invite(world.founders[0], 'worker', 'w2'), LIFE_MS, signal)),
    'OOTO_AUTHORITY_REVOKED',
  );
  const renamed = world.node('worker', 'w4', stolen.identity);
  await assert.rejectsCode(
    world.settle(join(renamed, world.invite(world.founders[0], 'worker', 'w4'), LIFE_MS, signal)),
    'OOTO_AUTHORITY_REVOKED',
  );
});

test('a revoked member of the authority is let in nowhere, and the others go on without it', async () => {
  const world = await World.begin('revoke a member');
  const carrier = await world.worker('w1');
  const [a1, a2, a3] = world.founders;
  const id = `${idPrefix(a1.node.trust.genesis.meshId)}/authority/a3`;
  const applied = await world.revoke(carrier.node, id);
  assert.is(failureOf(applied), null);
  const isOut = ({ node }: SimulatedFounder) =>
    sessionsWith(node, id).length === 0 && sessionsWith(node, 'a3').length === 0;
  await world.clock.until(() => isOut(a1) && isOut(a2), 1_000, 10);
  await fails(
    world.settle(a3.node.peers.dial(sessionDraft(world), 'a1:1', 'a1')),
    "the founders' channel is closed too",
  );
  const late = await world.worker('w9');
  assert.equal(
    late.node.trust.authority.activeMembers.map(({ name }) => name),
    ['a1', 'a2'],
  );
});

/** The draft that founders' channels carry in the place of the mesh. */
function sessionDraft({ founders, crypto }: World): Uint8Array {
  const { draftBytes } = founders[0].node.trust.genesis;
  return crypto.sha256(
    new Uint8Array([...new TextEncoder().encode('ooto/1 genesis-draft\0'), ...encodedBytes(draftBytes)]),
  );
}

/** A byte string in CBOR. */
function encodedBytes(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  const head = length < 256 ? [0x58, length] : [0x59, length >> 8, length & 255];
  return new Uint8Array([...head, ...bytes]);
}

test('what no quorum of operators approved revokes nothing, and what is revoked is revoked once', async () => {
  const world = await World.begin('unapproved');
  const [carrier, good] = [await world.worker('w1'), await world.worker('w2')];
  const to = { id: `${idPrefix(carrier.node.trust.genesis.meshId)}/authority/a1`, addresses: ['a1:1'] };
  const unsigned = world.approved({ kind: 'revoke-node', parameters: { id: good.id, reason: 'x' } }, false);
  await fails(world.settle(carrier.node.ask(to, 'authority.apply', unsigned)));
  const number = 77;
  const proposal = {
    kind: 'revocations',
    session: new Uint8Array(32),
    version: 1,
    time: 1,
    causes: [{ number, digest: new Uint8Array(32) }],
  };
  for (const { authority } of world.founders) {
    await assert.rejectsCode(authority.duty.appraise('a1', proposal), 'OOTO_MESH_ACTION_UNKNOWN');
    await assert.rejectsCode(
      authority.duty.appraise('a1', { ...proposal, causes: [] }),
      'OOTO_AUTHORITY_REVOCATION',
    );
  }
  await world.revoke(carrier.node, good.id);
  await assert.rejectsCode(world.revoke(carrier.node, good.id), 'OOTO_MESH_ACTION_REPLAYED');
  assert.ok(world.founders.every(({ node }) => node.trust.authority.revocations.entries.length <= 1));
});

test('once the group key was changed and the old one has retired, newcomers join with what old invites say', async () => {
  const world = await World.begin('rotation');
  const [carrier, other] = [await world.worker('w1'), await world.worker('w2')];
  world.keepUp();
  const invite = world.invite(world.founders[0], 'worker', 'w7');
  const applied = await world.apply(carrier.node, {
    kind: 'rotate',
    parameters: { version: 0, overlapMs: 120_000 },
  });
  assert.is(failureOf(applied), null);
  await world.connect(carrier.node, other);
  await world.clock.run(60_000, 5_000);
  assert.ok(
    sessionsWith(other.node, carrier.id).length > 0,
    'what was there goes on while the old key retires',
  );
  await world.settle(other.upkeep.refresh());
  await world.clock.run(120_000, 5_000);
  assert.is(sessionsWith(other.node, carrier.id).length, 0, 'whoever still shows the old key is out');
  assert.bytes(other.upkeep.credential.issuerKey, other.node.trust.authority.groupKey);
  const late = world.node('worker', 'w7', Ed25519SigningKey.generate(world.crypto));
  const credential = await world.settle(join(late, invite, LIFE_MS, new AbortController().signal));
  assert.is(late.trust.authority.bundle.version, 1);
  assert.bytes(credential.issuerKey, late.trust.authority.groupKey);
  assert.not.equal(credential.issuerKey, late.trust.genesis.groupKey);
  const { authority } = world.founders[1].node.trust;
  assert.is(authority.bundle.version, 1);
});

test('a certificate under a new group key is shown to nobody before a head names that key', async () => {
  const world = await World.begin('rotation before its head');
  const [carrier, early] = [await world.worker('w1'), await world.worker('w2')];
  for (const session of early.node.peers.sessions) session.close();
  await world.clock.run(100, 10);
  const rotate = { kind: 'rotate' as const, parameters: { version: 0, overlapMs: 120_000 } };
  assert.is(failureOf(await world.apply(carrier.node, rotate)), null);
  const { following, trust } = early.node;
  const adopt = following.adopt.bind(following);
  following.adopt = async () => false;
  const { authority } = trust;
  authority.accept(authority.stage(carrier.node.trust.authority.documentsAfter(authority.known)));
  await world.settle(early.upkeep.refresh());
  assert.bytes(early.upkeep.credential.issuerKey, trust.genesis.groupKey);
  following.adopt = adopt;
  await world.settle(early.upkeep.refresh());
  assert.bytes(early.upkeep.credential.issuerKey, authority.groupKey);
  assert.not.equal(authority.groupKey, trust.genesis.groupKey);
});

test('while the group key changes, whoever has not heard of it meets whoever has, in both directions', async () => {
  for (const dials of ['ahead', 'behind'] as const) {
    const world = await World.begin(`rotation under traffic, ${dials}`);
    const [ahead, behind] = [await world.worker('w1'), await world.worker('w2')];
    for (const session of behind.node.peers.sessions) session.close();
    await world.clock.run(100, 10);
    const rotate = { kind: 'rotate' as const, parameters: { version: 0, overlapMs: 120_000 } };
    assert.is(failureOf(await world.apply(ahead.node, rotate)), null);
    await world.clock.run(1_000, 10);
    const old = behind.node.head.current!;
    assert.is(ahead.node.head.current!.bundle.version, 1);
    assert.is(old.bundle.version, 0, 'nobody has told it');
    if (dials === 'ahead') await world.connect(ahead.node, behind);
    else await world.connect(behind.node, ahead);
    await world.clock.until(() => behind.node.trust.authority.bundle.version === 1, 5_000, 10);
    assert.is(await world.settle(ahead.node.following.adopt(old.encoded)), false);
    for (const { node } of [ahead, behind]) assert.is(node.head.current!.bundle.version, 1);
  }
});

test('frozen-head: an old head is refused where a newer one is known, and alone lets no session begin', async () => {
  const world = await World.begin('frozen head');
  const [one, two] = [await world.worker('w1'), await world.worker('w2')];
  const old = one.node.head.current!;
  world.keepUp();
  await world.clock.run(6 * 60_000, 5_000);
  await world.settle(one.upkeep.refresh());
  const { current } = one.node.head;
  assert.ok(current!.number > old.number);
  assert.is(await world.settle(one.node.following.adopt(old.encoded)), false);
  assert.is(one.node.head.current, current);
  assert.is(two.node.head.current!.number, old.number, 'nobody has shown it another');
  for (const { stop } of world.founders) stop.abort(new Error('frozen'));
  await world.clock.run(16 * 60_000, 20_000);
  await world.settle(two.node.renewDelegation());
  await world.settle(one.node.renewDelegation());
  assert.throwsCode(
    () => two.node.head.requireFresh(world.clock.now(), two.node.policy.headMaximumAgeMs),
    'OOTO_AUTHORITY_HEAD_STALE',
  );
  await fails(world.connect(one.node, two));
});

test('a member of the authority whose certificate has lapsed while it runs gets another', async () => {
  const world = await World.begin('lapsed');
  const [a1, a2, a3] = world.founders;
  const lapse = () => storedCredential(a3.node)?.notAfter ?? 0;
  const first = lapse();
  a3.store.beforeCommit = () => diskFull();
  world.keepUp();
  await world.clock.run(LIFE_MS + 60_000, 20_000);
  assert.is(lapse(), 0, 'it has lapsed');
  assert.ok(storedCredential(a1.node) && storedCredential(a2.node));
  a3.store.beforeCommit = () => {};
  await world.clock.until(() => lapse() > first, 120_000, 1_000);
  await world.clock.until(() => a3.node.own.presentation.notAfter > first, 10_000, 100);
});
