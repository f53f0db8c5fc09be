/** WebSocket as a transport: one stream of bytes, held back by a slow reader, and nothing but binary frames. */
import { once } from 'node:events';
import { request } from 'node:http';
import { WebSocket } from 'ws';
import { Peers, type PeersOptions } from '../../../src/mesh/peers.ts';
import { nodeTransport } from '../../../src/platform/node/transports.ts';
import type { Connection, Listener } from '../../../src/ports.ts';
import { bytes, equal, is, match, ok, rejectsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MESH_ID, makeParty, verifierOf } from '../../support/network.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { suite } from '../../support/suite.ts';

const test = suite('WebSocket transport', { timeout: 30_000 });
const transport = nodeTransport();

async function pair(): Promise<{ listener: Listener; near: Connection; far: Connection }> {
  const listener = await transport.listen('ws://127.0.0.1:0');
  const arriving = listener.connections[Symbol.asyncIterator]().next();
  const near = await transport.dial(listener.address);
  return { listener, near, far: (await arriving).value };
}

async function collect(connection: Connection): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of connection.incoming) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}

test('port 0 becomes a real port; bytes go both ways in order and end; chunks are plain arrays', async () => {
  const { listener, near, far } = await pair();
  match(listener.address, /^ws:\/\/127\.0\.0\.1:[1-9]\d*$/);
  match(far.remoteAddress, /^127\.0\.0\.1:\d+$/);
  const first = far.incoming[Symbol.asyncIterator]();
  await near.write(Uint8Array.of(1, 2));
  const { value } = await first.next();
  is(value.constructor, Uint8Array);
  bytes(value, Uint8Array.of(1, 2));
  const back = collect(near);
  await far.write(Uint8Array.of(9));
  await far.write(new Uint8Array(0));
  far.close();
  bytes(await back, Uint8Array.of(9));
  await rejectsCode(near.write(Uint8Array.of(1)), 'OOTO_TRANSPORT_CLOSED');
  await listener.close();
});

test('what is longer than a frame arrives whole, and a slow reader holds the writer back', async () => {
  const { listener, near, far } = await pair();
  const piece = new Uint8Array(600_000).map((_, i) => i);
  let written = 0;
  const writing = (async () => {
    for (; written < 100; written++) await near.write(piece);
    near.close();
  })();
  for (let seen = -1; seen !== written; ) {
    seen = written;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  ok(written < 100, `${written} pieces are under way`);
  let length = 0;
  for await (const chunk of far.incoming) {
    for (let i = 0; i < chunk.length; i += 9973) is(chunk[i], piece[(length + i) % piece.length]);
    length += chunk.length;
  }
  is(length, 100 * piece.length);
  await writing;
  await listener.close();
});

test('text, frames that are too long and what is no WebSocket end the connection; the listener goes on', async () => {
  const listener = await transport.listen('ws://127.0.0.1:0');
  const arrivals = listener.connections[Symbol.asyncIterator]();
  for (const content of ['text', new Uint8Array(1024 * 1024 + 1)]) {
    const socket = new WebSocket(listener.address, { perMessageDeflate: true });
    const far: Connection = (await arrivals.next()).value;
    await once(socket, 'open');
    const closing = once(socket, 'close');
    is(socket.extensions, '', 'nothing is compressed');
    socket.send(content);
    is((await collect(far)).length, 0);
    const [code] = await closing;
    is(code, typeof content === 'string' ? 1003 : 1009);
  }
  const plain = request(listener.address.replace('ws:', 'http:')).end();
  const [response] = await once(plain, 'response');
  is(response.statusCode, 426);
  response.resume();
  const near = await transport.dial(listener.address);
  near.close();
  await listener.close();
});

test('dialling nobody, a wrong address, and an aborted dial have their codes', async () => {
  const listener = await transport.listen('ws://127.0.0.1:0');
  await listener.close();
  await rejectsCode(transport.dial(listener.address), 'OOTO_TRANSPORT_UNREACHABLE');
  await rejectsCode(transport.dial('ws://127.0.0.1:1/path'), 'OOTO_TRANSPORT_ADDRESS');
  const signal = AbortSignal.abort(new Error('stop'));
  const failure = await transport.dial('ws://127.0.0.1:1', { signal }).catch((error) => error);
  is(failure.message, 'stop');
});

test('a node listens on both, and is the same node on both', async () => {
  const crypto = testCrypto();
  const [alice, bob] = [makeParty(crypto, 'alice'), makeParty(crypto, 'bob')];
  const clock = new ManualClock();
  const handlers = {
    authenticated: () => undefined,
    ready: () => {},
    answer: async (_: unknown, __: string, body: unknown) => body,
    refused: () => {},
  } as unknown as PeersOptions['handlers'];
  const peersOf = (party: typeof alice) => {
    const peers = new Peers({
      ...{ crypto, clock, logger: new RecordingLogger(), handlers, epochMs: 60_000 },
      transport,
    });
    const verifier = verifierOf(alice, bob);
    peers.join({ meshId: MESH_ID, own: () => party.own, verifier, accept: ['member'] });
    return peers;
  };
  const [near, far] = [peersOf(alice), peersOf(bob)];
  const addresses = [await far.listen('127.0.0.1:0'), await far.listen('ws://127.0.0.1:0')];
  for (const address of addresses) {
    const session = await near.dial(MESH_ID, address, bob.own.id);
    is(await session.request('node.ping', 5), 5);
  }
  equal(
    far.sessions.map(({ peerId }) => peerId),
    [alice.own.id, alice.own.id],
  );
  await near.close();
  await far.close();
});
