/** Datagram channels with pinned keys: what is given up again when they cannot begin, or are told to end. */
import { utf8 } from '../../../../src/base/bytes.ts';
import type { DatagramPeer } from '../../../../src/channel/datagram/endpoint.ts';
import { Datagrams, type DatagramsOptions } from '../../../../src/channel/keyed/datagrams.ts';
import { identityOf } from '../../../../src/channel/keyed/identity.ts';
import { verifyProof } from '../../../../src/channel/keyed/message-proof.ts';
import { exportMessageProof } from '../../../../src/channel/proof-maker.ts';
import { openDatagrams } from '../../../../src/node.ts';
import type { DatagramSocket } from '../../../../src/ports.ts';
import { is, rejectsCode, throwsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('datagrams with pinned keys', { timeout: 30_000 });

function world() {
  const crypto = testCrypto(seededRandom('datagrams with pinned keys'));
  const clock = new ManualClock();
  const identity = identityOf(crypto, crypto.sha256(utf8('alice')));
  let closed = 0;
  const socket: DatagramSocket = {
    address: '192.0.2.1:1',
    counts: { received: 0, sent: 0, dropped: 0 },
    isFull: false,
    onDatagram() {},
    send: () => true,
    keepApart() {},
    letGo() {},
    resolve: async (address) => address,
    async close() {
      closed++;
    },
    [Symbol.asyncDispose]: () => socket.close(),
  };
  const over = (options: Partial<DatagramsOptions> = {}, signal?: AbortSignal) =>
    Datagrams.over(
      { crypto, clock, socket, soon: queueMicrotask },
      { identity, peers: [], ...options },
      { signal },
    );
  return { crypto, identity, over, closed: () => closed };
}

test('a signer that fails leaves no socket behind', async () => {
  const { over, identity, closed } = world();
  const sign = () => Promise.reject(new Error('no key today'));
  const error = await over({ identity: { ...identity, sign } }).catch((reason) => reason);
  is(error.message, 'no key today');
  is(closed(), 1);
});

test('limits that are refused leave no socket behind', async () => {
  const { over, closed } = world();
  await rejectsCode(over({ limits: { datagramBytes: 1 } }), 'OOTO_CHANNEL_OPTIONS');
  is(closed(), 1);
});

test('an abort closes channels and socket, at once or while the signer is asked', async () => {
  const { over, closed, identity } = world();
  const first = new AbortController();
  const datagrams = await over({}, first.signal);
  first.abort();
  await rejectsCode(datagrams.dial('192.0.2.2:2', identity.publicKey), 'OOTO_CHANNEL_STATE');
  is(closed(), 1);
  const second = new AbortController();
  const opening = over({}, second.signal);
  second.abort(new Error('not any more'));
  is((await opening.catch((reason) => reason)).message, 'not any more');
  is(closed(), 2);
});

test('over UDP the signal ends what dials, and the port is free again', async () => {
  const { crypto, identity } = world();
  const controller = new AbortController();
  const { signal } = controller;
  const options = { crypto, identity, peers: [identity.publicKey] };
  const datagrams = await openDatagrams({ ...options, address: '127.0.0.1:0', signal });
  const { address } = datagrams;
  controller.abort();
  await rejectsCode(datagrams.dial(address, identity.publicKey), 'OOTO_CHANNEL_STATE');
  await datagrams.close();
  await (await openDatagrams({ ...options, address })).close();
});

test('a peer says who it is; what it signed for a datagram proves no message of a channel', async () => {
  const { crypto, identity: alice } = world();
  const bob = identityOf(crypto, crypto.sha256(utf8('bob')));
  let onPeer = (_: DatagramPeer) => {};
  const proven = new Promise<{ id: string; proof: Uint8Array }>((resolve) => {
    onPeer = (peer) => {
      peer.onMessage = (_, items) => resolve({ id: peer.peerId, proof: exportMessageProof(crypto, items) });
    };
  });
  const common = { crypto, address: '127.0.0.1:0' };
  await using far = await openDatagrams({ ...common, identity: bob, peers: [alice.publicKey], onPeer });
  await using near = await openDatagrams({ ...common, identity: alice, peers: [bob.publicKey] });
  const peer = await near.dial(far.address, bob.publicKey);
  is(peer.peerId, bob.id);
  peer.send(utf8('\0looks like a message of a channel'));
  const { id, proof } = await proven;
  is(id, alice.id);
  const expected = { sender: alice.publicKey, receiver: bob.publicKey, at: Date.now() };
  throwsCode(() => verifyProof(crypto, proof, expected), 'OOTO_CHANNEL_PROOF');
});
