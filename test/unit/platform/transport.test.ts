import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { parseAddress } from '../../../src/platform/node/address.ts';
import { Arrivals } from '../../../src/platform/node/arrivals.ts';
import { landed } from '../../../src/platform/node/landing.ts';
import { tcpTransport } from '../../../src/platform/node/transport.ts';
import type { Connection, Listener } from '../../../src/ports.ts';
import { bytes, equal, is, match, ok, rejectsCode, throwsCode } from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('TCP transport', { timeout: 30_000 });
const transport = tcpTransport();

async function pair(): Promise<{ listener: Listener; near: Connection; far: Connection }> {
  const listener = await transport.listen('127.0.0.1:0');
  const arriving = listener.connections[Symbol.asyncIterator]().next();
  const near = await transport.dial(listener.address);
  return { listener, near, far: (await arriving).value };
}

async function collect(connection: Connection): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of connection.incoming) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}

test('port 0 becomes a real port; bytes go both ways in order and end', async () => {
  const { listener, near, far } = await pair();
  match(listener.address, /^127\.0\.0\.1:[1-9]\d*$/);
  const [there, back] = [collect(far), collect(near)];
  await near.write(Uint8Array.of(1, 2));
  await far.write(Uint8Array.of(9));
  await near.write(Uint8Array.of(3));
  near.close();
  bytes(await there, Uint8Array.of(1, 2, 3));
  await back;
  await listener.close();
});

test('chunks are plain arrays, both addresses are shown', async () => {
  const { listener, near, far } = await pair();
  is(near.remoteAddress, listener.address);
  match(far.remoteAddress, /^127\.0\.0\.1:\d+$/);
  is(near.localAddress, far.remoteAddress);
  is(far.localAddress, near.remoteAddress);
  const first = far.incoming[Symbol.asyncIterator]().next();
  await near.write(Uint8Array.of(5));
  is((await first).value?.constructor, Uint8Array);
  near.close();
  await listener.close();
});

test('a slow reader holds the writer back, and nothing is lost', async () => {
  const { listener, near, far } = await pair();
  const piece = new Uint8Array(64 * 1024);
  let written = 0;
  let held = false;
  const writing = (async () => {
    for (; written < 1024; written++) await near.write(piece.slice().fill(written));
    near.close();
  })();
  for (let last = -1; last !== written; ) {
    last = written;
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    for (let i = 0; i < 200 && written === last; i++) await new Promise((resolve) => setImmediate(resolve));
  }
  held = written < 1024;
  ok(held, 'the writer was never held back');
  ok(written * piece.length < 32 * 1024 * 1024, `${written} pieces went into buffers`);
  let read = 0;
  for await (const chunk of far.incoming) {
    for (let i = 0; i < chunk.length; i += 4096) {
      const at = read + i;
      if (chunk[i] !== (Math.floor(at / piece.length) & 255)) throw new Error(`wrong byte at ${at}`);
    }
    read += chunk.length;
  }
  await writing;
  is(read, 1024 * piece.length);
  await listener.close();
});

test('a write held back rejects when the connection breaks', async () => {
  const { listener, near, far } = await pair();
  const flood = (async () => {
    for (;;) await near.write(new Uint8Array(1 << 20));
  })();
  await new Promise((resolve) => setImmediate(resolve));
  far.close();
  await rejectsCode(flood, 'OOTO_TRANSPORT_CLOSED');
  await rejectsCode(near.write(Uint8Array.of(1)), 'OOTO_TRANSPORT_CLOSED');
  near.close();
  near.close();
  await listener.close();
});

test('a reset ends the reader and kills nobody', async () => {
  const listener = await transport.listen('127.0.0.1:0');
  const { host, port } = parseAddress(listener.address);
  const raw = connect({ host, port });
  const { value: far } = await listener.connections[Symbol.asyncIterator]().next();
  raw.write('x');
  await once(raw, 'connect').catch(() => {});
  raw.resetAndDestroy();
  ok((await collect(far)).length <= 1);
  await listener.close();
});

test('nobody there, a malformed address, a taken port: each its own code', async () => {
  const listener = await transport.listen('127.0.0.1:0');
  await rejectsCode(transport.listen(listener.address), 'OOTO_TRANSPORT_LISTEN');
  await listener.close();
  const error = await rejectsCode(transport.dial(listener.address), 'OOTO_TRANSPORT_UNREACHABLE');
  is(error.fault, 'environment');
  ok(error.hint);
  await rejectsCode(transport.dial('nowhere'), 'OOTO_TRANSPORT_ADDRESS');
});

test('dialling can be given up', async () => {
  const aborted = new AbortController();
  aborted.abort(new Error('changed my mind'));
  await transport.dial('127.0.0.1:9', { signal: aborted.signal }).then(
    () => {
      throw new Error('dialled');
    },
    (reason) => is(reason.message, 'changed my mind'),
  );
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const later = new AbortController();
  const dialling = transport.dial(`127.0.0.1:${(server.address() as { port: number }).port}`, {
    signal: later.signal,
  });
  later.abort(new Error('too late'));
  await dialling.then(
    () => {
      throw new Error('dialled');
    },
    (reason) => is(reason.message, 'too late'),
  );
  server.close();
});

test('closing a listener ends its iterator and its connections', async () => {
  const { listener, near } = await pair();
  const ended = collect(near);
  await listener.close();
  await ended;
  is((await listener.connections[Symbol.asyncIterator]().next()).done, true);
});

test('addresses have one form', () => {
  equal(parseAddress('[::1]:4710'), { host: '::1', port: 4710 });
  equal(parseAddress('node-1.example:0'), { host: 'node-1.example', port: 0 });
  for (const wrong of [
    '',
    'a',
    ':1',
    'a:',
    'a:01',
    'a:65536',
    '::1:4710',
    '[::1]',
    '[zz]:1',
    'a b:1',
    'a:1\n',
    `${'a'.repeat(300)}:1`,
  ])
    throwsCode(() => parseAddress(wrong), 'OOTO_TRANSPORT_ADDRESS');
});

test('a receiver gets what waits, then each chunk at once, whose memory is not its own, then the end', async () => {
  const { listener, near, far } = await pair();
  await near.write(new Uint8Array(100_000).fill(1));
  await far.incoming[Symbol.asyncIterator]().next();
  const chunks: Uint8Array[] = [];
  const sizes: number[] = [];
  let areRight = true;
  const ended = new Promise<void>((end) => {
    far.receive!({
      take: (chunk) => {
        chunks.push(chunk);
        sizes.push(chunk.length);
        areRight &&= chunk.every((byte) => byte === chunk[0]) || sizes.length < 4;
      },
      end,
    });
  });
  const large = new Uint8Array(4_000_000).fill(2);
  await near.write(large);
  near.close();
  await ended;
  const most = 100_000 + large.length;
  const total = sizes.reduce((sum, size) => sum + size);
  ok(total >= large.length && total < most, 'what was read before does not come again');
  ok(areRight, 'bytes are those that were sent');
  const last = chunks.slice(-5);
  ok(
    last.every((chunk) => chunk.buffer === last[0].buffer),
    'one memory serves all',
  );
  await listener.close();
});

test('connections share memory, but no bytes', async () => {
  const pairs = await Promise.all(Array.from({ length: 8 }, pair));
  const received = pairs.map(({ near, far }) => [take(near, 40_000), take(far, 60_000)]);
  for (let round = 0; round < 20; round++)
    for (const [i, { near, far }] of pairs.entries()) {
      await near.write(new Uint8Array(3_000).fill(i));
      await far.write(new Uint8Array(2_000).fill(100 + i));
    }
  for (const [i, [atNear, atFar]] of received.entries()) {
    bytes(await atNear, new Uint8Array(40_000).fill(100 + i));
    bytes(await atFar, new Uint8Array(60_000).fill(i));
  }
  for (const { near } of pairs) near.close();
  await Promise.all(pairs.map(({ listener }) => listener.close()));
});

/** The first `length` bytes, copied as they come. */
function take(connection: Connection, length: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let left = length;
  return new Promise((resolve, reject) => {
    connection.receive!({
      take: (chunk) => {
        parts.push(chunk.slice());
        left -= chunk.length;
        if (left <= 0) resolve(new Uint8Array(Buffer.concat(parts)));
      },
      end: () => reject(new Error(`${left} bytes are missing`)),
    });
  });
}

test('a socket without a handle of the usual kind hands over its own chunks', async () => {
  const server = createServer((accepted) => accepted.end('hello'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  const hidden = new Proxy(socket, {
    get: (target, name) => {
      const value = name === '_handle' ? undefined : Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  let text = '';
  const used = landed(hidden, {}, (chunk) => {
    text += String.fromCharCode(...chunk);
  });
  ok(used === socket || used === hidden, 'the same socket');
  await once(socket, 'close');
  is(text, 'hello');
  server.close();
});

test('a receiver that comes after the end gets what waits and the end', async () => {
  const { listener, near, far } = await pair();
  await near.write(Uint8Array.of(7));
  near.close();
  const reader = near.incoming[Symbol.asyncIterator]();
  while (!(await reader.next()).done);
  const received: unknown[] = [];
  await new Promise<void>((end) => {
    far.receive!({ take: (chunk) => received.push([...chunk]), end });
  });
  equal(received, [[7]]);
  await listener.close();
});

test('arrivals: the producer is stopped above the bound and resumed at its half', async () => {
  const calls: string[] = [];
  const arrivals = new Arrivals<number>({
    weigh: (n) => n,
    most: 10,
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
  });
  for (const n of [4, 4, 4, 4]) arrivals.push(n);
  equal(calls, ['pause']);
  const reader = arrivals[Symbol.asyncIterator]();
  await reader.next();
  await reader.next();
  equal(calls, ['pause']);
  await reader.next();
  equal(calls, ['pause', 'resume']);
  arrivals.end();
  equal(await reader.next(), { value: 4, done: false });
  is((await reader.next()).done, true);
});
