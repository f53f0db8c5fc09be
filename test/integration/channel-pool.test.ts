/** Channels on threads of their own: the same messages as on a channel of this thread, and what dies with a thread. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect as netConnect, type Socket } from 'node:net';
import type { Thread } from '../../src/ports.ts';
import { equal, is, ok, rejectsCode, throwsCode } from '../support/assert.ts';
import { Inbox, newIdentity, open, type Party, plainParty, pooledParty } from '../support/message-pairs.ts';
import { suite } from '../support/suite.ts';

const test = suite('channels of a pool', { timeout: 60_000 });
const KIB = 1024;
const MIB = 1024 * KIB;
const [ours, theirs] = [newIdentity(), newIdentity()];
const bytesOf = (text: string) => new TextEncoder().encode(text);
const limits = { messageBytes: MIB };
const plain = () => ({ ours: plainParty(ours, limits), theirs: plainParty(theirs, limits) });
const pooled = () => ({
  ours: pooledParty(ours, { threads: 2, limits }),
  theirs: pooledParty(theirs, { threads: 2, limits }),
});

const PAIRS: Record<string, () => [Party, Party]> = {
  'this thread to this thread': () => [plain().ours, plain().theirs],
  'a pool to this thread': () => [pooled().ours, plain().theirs],
  'this thread to a pool': () => [plain().ours, pooled().theirs],
  'a pool to a pool': () => [pooled().ours, pooled().theirs],
};

for (const [name, parties] of Object.entries(PAIRS)) {
  const withPair = async (
    use: (pair: Awaited<ReturnType<typeof open>>, parties: [Party, Party]) => Promise<void>,
  ) => {
    const both = parties();
    try {
      await use(await open({ party: both[0], identity: ours }, { party: both[1], identity: theirs }), both);
    } finally {
      await Promise.all(both.map((party) => party.close()));
    }
  };

  test(`${name}: messages arrive whole, in order, both ways`, () =>
    withPair(async ({ near, far, inboxes }) => {
      is(near.peerId, theirs.id);
      is(far.peerId, ours.id);
      const sizes = [0, 1, 100, 64 * KIB, 0, 300_000, 7, MIB - 1, 1];
      const messages = sizes.map((size, i) => new Uint8Array(size).fill(i + 1));
      for (const message of messages) {
        if (!near.send(message)) await near.drained();
        if (!far.send(message)) await far.drained();
        message.length && message.fill(0xff);
      }
      const expected = sizes.map((size, i) => new Uint8Array(size).fill(i + 1));
      equal(await inboxes.far.atLeast(sizes.length), expected);
      equal(await inboxes.near.atLeast(sizes.length), expected);
    }));

  test(`${name}: what was sent before the end arrives before it`, () =>
    withPair(async ({ near, far, inboxes }) => {
      let heardBeforeEnd = -1;
      far.addEventListener('close', () => {
        heardBeforeEnd = inboxes.far.messages.length;
      });
      for (let i = 0; i < 200; i++) near.send(new Uint8Array(10_000).fill(i));
      await near.close();
      is(await near.closed, undefined);
      is(await far.closed, undefined);
      is(heardBeforeEnd, 200);
      throwsCode(() => near.send(bytesOf('late')), 'OOTO_STREAM_CLOSED');
      throwsCode(() => far.send(bytesOf('late')), 'OOTO_STREAM_CLOSED');
    }));

  test(`${name}: a message too long is refused where it is sent`, () =>
    withPair(async ({ near, inboxes }) => {
      throwsCode(() => near.send(new Uint8Array(MIB)), 'OOTO_CHANNEL_SIZE');
      near.send(bytesOf('goes on'));
      equal(await inboxes.far.atLeast(1), [bytesOf('goes on')]);
    }));

  test(`${name}: somebody else, nobody, nonsense and a signal have their codes`, async () => {
    const [dialler, answerer] = parties();
    const listener = await answerer.listen({ address: '127.0.0.1:0', peers: [newIdentity().publicKey] });
    const dial = (peer: Uint8Array, address = listener.address, signal?: AbortSignal) =>
      dialler.connect({ address, peer, ...(signal && { signal }) });
    await rejectsCode(dial(newIdentity().publicKey), 'OOTO_CHANNEL_PEER_ID');
    await rejectsCode(dial(theirs.publicKey, 'nonsense'), 'OOTO_TRANSPORT_ADDRESS');
    const reason = new Error('enough');
    await dial(theirs.publicKey, listener.address, AbortSignal.abort(reason)).then(
      () => ok(false),
      (error) => is(error, reason),
    );
    // The listener pins another key: whoever dials sees its channel end.
    const refused = await dial(theirs.publicKey).catch((error) => error);
    if ('closed' in refused)
      await rejectsCode(
        refused.closed.then((e: Error) => Promise.reject(e)),
        'OOTO_CHANNEL_TRUNCATED',
      );
    else is(refused.code, 'OOTO_CHANNEL_TRUNCATED');
    await listener.close();
    await rejectsCode(dial(theirs.publicKey), 'OOTO_TRANSPORT_UNREACHABLE');
    await Promise.all([dialler.close(), answerer.close()]);
    await rejectsCode(dial(theirs.publicKey), 'OOTO_CHANNEL_CLOSED');
  });
}

test('a thread that dies in a transfer ends its channels with one error, and another takes new ones', async () => {
  const started: Thread[] = [];
  const [dialler, answerer] = [pooledParty(ours, { started }), plainParty(theirs)];
  const { near, far } = await open({ party: dialler, identity: ours }, { party: answerer, identity: theirs });
  const transfer = (async () => {
    for (;;) if (!near.send(new Uint8Array(64 * KIB))) await near.drained();
  })();
  await new Inbox(far).atLeast(50);
  await started[0].terminate();
  await rejectsCode(transfer, 'OOTO_POOL_THREAD');
  is((await near.closed)?.code, 'OOTO_POOL_THREAD');
  is((await far.closed)?.code, 'OOTO_CHANNEL_TRUNCATED');
  await near.close();
  const again = await open({ party: dialler, identity: ours }, { party: answerer, identity: theirs });
  again.near.send(bytesOf('again'));
  equal(await again.inboxes.far.atLeast(1), [bytesOf('again')]);
  is(started.length, 2);
  await Promise.all([dialler.close(), answerer.close()]);
});

test('a thread that dies closes the connections that it was given, and the listener goes on', async () => {
  const started: Thread[] = [];
  const [dialler, answerer] = [plainParty(ours), pooledParty(theirs, { started })];
  const listener = await answerer.listen({ address: '127.0.0.1:0', peers: [ours.publicKey] });
  const dial = () => dialler.connect({ address: listener.address, peer: theirs.publicKey });
  const near = await dial();
  for await (const far of listener) {
    await started[0].terminate();
    is((await far.closed)?.code, 'OOTO_POOL_THREAD');
    break;
  }
  is((await near.closed)?.code, 'OOTO_CHANNEL_TRUNCATED');
  const again = await dial();
  for await (const far of listener) {
    again.send(bytesOf('again'));
    equal(await new Inbox(far).atLeast(1), [bytesOf('again')]);
    break;
  }
  await Promise.all([dialler.close(), answerer.close()]);
});

for (const side of ['dials', 'answers'])
  test(`a peer that stops reading holds the sender back: a pool that ${side}`, async () => {
    const pool = side === 'dials' ? pooledParty(ours) : pooledParty(theirs);
    const other = side === 'dials' ? plainParty(theirs) : plainParty(ours);
    const [dialler, answerer] = side === 'dials' ? [pool, other] : [other, pool];
    const listener = await answerer.listen({ address: '127.0.0.1:0', peers: [ours.publicKey] });
    const middle = await stoppable(listener.address);
    const arriving = listener[Symbol.asyncIterator]().next();
    const near = await dialler.connect({ address: middle.address, peer: theirs.publicKey });
    const far = (await arriving).value;
    const [sender, receiver] = side === 'dials' ? [near, far] : [far, near];
    const inbox = new Inbox(receiver);
    middle.stop();
    const hash = createHash('sha256');
    let sent = 0;
    const send = () => {
      const message = new Uint8Array(64 * KIB).fill(sent++);
      hash.update(message);
      return sender.send(message);
    };
    // What system, sockets and windows hold is some MiB; whoever is not held back by 64 MiB is not held back.
    for (let isHeld = false; !isHeld; ) {
      while (send());
      ok(sent < 1024, 'nobody holds the sender back');
      isHeld = !(await Promise.race([
        sender.drained().then(() => true),
        new Promise<boolean>((resolve) => setTimeout(resolve, 300, false)),
      ]));
    }
    middle.goOn();
    await sender.drained();
    const heard = createHash('sha256');
    for (const message of await inbox.atLeast(sent)) heard.update(message);
    is(heard.digest('hex'), hash.digest('hex'));
    await Promise.all([pool.close(), other.close()]);
    middle.close();
  });

test('nothing of a pool is left when it is closed, and closing twice is closing once', async () => {
  const started: Thread[] = [];
  const pool = pooledParty(ours, { threads: 2, started });
  const other = plainParty(theirs);
  const listener = await other.listen({ address: '127.0.0.1:0', peers: [ours.publicKey] });
  const dial = () => pool.connect({ address: listener.address, peer: theirs.publicKey });
  const channels = await Promise.all([dial(), dial(), dial()]);
  is(pool.threads, 2);
  await Promise.all([pool.close(), pool.close()]);
  for (const channel of channels) is(await channel.closed, undefined);
  is(pool.threads, 0);
  equal(await Promise.all(started.map(({ ended }) => ended)), [undefined, undefined]);
  await other.close();
});

test('a listener that is closed twice, by itself and with its pool, is closed', async () => {
  const [dialler, answerer] = [plainParty(ours), pooledParty(theirs, { threads: 2 })];
  const listener = await answerer.listen({ address: '127.0.0.1:0', peers: [ours.publicKey] });
  const near = await dialler.connect({ address: listener.address, peer: theirs.publicKey });
  await Promise.all([listener.close(), listener.close(), answerer.close()]);
  is(await near.closed, undefined);
  for await (const _ of listener) ok(false, 'a channel of a closed listener');
  await dialler.close();
});

test('where no thread can be had, dialling says so, and those that dial see the connection end', async () => {
  const lacking = pooledParty(theirs, { script: 'nothing-of-this-name.js' });
  const dialler = plainParty(ours);
  const listener = await lacking.listen({ address: '127.0.0.1:0', peers: [ours.publicKey] });
  const dial = (party: Party) => party.connect({ address: listener.address, peer: theirs.publicKey });
  await rejectsCode(dial(dialler), 'OOTO_CHANNEL_TRUNCATED');
  await rejectsCode(dial(dialler), 'OOTO_CHANNEL_TRUNCATED');
  await rejectsCode(dial(lacking), 'OOTO_POOL_MISSING');
  await Promise.all([lacking.close(), dialler.close()]);
});

test('strangers that say nothing, or nonsense, leave a pool as it was', async () => {
  const [dialler, answerer] = [plainParty(ours), pooledParty(theirs)];
  const listener = await answerer.listen({ address: '127.0.0.1:0', peers: [ours.publicKey] });
  const [host, port] = listener.address.split(':');
  const strangers = Array.from({ length: 20 }, () => netConnect({ host, port: Number(port) }));
  for (const stranger of strangers) stranger.on('error', () => {});
  const refused = strangers.slice(0, 10);
  for (const stranger of refused) stranger.write('GET / HTTP/1.1\r\n\r\n');
  await Promise.all(refused.map((stranger) => once(stranger.resume(), 'close')));
  const near = await dialler.connect({ address: listener.address, peer: theirs.publicKey });
  for await (const far of listener) {
    near.send(bytesOf('hello'));
    equal(await new Inbox(far).atLeast(1), [bytesOf('hello')]);
    break;
  }
  for (const stranger of strangers) stranger.destroy();
  await Promise.all([dialler.close(), answerer.close()]);
});

/** A way to `address` on which nothing goes on while it is stopped. */
async function stoppable(address: string) {
  const [host, port] = address.split(':');
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = netConnect({ host, port: Number(port) });
    sockets.push(near, far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      from.on('error', () => {});
      from.pipe(to);
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port: own } = server.address() as { port: number };
  const pipes = () => sockets.map((socket, i) => [socket, sockets[i ^ 1]] as const);
  return {
    address: `127.0.0.1:${own}`,
    stop: () => {
      for (const [from, to] of pipes()) from.unpipe(to).pause();
    },
    goOn: () => {
      for (const [from, to] of pipes()) from.pipe(to);
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
