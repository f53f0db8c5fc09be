/** Both sides of a pool's threads within one thread: what crosses, what does not, and what a peer can do to them. */
import { utf8 } from '../../../../src/base/bytes.ts';
import { Endpoint } from '../../../../src/channel/keyed/endpoint.ts';
import { type Identity, identityOf } from '../../../../src/channel/keyed/identity.ts';
import { Bundle } from '../../../../src/channel/pool/bundle.ts';
import { ChannelPool, type PoolOptions } from '../../../../src/channel/pool/channel-pool.ts';
import { ChannelThread } from '../../../../src/channel/pool/channel-thread.ts';
import { Outlet } from '../../../../src/channel/pool/outlet.ts';
import type { ThreadOptions } from '../../../../src/channel/pool/protocol.ts';
import type { ChannelMessageEvent, SecureChannel } from '../../../../src/channel/streams/secure-channel.ts';
import { Doorway } from '../../../../src/mesh/doorway.ts';
import type { Signer, Thread } from '../../../../src/ports.ts';
import { equal, is, ok, throwsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { ManualClock, settled } from '../../../support/manual-clock.ts';
import { MemoryNetwork } from '../../../support/memory-transport.ts';
import { seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('threads of a pool, on this thread', { timeout: 30_000 });
const ADDRESS = 'there:1';

interface Crossing {
  readonly message: unknown;
  readonly given: readonly Uint8Array[];
}

function world() {
  const crypto = testCrypto(seededRandom('threads of a pool'));
  const clock = new ManualClock();
  const network = new MemoryNetwork();
  const [alice, bob] = ['alice', 'bob'].map((name) => identityOf(crypto, crypto.sha256(utf8(name))));
  const surroundings = { crypto, clock, soon: setImmediate, admission: () => new Doorway(crypto, clock) };
  const crossings: Crossing[] = [];

  /** What structured cloning does to whatever crosses, and in which order it arrives. */
  const crossing = (take: () => (message: unknown) => void) => {
    let last = Promise.resolve();
    return (message: unknown, given: readonly Uint8Array[] = []) => {
      crossings.push({ message, given });
      const there = structuredClone(message, { transfer: given.map(({ buffer }) => buffer as ArrayBuffer) });
      last = last.then(() => new Promise<void>((resolve) => setImmediate(resolve))).then(() => take()(there));
    };
  };

  const start = (options: ThreadOptions): Thread => {
    let [obey, hear] = [(_: unknown) => {}, (_: unknown) => {}];
    let leave = () => {};
    const ended = new Promise<void>((resolve) => {
      leave = resolve;
    });
    crossings.push({ message: options, given: [] });
    new ChannelThread({
      ...surroundings,
      transport: network.transport('thread'),
      options: structuredClone(options),
      stopped: leave,
      port: {
        post: crossing(() => hear),
        onMessage: (listener) => {
          obey = listener;
        },
      },
    });
    return {
      ended,
      post: crossing(() => obey),
      onMessage: (listener) => {
        hear = listener;
      },
      terminate: async () => leave(),
    };
  };

  const pool = (identity: Signer, options: Partial<PoolOptions> = {}) =>
    new ChannelPool(
      { crypto, clock, transport: network.transport('pool'), threads: 1, start },
      { identity, ...options },
    );
  const endpoint = (identity: Identity) =>
    new Endpoint({ ...surroundings, transport: network.transport(identity.id) }, { identity });
  return { crypto, clock, alice, bob, pool, endpoint, crossings };
}

/** Every array of bytes in what crossed. */
function arraysIn(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(arraysIn) : [];
}

async function firstOf<T>(items: AsyncIterable<T>): Promise<T> {
  for await (const item of items) return item;
  throw new Error('nothing came');
}

/** The messages of a channel, as they come. */
function inbox(channel: EventTarget): Uint8Array[] {
  const messages: Uint8Array[] = [];
  channel.addEventListener('message', (event) => messages.push((event as ChannelMessageEvent).data.slice()));
  return messages;
}

test('with a key no other memory crosses, wherever in it the key lies', async () => {
  const { alice, bob, pool, endpoint, crossings } = world();
  const within = (key: Uint8Array) => {
    const memory = new Uint8Array(1_000).fill(0x5e);
    memory.set(key, 500);
    return memory.subarray(500, 500 + key.length);
  };
  const signer: Signer = {
    algorithm: 'ed25519',
    publicKey: within(alice.publicKey),
    sign: async (message) => within(await alice.sign(message)),
  };
  const pooled = pool(signer);
  const listener = await pooled.listen({ address: ADDRESS, peers: [within(bob.publicKey)] });
  const other = endpoint(bob);
  const near = await other.connect({ address: ADDRESS, peer: alice.publicKey });
  const far = await firstOf(listener);
  const elsewhere = await other.listen({ address: 'else:1', peers: [alice.publicKey] });
  const dialled = await pooled.connect({ address: elsewhere.address, peer: within(bob.publicKey) });
  near.send(utf8('hello'));
  far.send(utf8('hello'));
  dialled.send(utf8('hello'));
  await settled();
  await pooled.close();
  await other.close();
  const kinds = new Set(crossings.map(({ message }) => (message as { type?: string }).type));
  for (const kind of ['connect', 'listen', 'signature', 'sign', 'established', 'messages'])
    ok(kinds.has(kind), `${kind} was not seen`);
  for (const { message, given } of crossings)
    for (const array of arraysIn(message))
      ok(
        given.includes(array) || array.buffer.byteLength === array.length,
        `${(message as { type?: string }).type ?? 'the options'}: ${array.length} of ${array.buffer.byteLength} bytes`,
      );
});

test('whom a listener takes does not change with the memory that it was told in', async () => {
  const { crypto, alice, bob, pool, endpoint } = world();
  const mallory = identityOf(crypto, crypto.sha256(utf8('mallory')));
  const key = bob.publicKey.slice();
  const pooled = pool(alice);
  await pooled.listen({ address: ADDRESS, peers: [key] });
  key.set(mallory.publicKey);
  const [honest, thief] = [endpoint(bob), endpoint(mallory)];
  const refused = await thief.connect({ address: ADDRESS, peer: alice.publicKey }).catch((error) => error);
  is(refused.code, 'OOTO_CHANNEL_TRUNCATED');
  is((await honest.connect({ address: ADDRESS, peer: alice.publicKey })).peerId, alice.id);
  await Promise.all([honest.close(), thief.close(), pooled.close()]);
});

test('whatever a pool took arrives, or its channel says that it does not', async () => {
  const { alice, bob, pool, endpoint } = world();
  const other = endpoint(bob);
  const listener = await other.listen({ address: ADDRESS, peers: [alice.publicKey] });
  const pooled = pool(alice, { limits: { messageBytes: 100, queueBytes: 1_000 } });
  const near = await pooled.connect({ address: ADDRESS, peer: bob.publicKey });
  const messages = inbox(await firstOf(listener));
  let taken = 0;
  throwsCode(() => {
    for (;;) {
      near.send(Uint8Array.of(taken));
      taken++;
    }
  }, 'OOTO_CHANNEL_QUEUE');
  await settled();
  is(messages.length, taken);
  near.send(Uint8Array.of(0));
  await settled();
  is(messages.length, taken + 1, 'and it goes on');
  await Promise.all([pooled.close(), other.close()]);
});

test('a message that its channel does not take ends the channel', async () => {
  const sent: number[] = [];
  let closed = 0;
  const channel = {
    send(message: Uint8Array) {
      if (message.length > 1) throw new Error('refused');
      sent.push(message[0]);
      return true;
    },
    close: async () => void closed++,
  };
  const outlet = new Outlet(channel as unknown as SecureChannel, () => {});
  const bundle = new Bundle();
  for (const message of [[1], [2, 2], [3]]) bundle.add(Uint8Array.from(message));
  outlet.take(bundle.take() as Uint8Array);
  bundle.add(Uint8Array.of(4));
  outlet.take(bundle.take() as Uint8Array);
  await settled();
  equal(sent, [1]);
  ok(closed > 0);
});

test('a peer that opens streams, asks and breaks off harms nobody: a pool passes messages alone', async () => {
  const { alice, bob, pool, endpoint } = world();
  const pooled = pool(alice);
  const listener = await pooled.listen({ address: ADDRESS, peers: [bob.publicKey] });
  const other = endpoint(bob);
  const near = await other.connect({ address: ADDRESS, peer: alice.publicKey });
  const messages = inbox(await firstOf(listener));
  const codes: unknown[] = [];
  const failed = (error: { code?: string }) => void codes.push(error.code);
  for (let i = 0; i < 300; i++) {
    const stream = await near.openStream({ name: `${i}` });
    stream.closed.catch(failed);
    void stream.writable
      .getWriter()
      .write(new Uint8Array(100))
      .catch(() => {});
    if (i % 3 === 0) stream.abort();
  }
  for (let i = 0; i < 50; i++) await near.request('anything', new Uint8Array(10)).catch(failed);
  await settled(50);
  ok(codes.filter((code) => code === 'OOTO_STREAM_METHOD').length === 50);
  near.send(utf8('goes on'));
  await settled();
  equal(messages, [utf8('goes on')]);
  is(pooled.threads, 1);
  await Promise.all([pooled.close(), other.close()]);
});

test('a dial that is given up in any moment leaves nothing behind', async () => {
  const { alice, bob, pool, endpoint } = world();
  const other = endpoint(bob);
  const listener = await other.listen({ address: ADDRESS, peers: [alice.publicKey] });
  const pooled = pool(alice);
  const standing: SecureChannel[] = [];
  void (async () => {
    for await (const channel of listener) standing.push(channel);
  })();
  for (let turns = 0; turns < 40; turns++) {
    const controller = new AbortController();
    const dialling = pooled
      .connect({ address: ADDRESS, peer: bob.publicKey, signal: controller.signal })
      .then(
        (channel) => channel.close(),
        () => {},
      );
    await settled(turns);
    controller.abort();
    await dialling;
  }
  await settled(40);
  is(listener.channels.length, 0);
  await Promise.all([pooled.close(), other.close()]);
});
