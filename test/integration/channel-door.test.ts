/** The public door of Node over real TCP and WebSocket: two programs that know each other's keys. */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as netConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  connect,
  createEndpoint,
  createIdentity,
  createNodeCrypto,
  duplexOf,
  identityFromFile,
  listen,
  type SecureChannel,
} from '../../src/node.ts';
import { equal, is, ok, rejectsCode } from '../support/assert.ts';
import { runLong } from '../support/flat-memory.ts';
import { suite } from '../support/suite.ts';

const test = suite('the channel door', { timeout: 60_000 });
const MIB = 2 ** 20;
const crypto = createNodeCrypto();
const [server, client] = [createIdentity(undefined, { crypto }), createIdentity(undefined, { crypto })];
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

for (const address of ['127.0.0.1:0', 'ws://127.0.0.1:0'])
  test(`requests, streams and messages go over ${address}`, async () => {
    const listener = await listen({ address, identity: server, peers: [client.publicKey], crypto });
    listener.handle('sum', async (request) => {
      let sum = 0;
      for await (const part of request) sum += part[0];
      return `${sum}`;
    });
    const channel = await connect({
      address: listener.address,
      identity: client,
      peer: server.publicKey,
      crypto,
    });
    try {
      const asked = Array.from({ length: 300 }, (_, i) =>
        channel.request('sum', [Uint8Array.of(i % 100), Uint8Array.of(1)]),
      );
      equal(
        (await Promise.all(asked)).map(text),
        asked.map((_, i) => `${(i % 100) + 1}`),
      );
      const [far] = listener.channels;
      const stream = await channel.openStream({ name: 'upload' });
      const { value: theirs } = await far.incomingStreams().next();
      const [near, other] = [duplexOf(stream), duplexOf(theirs!)];
      const sent = Buffer.alloc(5 * MIB, 'ooto');
      near.end(sent);
      const hash = createHash('sha256');
      for await (const chunk of other) hash.update(chunk as Uint8Array);
      is(hash.digest('hex'), createHash('sha256').update(sent).digest('hex'));
      const heard = once(far as unknown as NodeJS.EventEmitter, 'message');
      channel.send(new TextEncoder().encode('by the way'));
      is(text(((await heard) as [{ data: Uint8Array }])[0].data), 'by the way');
    } finally {
      await channel.close();
      await listener.close();
    }
  });

test('64 MiB go through as a stream, in little memory', async () => {
  const run = await runLong(64 * MIB, '127.0.0.1:0');
  is(run.bytes, 64 * MIB);
  is(run.arrived, run.sent);
  ok(run.residentGrowth < 48 * MIB, `${Math.round(run.residentGrowth / MIB)} MiB were taken`);
});

test('one endpoint dials and listens, over both transports, under the key of a file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ooto-door-'));
  try {
    const identity = await identityFromFile(join(folder, 'identity.pem'), { crypto });
    const same = await identityFromFile(join(folder, 'identity.pem'), { crypto });
    equal(identity.publicKey, same.publicKey);
    const here = createEndpoint({ identity, crypto });
    const there = createEndpoint({ identity: server, crypto });
    const channels: SecureChannel[] = [];
    for (const address of ['127.0.0.1:0', 'ws://127.0.0.1:0']) {
      const listener = await there.listen({
        address,
        peers: [here.publicKey],
        handlers: { id: (request) => request.peer.identity.id },
      });
      channels.push(await here.connect({ address: listener.address, peer: server.publicKey }));
    }
    for (const channel of channels) is(text(await channel.request('id')), here.id);
    await Promise.all([here.close(), there.close()]);
    for (const channel of channels) await channel.closed;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('nobody there, somebody else there, and a signal have their codes', async () => {
  const listener = await listen({
    address: '127.0.0.1:0',
    identity: server,
    peers: [client.publicKey],
    crypto,
  });
  const dial = (peer: Uint8Array, address = listener.address) =>
    connect({ address, identity: client, peer, crypto });
  await rejectsCode(dial(createIdentity(undefined, { crypto }).publicKey), 'OOTO_CHANNEL_PEER_ID');
  await rejectsCode(dial(server.publicKey, 'nonsense'), 'OOTO_TRANSPORT_ADDRESS');
  await listener.close();
  await rejectsCode(dial(server.publicKey), 'OOTO_TRANSPORT_UNREACHABLE');
});

test('connections that say nothing, or nonsense, leave the listener as it was', async () => {
  const listener = await listen({
    address: '127.0.0.1:0',
    identity: server,
    peers: [client.publicKey],
    handlers: { ping: () => 'pong' },
    crypto,
  });
  const [host, port] = listener.address.split(':');
  const strangers = Array.from({ length: 50 }, () => netConnect({ host, port: Number(port) }));
  for (const stranger of strangers) stranger.on('error', () => {});
  for (const stranger of strangers.slice(0, 25)) stranger.write('GET / HTTP/1.1\r\n\r\n');
  const channel = await connect({
    address: listener.address,
    identity: client,
    peer: server.publicKey,
    crypto,
  });
  is(text(await channel.request('ping')), 'pong');
  is(listener.channels.length, 1);
  for (const stranger of strangers) stranger.destroy();
  await channel.close();
  await listener.close();
});

test('a lasting channel that is ended with much on its way arrives whole, and its end with it', async () => {
  const [near, far] = [createIdentity(), createIdentity()];
  const listener = await listen({
    ...{ address: '127.0.0.1:0', identity: far, peers: [near.publicKey], lasting: true },
  });
  const arriving = listener[Symbol.asyncIterator]().next();
  const channel = await connect({
    address: listener.address,
    identity: near,
    peer: far.publicKey,
    lasting: true,
  });
  const other = (await arriving).value as SecureChannel;
  let heard = 0;
  other.addEventListener('message', () => {
    heard++;
    // A reader that is slower than its sender: what it has not read waits in the system.
    for (const until = performance.now() + 1; performance.now() < until; );
  });
  let sent = 0;
  for (const until = performance.now() + 500; performance.now() < until; sent++)
    if (!channel.send(new Uint8Array(65_536))) await channel.drained();
  ok(channel.isLasting);
  await channel.close();
  is(await other.closed, undefined);
  is(heard, sent);
  await listener.close();
});
