import { OotoError } from '../../../src/base/errors.ts';
import { Channel } from '../../../src/channel/channel.ts';
import { delegationMessage, encodeDelegation } from '../../../src/channel/delegation.ts';
import { encodePreamble } from '../../../src/channel/preamble.ts';
import { Peers, type PeersOptions } from '../../../src/mesh/peers.ts';
import type { Connection } from '../../../src/ports.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { ManualClock, settled } from '../../support/manual-clock.ts';
import { MemoryNetwork } from '../../support/memory-transport.ts';
import { MESH_ID, makeParty, type Party, START, seededRandom, verifierOf } from '../../support/network.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { suite } from '../../support/suite.ts';
import { watchUnhandled } from './session-pair.ts';

const test = suite('mesh/peers', { timeout: 30_000 });

/** What was spent on Diffie-Hellman, KEM and signatures. */
const costs: string[] = [];
function noting<A extends unknown[], R>(name: string, run: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    costs.push(name);
    return run(...args);
  };
}
const base = testCrypto(seededRandom('peers'));
const crypto: typeof base = {
  ...base,
  x25519: {
    publicKey: noting('x25519', base.x25519.publicKey),
    sharedSecret: noting('x25519', base.x25519.sharedSecret),
  },
  mlkem768: {
    ...base.mlkem768,
    keygen: noting('kem', base.mlkem768.keygen),
    encaps: noting('kem', base.mlkem768.encaps),
    decaps: noting('kem', base.mlkem768.decaps),
  },
  ed25519: { ...base.ed25519, sign: noting('sign', base.ed25519.sign) },
};

/** Strangers that send a first message, the same each time, and nothing more. */
async function flood(world: World, count: number) {
  const channel = new Channel({
    crypto: testCrypto(seededRandom('stranger')),
    role: 'initiator',
    meshId: MESH_ID,
    own: world.alice.own,
    verifier: verifierOf(world.alice, world.bob),
    expectedId: world.bobId,
  });
  channel.start(START);
  const hello = channel.flush(START);
  const transport = world.network.transport('stranger');
  const connections: Connection[] = [];
  const address = async (times: number) => {
    for (let i = 0; i < times; i++) {
      const connection = await transport.dial('bob:1');
      connections.push(connection);
      await connection.write(hello);
    }
    await settled(40);
  };
  await address(count);
  const stop = async () => {
    for (const connection of connections) connection.close();
    await settled(40);
  };
  return { address, stop };
}

class World {
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork();
  readonly alice = makeParty(crypto, 'alice');
  readonly bob = makeParty(crypto, 'bob');
  readonly logger = { alice: new RecordingLogger(), bob: new RecordingLogger() };
  readonly peers = { alice: this.#peers('alice'), bob: this.#peers('bob') };

  static async listening(): Promise<World> {
    const world = new World();
    await world.peers.bob.listen('bob:1');
    await world.peers.alice.listen('alice:1');
    return world;
  }

  get bobId(): string {
    return this.bob.own.id;
  }

  dial(from: 'alice' | 'bob' = 'alice') {
    const [address, id] = from === 'alice' ? ['bob:1', this.bobId] : ['alice:1', this.alice.own.id];
    return this.peers[from].dial(MESH_ID, address, id);
  }

  #peers(name: 'alice' | 'bob'): Peers {
    const party: Party = this[name];
    const handlers = {
      authenticated: () => undefined,
      ready: () => {},
      answer: async (_: unknown, __: string, body: unknown) => body,
      refused: () => {},
    } as unknown as PeersOptions['handlers'];
    const peers = new Peers({
      ...{ crypto, clock: this.clock, logger: this.logger[name], handlers, epochMs: 60_000 },
      transport: this.network.transport(name),
    });
    const verifier = verifierOf(this.alice, this.bob);
    peers.join({ meshId: MESH_ID, own: () => party.own, verifier, accept: ['member'] });
    return peers;
  }
}

test('a dialled peer is found by its id, on both sides, and nobody else is', async () => {
  const world = await World.listening();
  const session = await world.dial();
  const { alice, bob } = world.peers;
  assert.is(alice.with(MESH_ID, world.bobId), session);
  assert.ok(bob.with(MESH_ID, world.alice.own.id));
  assert.is(alice.with(new Uint8Array(32), world.bobId), undefined);
  assert.is(alice.with(MESH_ID, 'spiffe://test/node/carol'), undefined);
  assert.is(await session.request('node.ping', 3), 3);
  assert.is(bob.totals.count, 1);
});

test('whichever side closes, the other learns that the end was meant, and both forget', async () => {
  for (const closer of ['alice', 'bob'] as const) {
    const world = await World.listening();
    await world.dial();
    await world.peers[closer].close();
    await settled();
    const other = closer === 'alice' ? 'bob' : 'alice';
    assert.equal(world.logger[other].codes('session ended'), ['OOTO_MESH_DISCONNECTED']);
    assert.is(world.peers.alice.sessions.length + world.peers.bob.sessions.length, 0);
  }
});

test('a delegation that was renewed while the handshake was under way is shown as soon as the session is ready', async () => {
  const world = await World.listening();
  const { own, delegation, identity } = world.bob;
  const younger = { ...delegation, notAfter: delegation.notAfter + 1 };
  const encoded = encodeDelegation(younger, identity.sign(delegationMessage(younger)));
  let shown = 0;
  world.peers.bob.join({
    meshId: MESH_ID,
    own: () => (shown++ === 0 ? own : { ...own, delegation: encoded }),
    verifier: verifierOf(world.alice),
    accept: ['member'],
  });
  const session = await world.dial();
  await settled();
  assert.bytes(session.peer.encodedDelegation, encoded);
  assert.is(await session.request('node.ping', 1), 1);
});

test('when two nodes dial each other at the same moment, both can ask and both can close', async () => {
  const world = await World.listening();
  const [one, two] = await Promise.all([world.dial('alice'), world.dial('bob')]);
  assert.is(await one.request('node.ping', 1), 1);
  assert.is(await two.request('node.ping', 2), 2);
  await world.peers.alice.close();
  await settled();
  assert.is(world.peers.bob.sessions.length, 0);
});

test('one peer has so many sessions at once and no more: the oldest gives way', async () => {
  const world = await World.listening();
  for (let i = 0; i < 20; i++) await world.dial();
  await settled();
  assert.is(world.peers.bob.sessions.length, 16);
  assert.is(world.peers.alice.sessions.length, 16);
  assert.is(await world.peers.alice.with(MESH_ID, world.bobId)!.request('node.ping', 9), 9);
});

test('connections that say nothing are bounded in number and time', async () => {
  const world = await World.listening();
  const transport = world.network.transport('stranger');
  const dialled = [];
  for (let i = 0; i < 1_030; i++) dialled.push(await transport.dial('bob:1'));
  await settled(40);
  const open = () => world.network.connections.filter(({ closed }) => !closed).length;
  assert.is(open(), 1_024);
  assert.is(world.logger.bob.codes('refused').filter((code) => code === 'OOTO_MESH_SILENT_FULL').length, 6);
  await world.clock.run(5_000, 1_000);
  assert.is(open(), 0);
  await world.dial();
});

test('under a flood of first messages no DH, KEM or signature is spent, and an honest peer gets in', async () => {
  const world = await World.listening();
  const { address, stop } = await flood(world, 400);
  const loaded = world.peers.bob.limits;
  assert.ok(loaded.loaded);
  const before = costs.length;
  const sessions = world.peers.bob.sessions.length;
  await address(200);
  assert.is(world.peers.bob.sessions.length, sessions, 'nothing was made for 200 strangers');
  assert.equal(costs.slice(before), [], 'nothing was spent on 200 strangers');
  assert.ok(world.peers.bob.limits.cookiesAsked >= 200);
  assert.is(world.peers.bob.limits.sources, 0);
  const session = await world.dial();
  assert.is(await session.request('node.ping', 5), 5);
  assert.is(world.peers.bob.limits.cookiesBrought, 1);
  await stop();
});

test('handshakes that are not finished end after five seconds, and are bounded', async () => {
  const world = await World.listening();
  const { stop } = await flood(world, 1_200);
  assert.ok(world.peers.bob.limits.halfOpen <= 1_024, String(world.peers.bob.limits.halfOpen));
  assert.ok(world.peers.bob.limits.unproven <= 1_024, String(world.peers.bob.limits.unproven));
  await world.clock.run(5_100, 1_000);
  assert.is(world.peers.bob.limits.halfOpen, 0);
  assert.is(world.peers.bob.sessions.length, 0);
  await stop();
});

test('a channel that is there goes on through a flood', async () => {
  const world = await World.listening();
  const session = await world.dial();
  const { stop } = await flood(world, 600);
  for (let i = 0; i < 50; i++) assert.is(await session.request('node.ping', i), i);
  await stop();
});

test('who names another mesh is refused and cut off before anything is answered', async () => {
  const world = await World.listening();
  const connection = await world.network.transport('stranger').dial('bob:1');
  const preamble = encodePreamble(new Uint8Array(32).fill(9), new Uint8Array(32));
  await connection.write(Uint8Array.of(0, 0, 0, 1 + preamble.length, 1, ...preamble));
  await settled();
  assert.equal(world.logger.bob.codes('refused'), ['OOTO_MESH_OTHER_MESH']);
  assert.is(world.network.connections[0].closed, true);
  assert.is(world.network.connections[0].other.written.length, 0);
});

test('noise instead of a handshake ends the session and nothing else', async () => {
  const unhandled = watchUnhandled();
  const world = await World.listening();
  for (let i = 0; i < 20; i++) {
    const connection = await world.network.transport('stranger').dial('bob:1');
    const preamble = encodePreamble(MESH_ID, new Uint8Array(32));
    const start = Uint8Array.of(0, 0, 0, 1 + preamble.length, i, ...preamble);
    await connection.write(start);
    await connection.write(crypto.random.bytes(1 + i * 50)).catch(() => {});
  }
  await settled(40);
  await world.clock.run(6_000, 1_000);
  assert.is(world.peers.bob.sessions.length, 0);
  assert.equal(unhandled.reasons, []);
  unhandled.stop();
  await world.dial();
});

test('a dial that cannot go on leaves no connection behind', async () => {
  const world = await World.listening();
  const elsewhere = world.peers.alice.dial(new Uint8Array(32), 'bob:1', world.bobId);
  await assert.rejectsCode(elsewhere, 'OOTO_MESH_OTHER_MESH');
  assert.is(world.network.connections.filter(({ closed }) => !closed).length, 0);
  await assert.rejectsCode(world.peers.alice.dial(MESH_ID, 'nowhere:1', 'x'), 'OOTO_TRANSPORT_UNREACHABLE');
});

test('another peer than the one dialled is refused', async () => {
  const world = await World.listening();
  const dialled = world.peers.alice.dial(MESH_ID, 'bob:1', 'spiffe://test/node/carol');
  await assert.rejectsCode(dialled, 'OOTO_CHANNEL_PEER_ID');
});

test('an aborted dial ends with the reason, and its connection is closed', async () => {
  const world = await World.listening();
  world.network.onConnection = (dialler) => dialler.stall();
  const stop = new AbortController();
  const dialled = world.peers.alice.dial(MESH_ID, 'bob:1', world.bobId, { signal: stop.signal });
  dialled.catch(() => {});
  await settled();
  stop.abort(new OotoError('OOTO_TEST_STOP', 'caller', 'stop'));
  await assert.rejectsCode(dialled, 'OOTO_TEST_STOP');
  await world.clock.run(3_000, 1_000);
  assert.ok(world.network.connections.every(({ closed }) => closed));
});

test('a dial aborted before it began ends at once', async () => {
  const world = await World.listening();
  const stop = new AbortController();
  const dialled = world.peers.alice.dial(MESH_ID, 'bob:1', world.bobId, { signal: stop.signal });
  stop.abort(new OotoError('OOTO_TEST_STOP', 'caller', 'stop'));
  await assert.rejectsCode(dialled, 'OOTO_TEST_STOP');
  await settled();
  assert.is(world.peers.alice.sessions.length, 0);
});

test('a dial that leads nowhere ends by itself', async () => {
  const world = await World.listening();
  const silent = await world.network.transport('silent').listen('silent:1');
  const dialling = world.peers.alice.dial(MESH_ID, 'silent:1', world.bobId);
  const refused = assert.rejectsCode(dialling, 'OOTO_CHANNEL_HANDSHAKE_TIMEOUT');
  await settled();
  await world.clock.run(16_000, 1_000);
  await refused;
  assert.is(world.peers.alice.sessions.length, 0);
  await silent.close();
});

test('a dial that is never answered at all ends by itself', async () => {
  const world = await World.listening();
  const unanswered = new Peers({
    ...{ crypto, clock: world.clock, logger: world.logger.alice, epochMs: 60_000 },
    handlers: {} as PeersOptions['handlers'],
    transport: {
      dial: (address, options) =>
        new Promise((_resolve, reject) => {
          options?.signal?.addEventListener('abort', () => reject(options.signal?.reason));
          assert.is(address, 'nowhere:1');
        }),
      listen: () => Promise.reject(new Error('nobody listens here')),
    },
  });
  unanswered.join({
    meshId: MESH_ID,
    own: () => world.alice.own,
    verifier: verifierOf(world.bob),
    accept: [],
  });
  const refused = assert.rejectsCode(unanswered.dial(MESH_ID, 'nowhere:1', world.bobId), 'OOTO_MESH_TIMEOUT');
  await settled();
  await world.clock.run(16_000, 1_000);
  await refused;
});
