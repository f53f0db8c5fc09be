/** Channels of programs that outlive their connections, or are dialled again: requests, streams and messages stay whole. */
import fc from 'fast-check';
import { utf8, utf8Decode } from '../../../../src/base/bytes.ts';
import type { OotoError } from '../../../../src/base/errors.ts';
import { Endpoint, type EndpointOptions } from '../../../../src/channel/keyed/endpoint.ts';
import { identityOf } from '../../../../src/channel/keyed/identity.ts';
import type { ChannelListener } from '../../../../src/channel/keyed/listener.ts';
import type { Redial, Waiting } from '../../../../src/channel/lasting/redial.ts';
import type { ChannelMessageEvent, SecureChannel } from '../../../../src/channel/streams/secure-channel.ts';
import { FRAME } from '../../../../src/channel/wire.ts';
import { Doorway } from '../../../../src/mesh/doorway.ts';
import { equal, is, ok, rejectsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { cutAfter } from '../../../support/lasting-pair.ts';
import { ManualClock, settled } from '../../../support/manual-clock.ts';
import { type MemoryConnection, MemoryNetwork } from '../../../support/memory-transport.ts';
import { seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('channels that last', { timeout: 60_000 });
const ADDRESS = 'there:1';
const ELSEWHERE = 'elsewhere:1';

function world(seed = 'lasting endpoints') {
  const crypto = testCrypto(seededRandom(seed));
  const clock = new ManualClock();
  const network = new MemoryNetwork();
  const [alice, bob, eve] = ['alice', 'bob', 'eve'].map((name) =>
    identityOf(crypto, crypto.sha256(utf8(name))),
  );
  const endpoint = (identity = alice, options: Partial<EndpointOptions> = {}) =>
    new Endpoint(
      {
        crypto,
        clock,
        transport: network.transport(identity.id.slice(0, 12)),
        soon: queueMicrotask,
        admission: () => new Doorway(crypto, clock),
      },
      { identity, lasting: true, ...options },
    );
  /** The newest connection, this end of whoever dialled. */
  const wire = () => network.connections[network.connections.length - 1];
  return { clock, network, endpoint, alice, bob, eve, wire };
}

type World = ReturnType<typeof world>;

async function connected(
  { endpoint, alice, bob }: World,
  options: Partial<EndpointOptions> = {},
): Promise<{ near: SecureChannel; far: SecureChannel; listener: ChannelListener }> {
  const listener = await endpoint(bob).listen({ address: ADDRESS, peers: [alice.publicKey] });
  const near = await endpoint(alice, options).connect({ address: ADDRESS, peer: bob.publicKey });
  await settled();
  return { near, far: listener.channels[0], listener };
}

function changesOf(channel: SecureChannel): string[] {
  const changes: string[] = [];
  for (const type of ['parted', 'resumed', 'close'] as const)
    channel.addEventListener(type, () => void changes.push(type));
  return changes;
}

function heardBy(channel: SecureChannel): string[] {
  const heard: string[] = [];
  channel.addEventListener('message', (event) => {
    heard.push(utf8Decode((event as ChannelMessageEvent).data));
  });
  return heard;
}

test('a request whose connection breaks is answered over the next one, and asked once', async () => {
  const here = world();
  const { near, listener } = await connected(here);
  ok(near.isLasting);
  const changes = changesOf(near);
  let asked = 0;
  let answer = (_: string) => {};
  listener.handle('slowly', () => {
    asked++;
    return new Promise<string>((resolve) => {
      answer = resolve;
    });
  });
  const answered = near.request('slowly', 'please');
  await settled();
  here.wire().close();
  await settled();
  answer('at last');
  await here.clock.until(() => changes.length === 2, 5_000);
  is(utf8Decode(await answered), 'at last');
  is(asked, 1);
  equal(changes, ['parted', 'resumed']);
  is(here.network.connections.length, 2);
  await near.close();
  await settled();
  equal(changes, ['parted', 'resumed', 'close']);
});

test('property: streams, requests and messages stay whole whatever is cut and when', async () => {
  let connections = 0;
  const cut = fc.record({ near: fc.boolean(), bytes: fc.nat(150_000), move: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.nat(1e6), fc.array(cut, { minLength: 1, maxLength: 6 }), async (seed, cuts) => {
      const here = world(`cuts ${seed}`);
      const plan = [...cuts];
      here.network.onConnection = (dialler, acceptor) => {
        const next = plan.shift();
        if (next) cutAfter(next.near ? dialler : acceptor, 4_000 + next.bytes);
      };
      const { near, far, listener } = await connected(here);
      listener.handle('double', async (request) => `${await request.text()}`.repeat(2));
      const heard = heardBy(near);
      const echoing = (async () => {
        for await (const stream of far.incomingStreams()) await stream.readable.pipeTo(stream.writable);
      })();
      const sent = new Uint8Array(300_000).map((_, i) => i * (i >> 8));
      const stream = await near.openStream();
      const writing = new Blob([sent]).stream().pipeTo(stream.writable);
      let came: Uint8Array | undefined;
      void new Response(stream.readable as never).arrayBuffer().then((all) => {
        came = new Uint8Array(all);
      });
      const answers: string[] = [];
      for (let i = 0; i < 20; i++) {
        void near.request('double', `${i},`).then((bytes) => answers.push(utf8Decode(bytes)));
        far.send(utf8(`${i}`));
        if (cuts[i]?.move) near.move();
        await here.clock.run(40, 20);
      }
      await here.clock.until(() => came !== undefined && answers.length === 20, 60_000);
      await writing;
      equal(came, sent);
      equal(
        heard,
        Array.from({ length: 20 }, (_, i) => `${i}`),
      );
      equal(new Set(answers).size, 20);
      await near.close();
      await echoing;
      connections += here.network.connections.length;
    }),
    { numRuns: 15 },
  );
  ok(connections > 30, `${connections} connections`);
});

test('where one side alone lasts, the channel ends with its connection', async () => {
  for (const lasting of [true, false]) {
    const here = world();
    const { endpoint, alice, bob } = here;
    await endpoint(bob, { lasting }).listen({ address: ADDRESS, peers: [alice.publicKey] });
    const near = await endpoint(alice, { lasting: !lasting }).connect({
      address: ADDRESS,
      peer: bob.publicKey,
    });
    await settled();
    is(near.isLasting, false);
    near.move();
    await settled();
    is(near.status.state, 'established', 'a channel that does not last is not moved');
    here.wire().close();
    await settled();
    is((await near.closed)?.code, 'OOTO_CHANNEL_TRUNCATED');
    is(here.clock.waiting <= 1, true);
  }
});

test('whoever answers in the place of the peer takes no session over and cannot end it', async () => {
  const here = world();
  const { near, far, listener } = await connected(here);
  const impostor = await here
    .endpoint(here.eve)
    .listen({ address: ELSEWHERE, peers: [here.alice.publicKey] });
  const dial = here.network.transport('alice').dial;
  const toEve: string[] = [];
  // For a while every way leads to the impostor, who is no stranger to the protocol.
  const { connections } = here.network;
  const hijack = (isOn: boolean) => {
    here.network.onConnection = (dialler) => {
      if (!isOn || toEve.length >= 5 || dialler.remoteAddress !== ADDRESS) return;
      toEve.push('dialled');
      const { write } = dialler;
      dialler.write = async (bytes) => {
        const other = (await dial(ELSEWHERE)) as MemoryConnection;
        await other.write(bytes);
        for await (const chunk of other.incoming) dialler.incoming.push(chunk);
        dialler.write = write;
        dialler.close();
      };
    };
  };
  hijack(true);
  connections[0].close();
  far.send(utf8('for alice alone'));
  const heard = heardBy(near);
  await here.clock.until(() => toEve.length >= 5, 60_000);
  hijack(false);
  await here.clock.until(() => heard.length === 1, 30_000);
  equal(heard, ['for alice alone']);
  is(impostor.channels.length, 0);
  is(listener.channels.length, 1);
});

test('what a stranger plays of a resumption gets him nothing, and the channel goes on', async () => {
  const here = world();
  const { near, far } = await connected(here);
  here.wire().close();
  await here.clock.until(() => here.network.connections.length === 2, 5_000);
  await here.clock.run(500, 50);
  const seen = here.wire().written.filter((bytes) => bytes[4] < FRAME.batch);
  ok(seen.length >= 2, 'resume and resumption');
  const dial = here.network.transport('stranger').dial;
  for (const frames of [seen, [seen[0]], [seen[1]], [...seen, ...seen]]) {
    const stranger = (await dial(ADDRESS)) as MemoryConnection;
    for (const frame of frames) if (!stranger.closed) await stranger.write(frame);
    await here.clock.run(6_000, 500);
    ok(stranger.closed);
    is(stranger.other.written.length, 0, 'no answer');
  }
  const heard = heardBy(far);
  near.send(utf8('still here'));
  await settled();
  equal(heard, ['still here']);
});

test('an endpoint that is closed while a channel is parted leaves nothing', async () => {
  const here = world();
  const { endpoint, alice, bob } = here;
  const [left, right] = [endpoint(alice), endpoint(bob)];
  await right.listen({ address: ADDRESS, peers: [alice.publicKey] });
  const near = await left.connect({ address: ADDRESS, peer: bob.publicKey });
  await settled();
  here.network.onConnection = (dialler) => dialler.close();
  here.wire().close();
  await here.clock.run(1_000, 100);
  await left.close();
  await right.close();
  is(await near.closed, undefined);
  await here.clock.run(10_000, 1_000);
  is(here.clock.waiting, 0);
});

interface Kept {
  readonly redial: Redial<SecureChannel>;
  readonly told: string[];
}

function kept(here: World, options: Partial<EndpointOptions> = {}): Kept {
  const redial = here
    .endpoint(here.alice, options)
    .keepConnected({ address: ADDRESS, peer: here.bob.publicKey });
  const told: string[] = [];
  redial.addEventListener('connected', () => void told.push('connected'));
  redial.addEventListener('waiting', (event) => {
    const { error } = (event as CustomEvent<Waiting>).detail;
    told.push(error?.code ?? 'agreed');
  });
  redial.addEventListener('closed', (event) => {
    told.push((event as CustomEvent<OotoError | null>).detail?.code ?? 'closed');
  });
  return { redial, told };
}

test('a channel that is kept standing is dialled until somebody is there, and again after each end', async () => {
  const here = world();
  const { redial, told } = kept(here, { lasting: false });
  await here.clock.run(3_000);
  ok(told.length > 1 && told.every((what) => what === 'OOTO_TRANSPORT_UNREACHABLE'), told.join());
  const listener = await here
    .endpoint(here.bob)
    .listen({ address: ADDRESS, peers: [here.alice.publicKey], handlers: { ping: () => 'pong' } });
  await here.clock.until(() => redial.current !== undefined, 60_000);
  is(utf8Decode(await redial.current!.request('ping')), 'pong');
  here.wire().close();
  await settled();
  is(redial.current, undefined);
  await here.clock.until(() => redial.current !== undefined, 60_000);
  is(utf8Decode(await redial.current!.request('ping')), 'pong');
  await listener.close();
  await settled();
  is(told.at(-1), 'agreed');
  redial.close();
  is(await redial.closed, undefined);
  is(told.at(-1), 'closed');
});

test('somebody else at the address does not end the dialling for good', async () => {
  const here = world();
  const wrong = await here
    .endpoint(here.eve)
    .listen({ address: ADDRESS, peers: [here.alice.publicKey, here.bob.publicKey] });
  const { redial, told } = kept(here);
  await here.clock.run(10_000);
  ok(told.includes('OOTO_CHANNEL_PEER_ID'), told.join());
  is(wrong.channels.length, 0);
  await wrong.close();
  await here.endpoint(here.bob).listen({ address: ADDRESS, peers: [here.alice.publicKey] });
  await here.clock.until(() => redial.current !== undefined, 60_000);
  redial.close();
  await redial.closed;
});

test('a mistake of the caller, and a closed endpoint, end the dialling', async () => {
  const here = world();
  const near = here.endpoint(here.alice);
  const mistaken = near.keepConnected({ address: ADDRESS, peer: new Uint8Array(7) });
  is((await mistaken.closed)?.code, 'OOTO_CHANNEL_KEY');
  const waiting = near.keepConnected({ address: ADDRESS, peer: here.bob.publicKey });
  await here.clock.run(1_000);
  await near.close();
  is(await waiting.closed, undefined);
  is(here.clock.waiting, 0);
  await rejectsCode(
    (async () => near.keepConnected({ address: ADDRESS, peer: here.bob.publicKey }))(),
    'OOTO_CHANNEL_CLOSED',
  );
});
