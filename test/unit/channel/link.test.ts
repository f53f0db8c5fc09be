/** A channel over a live connection, in memory. */
import { utf8 } from '../../../src/base/bytes.ts';
import { OotoError } from '../../../src/base/errors.ts';
import { Channel, type ChannelOptions } from '../../../src/channel/channel.ts';
import { Link } from '../../../src/channel/link.ts';
import { SignatureVerifier } from '../../../src/channel/signature-verifier.ts';
import type { Connection } from '../../../src/ports.ts';
import { bytes, equal, is, ok } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { ManualClock, settled } from '../../support/manual-clock.ts';
import { MemoryConnection } from '../../support/memory-transport.ts';
import { MESH_ID, makeParty, seededRandom, verifierOf } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('link');
const [ONE, TWO] = ['one', 'two'].map(utf8);
const LENT_BYTES = 5_000;

interface Ends {
  left: Link;
  right: Link;
  clock: ManualClock;
  wires: [MemoryConnection, MemoryConnection];
  heard: Uint8Array[];
}

/** Lends each chunk for the time of the call alone: afterwards other bytes are in its memory. */
function lending(connection: MemoryConnection): MemoryConnection {
  const receive: Connection['receive'] = async (receiver) => {
    for await (const chunk of connection.incoming)
      for (let at = 0; at < chunk.length; at += LENT_BYTES) {
        const lent = chunk.slice(at, at + LENT_BYTES);
        receiver.take(lent);
        lent.fill(0xee);
      }
    receiver.end();
  };
  return Object.assign(connection, { receive });
}

async function linked(options: Partial<ChannelOptions> = {}, wires = MemoryConnection.pair()): Promise<Ends> {
  const crypto = testCrypto(seededRandom('links'));
  const clock = new ManualClock();
  const verifier = new SignatureVerifier(crypto, queueMicrotask);
  const [alice, bob] = [makeParty(crypto, 'alice'), makeParty(crypto, 'bob')];
  const common = {
    crypto,
    meshId: MESH_ID,
    verifier: verifierOf(alice, bob),
    defersSignatures: true,
    ...options,
  };
  const open = (connection: MemoryConnection, channel: Channel) =>
    new Link({ channel, connection, clock, verifier });
  const right = open(wires[1], new Channel({ ...common, role: 'responder', own: bob.own }));
  const left = open(
    wires[0],
    new Channel({ ...common, role: 'initiator', own: alice.own, expectedId: bob.own.id }),
  );
  const heard: Uint8Array[] = [];
  right.onMessage = (message) => void heard.push(message);
  const [peer] = await Promise.all([left.established, right.established]);
  is(peer.identity.id, bob.own.id);
  return { left, right, clock, wires, heard };
}

test('messages of one turn leave in one write and arrive in order', async () => {
  const { left, wires, heard } = await linked();
  await settled();
  const before = wires[0].written.length;
  left.send(ONE);
  left.send(TWO);
  is(wires[0].written.length, before, 'nothing leaves within the turn');
  await settled();
  is(wires[0].written.length, before + 1);
  equal(heard, [ONE, TWO]);
});

test('a connection that lends its memory for the time of a call loses nothing', async () => {
  const { left, right, heard } = await linked({}, MemoryConnection.pair().map(lending) as Ends['wires']);
  const long = Uint8Array.from({ length: 700_000 }, (_, i) => i * i);
  const sent = [ONE, long, TWO];
  for (const message of sent) left.send(message);
  await settled();
  equal(heard, sent);
  left.close();
  is(await right.closed, undefined);
});

test('a record that has no room for another message like the last is full, and leaves at once', async () => {
  const { left, wires, heard } = await linked();
  await settled();
  const before = wires[0].written.length;
  for (const message of Array.from({ length: 8 }, (_, i) => new Uint8Array(60_000).fill(i)))
    left.send(message);
  is(wires[0].written.length, before + 2);
  await settled();
  is(wires[0].written.length, before + 2, 'nothing is left for the end of the turn');
  equal(
    heard.map(([first]) => first),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
});

test('a listener may answer', async () => {
  const { left, right } = await linked();
  right.onMessage = (message) => void right.send(message);
  const answered = new Promise<Uint8Array>((resolve) => {
    left.onMessage = resolve;
  });
  left.send(TWO);
  bytes(await answered, TWO);
});

test('a full record leaves at once; a sender is told when the connection takes no more', async () => {
  const { left, wires, heard } = await linked();
  await settled();
  wires[0].stall();
  const before = wires[0].written.length;
  const message = new Uint8Array(100_000);
  const told = [1, 2, 3, 4].map(() => left.send(message));
  ok(wires[0].written.length > before, 'a full record waits for nothing');
  ok(told.includes(false));
  let drained = false;
  void left.drained().then(() => {
    drained = true;
  });
  await settled();
  is(drained, false);
  is(heard.length, 0);
});

test('the channel renews its epochs by itself and closes when nobody answers', async () => {
  const { left, right, clock } = await linked();
  await clock.run(61_000, 1_000);
  is(left.channel.status.epoch, 1);
  is(right.channel.status.epoch, 1);
});

test('close ends both ends without an error, and the connection with them', async () => {
  const { left, right, wires, heard } = await linked();
  left.send(ONE);
  left.close();
  is(await left.closed, undefined);
  is(await right.closed, undefined);
  await settled();
  equal(heard, [ONE]);
  ok(wires[0].closed && wires[1].closed);
});

test('a listener that throws ends its channel, says whose fault it is, and holds up no other', async () => {
  const { left, right, heard } = await linked();
  const broken = new Error('a bug of the listener');
  left.onMessage = () => {
    throw broken;
  };
  right.send(ONE);
  left.send(TWO);
  await settled();
  const error = (await left.closed)!;
  equal([error.code, error.fault, error.cause], ['OOTO_CHANNEL_LISTENER', 'caller', broken]);
  equal(heard, [TWO], 'both signatures were checked as one batch');
});

test('a connection that breaks ends the channel with an error', async () => {
  const { left, right, wires } = await linked();
  wires[0].close();
  is((await right.closed)?.code, 'OOTO_CHANNEL_TRUNCATED');
  is((await left.closed)?.code, 'OOTO_CHANNEL_TRUNCATED');
});

test('a write that fails ends the channel', async () => {
  const { left, wires } = await linked();
  wires[0].write = async () => {
    throw new OotoError('OOTO_TRANSPORT_CLOSED', 'environment', 'gone');
  };
  left.send(ONE);
  is((await left.closed)?.code, 'OOTO_TRANSPORT_CLOSED');
});

test('a link that never came about says so', async () => {
  const crypto = testCrypto(seededRandom('alone'));
  const clock = new ManualClock();
  const [alice, bob] = [makeParty(crypto, 'alice'), makeParty(crypto, 'bob')];
  const [connection] = MemoryConnection.pair();
  const channel = new Channel({
    crypto,
    meshId: MESH_ID,
    verifier: verifierOf(bob),
    role: 'initiator',
    own: alice.own,
    expectedId: bob.own.id,
  });
  const verifier = new SignatureVerifier(crypto, queueMicrotask);
  const link = new Link({ channel, connection, clock, verifier });
  const refused = link.established.catch((error: OotoError) => error.code);
  await clock.run(5_001, 1_000);
  is(await refused, 'OOTO_CHANNEL_HANDSHAKE_TIMEOUT');
});

test('a peer that takes nothing holds no connection open beyond the end of the channel', async () => {
  for (const end of ['peer', 'error'] as const) {
    const { left, right, clock, wires } = await linked();
    wires[0].stall();
    left.send(ONE);
    await settled();
    wires[1].close = () => {};
    if (end === 'peer') right.close();
    else left.channel.fail(new OotoError('OOTO_TEST_END', 'local', 'enough'));
    left.close();
    await left.closed;
    await clock.run(2_100);
    ok(wires[0].closed, end);
  }
});
