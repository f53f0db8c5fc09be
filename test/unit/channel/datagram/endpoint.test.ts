/** Datagram channels over a live socket, in memory: what listeners are told of, in which order, and until when. */
import { utf8, utf8Decode } from '../../../../src/base/bytes.ts';
import type { DatagramPeer } from '../../../../src/channel/datagram/endpoint.ts';
import { Datagrams, type DatagramsOptions } from '../../../../src/channel/keyed/datagrams.ts';
import { type Identity, identityOf } from '../../../../src/channel/keyed/identity.ts';
import type { DatagramSocket } from '../../../../src/ports.ts';
import { equal, is } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { ManualClock, settled } from '../../../support/manual-clock.ts';
import { seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('datagram endpoints', { timeout: 30_000 });

function world() {
  const crypto = testCrypto(seededRandom('datagram endpoints'));
  const clock = new ManualClock();
  const readers = new Map<string, (datagram: Uint8Array, from: string) => void>();
  const opened: Datagrams[] = [];

  /** Datagrams arrive together, as they do where many wait in the system. */
  const socketAt = (address: string): DatagramSocket => ({
    address,
    counts: { received: 0, sent: 0, dropped: 0 },
    isFull: false,
    onDatagram: (reader) => void readers.set(address, reader),
    send(datagram, to) {
      const copy = datagram.slice();
      setImmediate(() => readers.get(to)?.(copy, address));
      return true;
    },
    keepApart() {},
    letGo() {},
    resolve: async (peer) => peer,
    async close() {
      readers.delete(address);
    },
    async [Symbol.asyncDispose]() {
      readers.delete(address);
    },
  });

  const nameOf = (identity: Identity) => `192.0.2.${identity.publicKey[0]}:${identity.publicKey[1]}`;
  const open = async (identity: Identity, options: Partial<DatagramsOptions> = {}) => {
    const datagrams = await Datagrams.over(
      { crypto, clock, socket: socketAt(nameOf(identity)), soon: setImmediate },
      { identity, peers: () => true, ...options },
    );
    opened.push(datagrams);
    return datagrams;
  };
  return {
    clock,
    open,
    identity: (name: string) => identityOf(crypto, crypto.sha256(utf8(name))),
    close: () => Promise.all(opened.map((datagrams) => datagrams.close())),
  };
}

test('what a peer says first is heard by whoever dialled it', async () => {
  const { open, identity, close } = world();
  const [alice, bob] = [identity('alice'), identity('bob')];
  const far = await open(bob, { onPeer: (peer) => void peer.send(utf8('welcome')) });
  const near = await open(alice);
  const peer = await near.dial(far.address, bob.publicKey);
  const heard: string[] = [];
  peer.onMessage = (message) => heard.push(utf8Decode(message));
  await settled();
  equal(heard, ['welcome']);
  await close();
});

test('without anybody to take them no peers may dial, not even pinned ones', async () => {
  const { open, identity, close, clock } = world();
  const bob = identity('bob');
  const far = await open(bob);
  const near = await open(identity('alice'));
  const dialling = near.dial(far.address, bob.publicKey).catch(({ code }) => code);
  await clock.run(3_000, 50);
  is(far.status.cookiesAsked, 0);
  is(far.status.channels, 0);
  await close();
  is(await dialling, 'OOTO_CHANNEL_CLOSED');
});

test('no more peers dial than the limit says; whoever leaves makes room', async () => {
  const { open, identity, close, clock } = world();
  const bob = identity('bob');
  const guests: DatagramPeer[] = [];
  const far = await open(bob, { limits: { guests: 2 }, onPeer: (peer) => void guests.push(peer) });
  const dial = async (name: string) => {
    const near = await open(identity(name));
    return near.dial(far.address, bob.publicKey);
  };
  const [first] = [await dial('one'), await dial('two')];
  const third = dial('three').then(
    () => 'established',
    ({ code }) => code,
  );
  await clock.run(20_000, 50);
  is(guests.length, 2);
  is(far.status.channels, 2);
  first.close();
  await clock.run(10_000, 50);
  is(await third, 'established');
  is(guests.length, 3);
  is(far.status.channels, 2);
  await close();
});

test('whoever has closed a channel hears nothing of it any more', async () => {
  const { open, identity, close } = world();
  const [alice, bob] = [identity('alice'), identity('bob')];
  const heard: string[] = [];
  const events: string[] = [];
  let guest: DatagramPeer | undefined;
  const far = await open(bob, {
    onPeer: (peer) => {
      guest = peer;
      peer.onMessage = (message) => {
        heard.push(utf8Decode(message));
        peer.close();
      };
      peer.onEvent = ({ type }) => events.push(type);
    },
  });
  const near = await open(alice);
  const peer = await near.dial(far.address, bob.publicKey);
  for (const message of ['one', 'two', 'three']) peer.send(utf8(message));
  await settled();
  equal(heard, ['one']);
  equal(events, ['established', 'closed']);
  is(await guest?.closed, undefined);
  is(await peer.closed, undefined);
  await close();
});
