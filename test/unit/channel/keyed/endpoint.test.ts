/** Channels between programs that pin each other's keys: who gets in, and that what stands goes on standing. */
import { concat, u32be, utf8, utf8Decode } from '../../../../src/base/bytes.ts';
import { OotoError } from '../../../../src/base/errors.ts';
import { hex } from '../../../../src/base/hex.ts';
import { Channel } from '../../../../src/channel/channel.ts';
import { Endpoint, type EndpointOptions } from '../../../../src/channel/keyed/endpoint.ts';
import { identityOf } from '../../../../src/channel/keyed/identity.ts';
import type { Admission, HalfOpen } from '../../../../src/channel/keyed/listener.ts';
import { verifyProof } from '../../../../src/channel/keyed/message-proof.ts';
import { OwnKey, RENEWAL_MS } from '../../../../src/channel/keyed/own-key.ts';
import {
  applicationId,
  keyPeerId,
  pinnedKeyVerifier,
  publicKey,
} from '../../../../src/channel/keyed/public-key.ts';
import { Link } from '../../../../src/channel/link.ts';
import { SignatureVerifier } from '../../../../src/channel/signature-verifier.ts';
import { creditFrame, messageFrame } from '../../../../src/channel/streams/frames.ts';
import type { ChannelMessageEvent, SecureChannel } from '../../../../src/channel/streams/secure-channel.ts';
import { Doorway } from '../../../../src/mesh/doorway.ts';
import type { Role } from '../../../../src/noise/handshake-state.ts';
import type { Signer, Transport } from '../../../../src/ports.ts';
import { answerParsed } from '../../../oracle/answer.ts';
import { operationsOf } from '../../../oracle/operations.ts';
import { equal, is, ok, rejectsCode, throwsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { ManualClock, settled } from '../../../support/manual-clock.ts';
import { MemoryConnection, MemoryNetwork } from '../../../support/memory-transport.ts';
import { seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('endpoints with pinned keys', { timeout: 30_000 });
const ADDRESS = 'there:1';

function world() {
  const crypto = testCrypto(seededRandom('endpoints'));
  const clock = new ManualClock();
  const network = new MemoryNetwork();
  const identities = ['alice', 'bob', 'carol'].map((name) => identityOf(crypto, crypto.sha256(utf8(name))));
  const endpoint = (
    identity = identities[0],
    options: Partial<EndpointOptions> = {},
    transport = network.transport(identity.id.slice(0, 12)),
  ) =>
    new Endpoint(
      {
        crypto,
        clock,
        transport,
        soon: queueMicrotask,
        admission: () => new Doorway(crypto, clock),
      },
      { identity, ...options },
    );
  const [alice, bob, carol] = identities;
  return { crypto, clock, network, endpoint, alice, bob, carol };
}

/** Takes a while, as hardware does. */
function slowSigner(identity: Signer, clock: ManualClock): Signer {
  return {
    ...identity,
    async sign(message) {
      await new Promise<void>((resolve) => clock.after(300, resolve));
      return identity.sign(message);
    },
  };
}

test('whoever is pinned gets a channel, with the handlers of both sides from the first message on', async () => {
  const { endpoint, alice, bob } = world();
  const listener = await endpoint(bob).listen({
    address: ADDRESS,
    peers: [alice.publicKey],
    handlers: { greet: async (request) => `hello ${await request.text()}, says ${request.peer.identity.id}` },
  });
  const first: SecureChannel[] = [];
  void (async () => {
    for await (const channel of listener) {
      first.push(channel);
      void channel.request('whoami').catch(() => {});
    }
  })();
  const asked: string[] = [];
  const channel = await endpoint(alice).connect({
    address: ADDRESS,
    peer: bob.publicKey,
    handlers: new Map([['whoami', (request) => void asked.push(request.method)]]),
  });
  is(utf8Decode(await channel.request('greet', 'bob')), `hello bob, says ${alice.id}`);
  await settled();
  is(channel.peerId, bob.id);
  is(first[0]?.peerId, alice.id);
  equal(asked, ['whoami']);
  is(listener.channels.length, 1);
  await listener.close();
  is(await channel.closed, undefined);
  is(listener.channels.length, 0);
});

test('what the other side says first is heard, however the signatures are checked and the bytes arrive', async () => {
  for (const delivery of ['verified', 'authenticated'] as const) {
    const { endpoint, alice, bob, network } = world();
    network.onConnection = (_, acceptor) => {
      let waiting: Uint8Array[] = [];
      const write = acceptor.write.bind(acceptor);
      // All that is written in one turn arrives in one piece.
      acceptor.write = async (bytes) => {
        if (waiting.length === 0)
          setImmediate(() => {
            void write(concat(...waiting));
            waiting = [];
          });
        waiting.push(bytes.slice());
      };
    };
    const listener = await endpoint(bob).listen({ address: ADDRESS, peers: [alice.publicKey] });
    void (async () => {
      for await (const channel of listener) for (const word of ['welcome', 'here']) channel.send(utf8(word));
    })();
    const channel = await endpoint(alice, { delivery }).connect({ address: ADDRESS, peer: bob.publicKey });
    const heard: string[] = [];
    channel.addEventListener('message', (event) =>
      heard.push(utf8Decode((event as ChannelMessageEvent).data)),
    );
    await settled();
    equal(heard, ['welcome', 'here'], delivery);
  }
});

test('a stranger counts from its connection until it is known or gone, and can be sent away meanwhile', async () => {
  const { crypto, clock, network, alice, bob } = world();
  const told: string[] = [];
  const strangers: HalfOpen[] = [];
  const doorway = new Doorway(crypto, clock);
  const admission: Admission = {
    guardFor: (address, admitted) => doorway.guardFor(address, admitted),
    opened: (stranger) => {
      told.push('opened');
      strangers.push(stranger);
    },
    admitted: () => {},
    settled: (stranger) => told.push(`settled ${strangers.indexOf(stranger)}`),
  };
  const surroundings = { crypto, clock, soon: setImmediate };
  await using far = new Endpoint(
    { ...surroundings, transport: network.transport('bob'), admission: () => admission },
    { identity: bob },
  );
  await far.listen({ address: ADDRESS, peers: [alice.publicKey] });
  await using near = new Endpoint(
    { ...surroundings, transport: network.transport('alice'), admission: () => admission },
    { identity: alice },
  );
  await near.connect({ address: ADDRESS, peer: bob.publicKey });
  await settled();
  equal(told, ['opened', 'settled 0']);
  await network.transport('silent').dial(ADDRESS);
  const sentAway = await network.transport('another').dial(ADDRESS);
  await settled();
  equal(told.slice(2), ['opened', 'opened']);
  strangers[2].close(new OotoError('OOTO_CHANNEL_HALF_OPEN', 'peer', 'too many'));
  await settled();
  equal(told.slice(4), ['settled 2']);
  for await (const _ of sentAway.incoming) ok(false, 'a stranger that is sent away hears nothing');
  await clock.run(6_000, 500);
  equal(told.slice(5), ['settled 1']);
});

test('methods that nobody registered are not there, whatever objects have by nature', async () => {
  const { endpoint, alice, bob } = world();
  await endpoint(bob).listen({ address: ADDRESS, peers: [alice.publicKey], handlers: {} });
  const channel = await endpoint(alice).connect({ address: ADDRESS, peer: bob.publicKey });
  for (const method of ['__proto__', 'constructor', 'toString', 'hasOwnProperty'])
    await rejectsCode(channel.request(method), 'OOTO_STREAM_METHOD');
});

test('a key that is not pinned gets nothing, and a listener with another key is refused', async () => {
  const { endpoint, alice, bob, carol } = world();
  const listener = await endpoint(bob).listen({ address: ADDRESS, peers: [alice.publicKey] });
  await rejectsCode(
    endpoint(carol).connect({ address: ADDRESS, peer: bob.publicKey }),
    'OOTO_CHANNEL_TRUNCATED',
  );
  await rejectsCode(
    endpoint(alice).connect({ address: ADDRESS, peer: carol.publicKey }),
    'OOTO_CHANNEL_PEER_ID',
  );
  await settled();
  is(listener.channels.length, 0);
  await endpoint(alice).connect({ address: ADDRESS, peer: { algorithm: 'ed25519', bytes: bob.publicKey } });
});

test('a function may say whom to take', async () => {
  const { endpoint, alice, bob, carol } = world();
  const blocked = new Set([carol.id]);
  await endpoint(bob).listen({ address: ADDRESS, peers: (key) => !blocked.has(keyPeerId(key)) });
  await endpoint(alice).connect({ address: ADDRESS, peer: bob.publicKey });
  await rejectsCode(
    endpoint(carol).connect({ address: ADDRESS, peer: bob.publicKey }),
    'OOTO_CHANNEL_TRUNCATED',
  );
});

test('a function that says anything but yes says no', async () => {
  const { endpoint, alice, bob } = world();
  await endpoint(bob).listen({ address: ADDRESS, peers: (() => 'perhaps') as unknown as () => boolean });
  await rejectsCode(
    endpoint(alice).connect({ address: ADDRESS, peer: bob.publicKey }),
    'OOTO_CHANNEL_TRUNCATED',
  );
});

test('one’s own key at the other end is refused though it is pinned', async () => {
  const { endpoint, alice } = world();
  await endpoint(alice).listen({ address: ADDRESS, peers: [alice.publicKey] });
  await rejectsCode(
    endpoint(alice).connect({ address: ADDRESS, peer: alice.publicKey }),
    'OOTO_CHANNEL_SELF',
  );
});

test('a key with which anybody signs is nobody’s, whoever pins it', () => {
  const { crypto, alice } = world();
  const verifier = pinnedKeyVerifier(crypto, () => true);
  const judge = (credential: Uint8Array) =>
    verifier(
      { kind: 'member', id: '', credential, meshId: new Uint8Array(32), role: 'initiator' },
      { wall: 0, monotonic: 0 },
    );
  is(judge(alice.publicKey).id, alice.id);
  const neutral = new Uint8Array(32).with(0, 1);
  for (const credential of [
    neutral,
    new Uint8Array(32),
    neutral.with(31, 0x80),
    new Uint8Array(32).fill(0xff),
  ])
    throwsCode(() => judge(credential), 'OOTO_CRYPTO_KEY');
});

test('other applications do not meet', async () => {
  const { endpoint, alice, bob } = world();
  await endpoint(bob, { application: 'chat' }).listen({ address: ADDRESS, peers: [alice.publicKey] });
  const dial = (application: string) =>
    endpoint(alice, { application }).connect({ address: ADDRESS, peer: bob.publicKey });
  await rejectsCode(dial('files'), 'OOTO_CHANNEL_TRUNCATED');
  await dial('chat');
});

test('a channel stands for an hour: delegations are renewed on both sides', async () => {
  const { endpoint, alice, bob, clock } = world();
  const listener = await endpoint(bob).listen({ address: ADDRESS, peers: [alice.publicKey] });
  const channel = await endpoint(alice).connect({ address: ADDRESS, peer: bob.publicKey });
  listener.handle('ping', () => 'pong');
  const { encodedDelegation } = channel.peer;
  for (let minutes = 0; minutes < 60; minutes += 5) {
    await clock.run(300_000, 5_000);
    is(utf8Decode(await channel.request('ping')), 'pong', `after ${minutes + 5} minutes`);
  }
  ok(channel.peer.encodedDelegation !== encodedDelegation);
  await channel.close();
  await settled();
  is(await listener.close(), undefined);
});

test('a channel that began when its delegation was half over outlives it, though the signer is slow', async () => {
  const { endpoint, alice, bob, clock } = world();
  await endpoint(bob).listen({ address: ADDRESS, peers: [alice.publicKey] });
  const near = endpoint(slowSigner(alice, clock) as typeof alice);
  const connect = () => near.connect({ address: ADDRESS, peer: bob.publicKey });
  const first = connect();
  await clock.run(1_000);
  await (await first).close();
  await clock.run(RENEWAL_MS - 1_100, 1_000);
  const late = await connect();
  await clock.run(RENEWAL_MS - 1_000, 1_000);
  await clock.run(3_000);
  is(late.status.state, 'established');
  await near.close();
});

test('a dial that took long shows what is shown when it succeeds', async () => {
  const { endpoint, alice, bob, clock, network } = world();
  await endpoint(bob).listen({ address: ADDRESS, peers: [alice.publicKey] });
  const transport = network.transport('slow');
  let delayMs = 0;
  const dial: Transport['dial'] = async (address, options) => {
    if (delayMs > 0) await new Promise<void>((resolve) => clock.after(delayMs, resolve));
    return transport.dial(address, options);
  };
  const near = endpoint(slowSigner(alice, clock) as typeof alice, {}, { ...transport, dial });
  const connect = () => near.connect({ address: ADDRESS, peer: bob.publicKey });
  const dialling = connect();
  await clock.run(1_000);
  const first = await dialling;
  await clock.run(RENEWAL_MS - 10_000, 1_000);
  delayMs = 30_000;
  const late = connect();
  await clock.run(40_000, 1_000);
  const { status, closed } = await late;
  is(status.state, 'established');
  let error: unknown;
  void closed.then((reason) => {
    error = reason;
  });
  await clock.run(RENEWAL_MS, 1_000);
  is(error, undefined);
  is(first.status.state, 'established');
  await near.close();
});

test('a dial is given up by its signal, before and within the handshake', async () => {
  const { endpoint, alice, bob, network } = world();
  const reason = new Error('enough');
  const dial = (signal: AbortSignal) =>
    endpoint(alice)
      .connect({ address: ADDRESS, peer: bob.publicKey, signal })
      .then(
        () => undefined,
        (error) => error,
      );
  await network.transport('bob').listen(ADDRESS);
  is(await dial(AbortSignal.abort(reason)), reason);
  const controller = new AbortController();
  const dialling = dial(controller.signal);
  await settled();
  controller.abort(reason);
  is(await dialling, reason);
  await settled();
  ok(network.connections.every(({ closed }) => closed));
});

test('a closed endpoint ends what stands and opens nothing', async () => {
  const { endpoint, alice, bob, clock } = world();
  const [near, far] = [endpoint(alice), endpoint(bob)];
  const listener = await far.listen({ address: ADDRESS, peers: [alice.publicKey] });
  const channel = await near.connect({ address: ADDRESS, peer: bob.publicKey });
  await near.close();
  is(await channel.closed, undefined);
  await rejectsCode(near.connect({ address: ADDRESS, peer: bob.publicKey }), 'OOTO_CHANNEL_CLOSED');
  await rejectsCode(near.listen({ address: 'x:1', peers: [] }), 'OOTO_CHANNEL_CLOSED');
  await far.close();
  await listener.closed;
  await settled();
  is(clock.waiting, 0, 'no timer is left');
});

test('what is no key is refused before anything is dialled', async () => {
  const { endpoint, alice, network, crypto } = world();
  for (const bytes of [new Uint8Array(31), new Uint8Array(64), new Uint8Array()])
    await rejectsCode(endpoint(alice).connect({ address: ADDRESS, peer: bytes }), 'OOTO_CHANNEL_KEY');
  throwsCode(() => publicKey({ algorithm: 'p256', bytes: new Uint8Array(32) }), 'OOTO_CHANNEL_KEY');
  throwsCode(() => identityOf(crypto, new Uint8Array(16)), 'OOTO_CHANNEL_KEY');
  is(network.connections.length, 0);
});

test('a peer that breaks a rule in the moment in which it is known ends its own channel, and nothing else', async () => {
  const { endpoint, alice, bob, network } = world();
  const listener = await endpoint(bob).listen({ address: ADDRESS, peers: [alice.publicKey] });
  const welcomed: SecureChannel[] = [];
  void (async () => {
    for await (const channel of listener) welcomed.push(channel);
  })();
  network.onConnection = (dialler) => {
    const write = dialler.write.bind(dialler);
    let writes = 0;
    const isFinish = () => ++writes === 2;
    dialler.write = (bytes) => write(isFinish() ? concat(bytes, u32be(29), new Uint8Array(29)) : bytes);
  };
  const dial = () => endpoint(alice).connect({ address: ADDRESS, peer: bob.publicKey });
  await rejectsCode(dial(), 'OOTO_CHANNEL_TRUNCATED');
  await settled();
  ok(
    welcomed.every(({ peerId }) => peerId === alice.id),
    'whoever is handed out is known, though its channel has ended',
  );
  network.onConnection = () => {};
  is((await dial()).peerId, bob.id);
});

test('every delegation names a new Noise static key; those of before are overwritten in time', async () => {
  const { crypto, clock, alice } = world();
  const ownKey = new OwnKey({ crypto, clock, identity: alice, meshId: new Uint8Array(32) });
  const first = await ownKey.credential();
  await clock.run(RENEWAL_MS, RENEWAL_MS);
  const second = await ownKey.credential();
  ok(hex(first.noiseStatic) !== hex(second.noiseStatic));
  ok(
    first.noiseStatic.some((byte) => byte !== 0),
    'a handshake may still be using it',
  );
  await clock.run(RENEWAL_MS, RENEWAL_MS);
  const third = await ownKey.credential();
  ok(first.noiseStatic.every((byte) => byte === 0));
  ok(second.noiseStatic.some((byte) => byte !== 0));
  ownKey[Symbol.dispose]();
  for (const { noiseStatic } of [second, third]) ok(noiseStatic.every((byte) => byte === 0));
});

test('an endpoint that is closed while it begins to listen leaves nobody listening', async () => {
  const { endpoint, alice, bob, network } = world();
  const far = endpoint(bob);
  const listening = rejectsCode(
    far.listen({ address: ADDRESS, peers: [alice.publicKey] }),
    'OOTO_CHANNEL_CLOSED',
  );
  await Promise.resolve();
  await far.close();
  await listening;
  await rejectsCode(network.transport('x').dial(ADDRESS), 'OOTO_TRANSPORT_UNREACHABLE');
});

test('a message is proven to who knows both keys; no other key, application, time, or stream passes', async () => {
  const { endpoint, clock, crypto, alice, bob, carol } = world();
  const listener = await endpoint(bob).listen({ address: ADDRESS, peers: [alice.publicKey] });
  const channel = await endpoint(alice).connect({ address: ADDRESS, peer: bob.publicKey });
  await settled();
  const events: ChannelMessageEvent[] = [];
  listener.channels[0].addEventListener('message', (event) => events.push(event as ChannelMessageEvent));
  const long = new Uint8Array(200_000).fill(7);
  for (const message of [utf8('I owe you'), utf8('a secret'), long]) channel.send(message);
  await settled();
  const expected = { sender: alice.publicKey, receiver: bob.publicKey, at: clock.now() };
  const proof = events[0].exportProof();
  const verified = verifyProof(crypto, proof, expected);
  is(utf8Decode(verified.message), 'I owe you');
  is(verified.sessionId.length, 32);
  is(hex(proof).includes(hex(utf8('a secret'))), false);
  is(hex(verifyProof(crypto, events[2].exportProof(), expected).message), hex(long));
  const [sender, receiver] = [alice, bob].map(({ publicKey }) => publicKey);
  const answer = await answerParsed(operationsOf(crypto), {
    ...{ id: 1, op: 'record.proof', proof: hex(proof), time: new Date(expected.at).toISOString() },
    roots: [hex(sender), hex(receiver)],
  });
  const message = hex(utf8('I owe you'));
  const out = { message, sender: keyPeerId(sender), receiver: keyPeerId(receiver) };
  equal(answer, { id: 1, ok: true, out });
  const late = expected.at + 700_000;
  for (const [other, code] of [
    [{ sender: bob.publicKey, receiver: alice.publicKey }, 'OOTO_CHANNEL_PROOF'],
    [{ sender: carol.publicKey }, 'OOTO_CHANNEL_PIN'],
    [{ receiver: carol.publicKey }, 'OOTO_CHANNEL_PIN'],
    [{ application: 'another' }, 'OOTO_CHANNEL_PROOF'],
    [{ at: late }, 'OOTO_CHANNEL_DELEGATION'],
  ] as const)
    throwsCode(() => verifyProof(crypto, proof, { ...expected, ...other }), code);
  // The kind of a party is nothing that anybody signed.
  const kinds = [...hex(proof).matchAll(new RegExp(hex(utf8('member')), 'g'))].map(({ index }) => index / 2);
  is(kinds.length, 2);
  const founder = concat(proof.subarray(0, kinds[0] - 1), Uint8Array.of(0x67), utf8('founder'));
  const asFounder = concat(founder, proof.subarray(kinds[0] + 6));
  throwsCode(() => verifyProof(crypto, asFounder, expected), 'OOTO_CHANNEL_PIN');
  const changed = proof.slice();
  changed[hex(proof).indexOf(hex(utf8('I owe you'))) / 2] ^= 1;
  throwsCode(() => verifyProof(crypto, changed, expected), 'OOTO_CHANNEL_SIGNATURE');
  events[1].spend();
  throwsCode(() => events[1].exportProof(), 'OOTO_CHANNEL_PROOF');
});

test('a piece of a stream proves no message', async () => {
  const { crypto, clock, alice, bob } = world();
  const meshId = applicationId(crypto, '');
  const verifier = pinnedKeyVerifier(crypto, [alice.publicKey, bob.publicKey]);
  const wires = MemoryConnection.pair();
  const linkOf = async (identity: Signer, role: Role, expectedId?: string) => {
    const own = await new OwnKey({ crypto, clock, identity, meshId }).credential();
    const channel = new Channel({ crypto, role, meshId, own, verifier, expectedId, defersSignatures: true });
    const connection = wires[role === 'initiator' ? 0 : 1];
    return new Link({ channel, connection, clock, verifier: new SignatureVerifier(crypto, queueMicrotask) });
  };
  const [left, right] = [await linkOf(alice, 'initiator', bob.id), await linkOf(bob, 'responder')];
  const proofs: Uint8Array[] = [];
  right.onMessage = (_, vouch) => void proofs.push(right.channel.prove(vouch()));
  await Promise.all([left.established, right.established]);
  left.send(messageFrame(utf8('mine')));
  left.send(creditFrame(0, 7));
  await settled();
  const expected = { sender: alice.publicKey, receiver: bob.publicKey, at: clock.now() };
  is(utf8Decode(verifyProof(crypto, proofs[0], expected).message), 'mine');
  throwsCode(() => verifyProof(crypto, proofs[1], expected), 'OOTO_CHANNEL_PROOF');
});

test('limits that are refused after the dial leave no connection behind', async () => {
  const { endpoint, network, alice, bob } = world();
  const listener = await network.transport('bob').listen(ADDRESS);
  const wire = listener.connections[Symbol.asyncIterator]();
  const refused = [{ limits: { keyRecords: 2 ** 30 } }, { limits: { epochLimitMs: 10_000_000 } }];
  for (const options of refused) {
    await rejectsCode(
      endpoint(alice, options).connect({ address: ADDRESS, peer: bob.publicKey }),
      'OOTO_CHANNEL_OPTIONS',
    );
    const { value: connection } = await wire.next();
    const parts: Uint8Array[] = [];
    for await (const part of connection.incoming) parts.push(part);
    is(parts.length, 0);
  }
});
