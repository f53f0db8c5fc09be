/** Who has shown no certificate is nobody: a name that was only claimed gets no request meant for its owner. */
import type { CredentialKind } from '../../../src/channel/credential.ts';
import { Peers } from '../../../src/mesh/peers.ts';
import * as assert from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { ManualClock, settled } from '../../support/manual-clock.ts';
import { MemoryNetwork } from '../../support/memory-transport.ts';
import { MESH_ID, makeParty, type Party, seededRandom, verifierOf } from '../../support/network.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { suite } from '../../support/suite.ts';

const test = suite('mesh/impersonation');
const crypto = testCrypto(seededRandom('impersonation'));
const network = new MemoryNetwork();

function standing(name: string, own: Party, others: Party[], accept: CredentialKind[] = []): Peers {
  const handlers = {
    authenticated: () => undefined,
    ready() {},
    refused() {},
    answer: async () => null,
  };
  const peers = new Peers({
    ...{ crypto, clock: new ManualClock(), logger: new RecordingLogger(), handlers, epochMs: 60_000 },
    transport: network.transport(name),
  });
  peers.join({ meshId: MESH_ID, own: () => own.own, verifier: verifierOf(...others), accept });
  return peers;
}

for (const kind of ['enrol', 'member'] as const)
  test(`a peer of kind ${kind} ${kind === 'member' ? 'gets' : 'does not get'} what its id is asked`, async () => {
    const alice = makeParty(crypto, 'alice');
    const bob = makeParty(crypto, 'bob', { kind });
    const address = `alice-${kind}:1`;
    const authority = standing('alice', alice, [bob], ['member', 'enrol']);
    await authority.listen(address);
    const caller = standing('bob', bob, [alice]);
    await caller.dial(MESH_ID, address, alice.own.id);
    await settled();
    assert.is(authority.sessions[0].peerId, bob.own.id);
    assert.is(authority.with(MESH_ID, bob.own.id) !== undefined, kind === 'member');
  });

test('strangers that enrol have so many sessions together and no more: the oldest gives way, members stay', async () => {
  const alice = makeParty(crypto, 'alice');
  const bob = makeParty(crypto, 'bob');
  const strangers = Array.from({ length: 260 }, (_, i) =>
    makeParty(crypto, `stranger-${i}`, { kind: 'enrol' }),
  );
  const authority = standing('alice', alice, [bob, ...strangers], ['member', 'enrol']);
  await authority.listen('alice-crowd:1');
  await standing('bob', bob, [alice]).dial(MESH_ID, 'alice-crowd:1', alice.own.id);
  for (const stranger of strangers)
    await standing(stranger.name, stranger, [alice]).dial(MESH_ID, 'alice-crowd:1', alice.own.id);
  await settled();
  assert.is(authority.sessions.length, 257);
  assert.ok(authority.with(MESH_ID, bob.own.id));
  assert.is(authority.sessions.at(-1)!.peerId, strangers.at(-1)!.own.id);
});
