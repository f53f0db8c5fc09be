/** UDP over loopback: the socket alone, and datagram channels between two processes. */
import { type ChildProcess, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { utf8, utf8Decode } from '../../../src/base/bytes.ts';
import { DatagramEndpoint, type DatagramPeer } from '../../../src/channel/datagram/endpoint.ts';
import { SignatureVerifier } from '../../../src/channel/signature-verifier.ts';
import { nodeClock } from '../../../src/platform/node/clock.ts';
import { sharingOf, udpSocket } from '../../../src/platform/node/udp.ts';
import { bytes, equal, is, ok, rejectsCode, throwsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { MESH_ID, makeParty, type Party, seededRandom, verifierOf } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const CHILD = 'OOTO_UDP_CHILD';
const MESSAGES = 500;
const LARGE = new Uint8Array(40_000).map((_, i) => i % 251);

function partyOf(name: string): Party {
  const now = Date.now();
  const delegation = { notBefore: now - 60_000, notAfter: now + 600_000 };
  return makeParty(testCrypto(seededRandom(`udp ${name}`)), name, { delegation });
}

async function endpointOf(name: string): Promise<DatagramEndpoint> {
  const crypto = testCrypto();
  const party = partyOf(name);
  return new DatagramEndpoint({
    ...{
      crypto,
      meshId: MESH_ID,
      own: () => party.own,
      verifier: verifierOf(partyOf('alice'), partyOf('bob')),
    },
    ...{ socket: await udpSocket('127.0.0.1:0'), clock: nodeClock(), soon: setImmediate },
    verifierOfSignatures: new SignatureVerifier(crypto, setImmediate),
  });
}

/** Sends back what it gets. */
async function liveAsChild(): Promise<void> {
  const endpoint = await endpointOf('bob');
  endpoint.onPeer = (peer) => {
    peer.onMessage = (message) => void peer.send(message);
  };
  process.on('message', () => void endpoint.close().then(() => process.disconnect()));
  process.send?.(endpoint.address);
}

if (process.env[CHILD]) await liveAsChild();
else {
  const test = suite('udp', { timeout: 30_000 });

  test('datagrams keep their borders, both ways, and say where they come from', async () => {
    const [a, b] = [await udpSocket('127.0.0.1:0'), await udpSocket('127.0.0.1:0')];
    const got = new Promise<[Uint8Array, string]>((resolve) =>
      b.onDatagram((datagram, from) => resolve([datagram, from])),
    );
    ok(a.send(utf8('one'), b.address));
    const [datagram, from] = await got;
    bytes(datagram, utf8('one'));
    is(from, a.address);
    equal([a.counts.sent, b.counts.received], [1, 1]);
    await Promise.all([a.close(), b.close(), b.close()]);
    ok(!a.send(utf8('two'), b.address), 'a closed socket drops, and counts it');
    is(a.counts.dropped, 1);
  });

  test('addresses are checked and resolved; a signal closes; a port in use is said', async () => {
    await rejectsCode(udpSocket('nonsense'), 'OOTO_TRANSPORT_ADDRESS');
    const aborter = new AbortController();
    const socket = await udpSocket('localhost:0', { signal: aborter.signal });
    ok(/^(127\.0\.0\.1|\[::1\]):1$/.test(await socket.resolve('localhost:1')));
    await rejectsCode(udpSocket(socket.address), 'OOTO_TRANSPORT_LISTEN');
    ok(!socket.send(utf8('to nowhere'), '127.0.0.1:0'));
    aborter.abort();
    ok(socket.isFull);
    await socket.close();
  });

  test('a port is shared with nobody unless strangers are taken, and then with those who share as well', async () => {
    const sharing = sharingOf(process.versions.node);
    const bind = (address: string, options: object) =>
      new Promise<string>((resolve) => {
        const socket = createSocket({ type: 'udp4', ...options });
        const [host, port] = address.split(':');
        socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(`${code}`));
        socket.bind({ address: host, port: Number(port) }, () => socket.close(() => resolve('bound')));
      });
    for (const takesStrangers of [false, true]) {
      const socket = await udpSocket('127.0.0.1:0', { takesStrangers });
      const isShared = takesStrangers && process.platform === 'linux';
      is(await bind(socket.address, sharing), isShared ? 'bound' : 'EADDRINUSE');
      is(await bind(socket.address, {}), 'EADDRINUSE');
      if ('reusePort' in sharing) is(await bind(socket.address, { reuseAddr: true }), 'EADDRINUSE');
      await rejectsCode(udpSocket(socket.address, { takesStrangers: true }), 'OOTO_TRANSPORT_LISTEN');
      await socket.close();
    }
    equal(
      ['20.19.0', '21.99.0', '22.11.9', '22.12.0', '23.0.9', '23.1.0', '24.0.0', '100.0.0'].map((version) =>
        Object.keys(sharingOf(version)).join(),
      ),
      [
        'reuseAddr',
        'reuseAddr',
        'reuseAddr',
        'reusePort',
        'reuseAddr',
        'reusePort',
        'reusePort',
        'reusePort',
      ],
    );
  });

  test('a peer that is kept apart is heard by a socket of its own, strangers by the common one', async () => {
    const here = await udpSocket('127.0.0.1:0', { takesStrangers: true });
    const [friend, stranger] = [await udpSocket('127.0.0.1:0'), await udpSocket('127.0.0.1:0')];
    const heard: string[] = [];
    const all = new Promise<void>((resolve) =>
      here.onDatagram((datagram, from) => {
        heard.push(`${from} ${utf8Decode(datagram)}`);
        if (heard.length === 2) resolve();
      }),
    );
    here.keepApart(friend.address);
    await new Promise((resolve) => setTimeout(resolve, 50));
    friend.send(utf8('friend'), here.address);
    stranger.send(utf8('stranger'), here.address);
    await all;
    equal(heard.sort(), [`${friend.address} friend`, `${stranger.address} stranger`].sort());
    await Promise.all([here, friend, stranger].map((socket) => socket.close()));
  });

  test('two processes: a handshake, messages signed both ways, large ones in parts, an agreed end', async () => {
    const child: ChildProcess = fork(process.argv[1], {
      execArgv: ['--enable-source-maps'],
      env: { ...process.env, [CHILD]: '1' },
    });
    const endpoint = await endpointOf('alice');
    try {
      const address = await new Promise<string>((resolve) =>
        child.once('message', (text) => resolve(`${text}`)),
      );
      const peer = await endpoint.dial(address, partyOf('bob').own.id, {
        signal: AbortSignal.timeout(20_000),
      });
      const heard = new Set<string>();
      let large: Uint8Array | undefined;
      const complete = new Promise<void>((resolve) => {
        peer.onMessage = (message) => {
          if (message.length === LARGE.length) large = message.slice();
          else heard.add(utf8Decode(message));
          if (large && heard.size === MESSAGES) resolve();
        };
      });
      await talk(peer, complete);
      bytes(large!, LARGE);
      is(peer.channel.status.refused, 0);
      peer.close();
      is(await peer.closed, undefined);
      throwsCode(() => peer.send(utf8('late')), 'OOTO_CHANNEL_STATE');
    } finally {
      await endpoint.close();
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.send('end');
      await gone;
    }
  });

  test('a signal ends a dial that nobody answers', async () => {
    const endpoint = await endpointOf('alice');
    const silent = await udpSocket('127.0.0.1:0');
    const aborter = new AbortController();
    const dialled = endpoint.dial(silent.address, partyOf('bob').own.id, { signal: aborter.signal });
    aborter.abort(new Error('enough'));
    is(await dialled.catch((error) => error.message), 'enough');
    is(endpoint.status.channels, 0);
    await Promise.all([endpoint.close(), silent.close()]);
  });

  test('a listener that throws ends its own channel, says whose fault it is, and holds up no other', async () => {
    const [here, there] = [await endpointOf('alice'), await endpointOf('bob')];
    const failure = () => {
      throw new Error('listener');
    };
    try {
      const arrived: DatagramPeer[] = [];
      there.onPeer = (peer) => {
        arrived.push(peer);
        if (arrived.length === 1) failure();
        peer.onMessage = failure;
        peer.onEvent = failure;
      };
      const dial = () =>
        here.dial(there.address, partyOf('bob').own.id, { signal: AbortSignal.timeout(20_000) });
      await dial();
      is((await arrived[0].closed)?.code, 'OOTO_CHANNEL_LISTENER');
      const peer = await dial();
      peer.send(utf8('hello'));
      is((await arrived[1].closed)?.code, 'OOTO_CHANNEL_LISTENER');
      is((await arrived[1].closed)?.fault, 'caller');
    } finally {
      await Promise.all([here.close(), there.close()]);
    }
  });

  /** What gets lost on the way is sent again, until all has come. */
  async function talk(peer: DatagramPeer, complete: Promise<void>): Promise<void> {
    let done = false;
    void complete.then(() => {
      done = true;
    });
    while (!done) {
      for (let i = 0; i < MESSAGES; i++) {
        peer.send(utf8(`message ${i}`));
        if (i % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
      }
      peer.send(LARGE);
      await Promise.race([complete, new Promise((resolve) => setTimeout(resolve, 200))]);
    }
  }
}
