/** Connections between two threads: what may be under way, whoever is slow, and what is left at the end. */
import { PoolThread } from '../../../../src/channel/pool/pool-thread.ts';
import type { Command, Report } from '../../../../src/channel/pool/protocol.ts';
import { Relay } from '../../../../src/channel/pool/relay.ts';
import { RelayedConnection, RelayedListener } from '../../../../src/channel/pool/relayed.ts';
import type { Thread } from '../../../../src/ports.ts';
import { equal, is, ok, rejectsCode } from '../../../support/assert.ts';
import { settled } from '../../../support/manual-clock.ts';
import { MemoryConnection } from '../../../support/memory-transport.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('relays');
const KIB = 1024;

test('a thread that takes nothing stops the reading of a connection, of large chunks and of single bytes', async () => {
  for (const [bytes, most] of [
    [64 * KIB, 4],
    [1, 1_024],
  ]) {
    const [near, far] = MemoryConnection.pair();
    const posted: Command[] = [];
    const relay = new Relay(1, near, (command) => void posted.push(command));
    for (let i = 0; i < 2 * most; i++) await far.write(new Uint8Array(bytes));
    await settled(40);
    ok(posted.length <= most, `${posted.length} chunks of ${bytes} bytes`);
    const before = posted.length;
    for (let i = 0; i < before; i++) relay.read(bytes);
    await settled(40);
    ok(posted.length > before, 'it goes on when they were taken');
    ok(posted.length <= 2 * most);
    for (let taken = before; taken < 2 * most; taken++) {
      relay.read(bytes);
      await settled(1);
    }
    await settled(40);
    is(posted.length, 2 * most, 'what was taken counts in full');
    relay.close();
  }
});

test('after the end a relay says nothing more', async () => {
  const [near, far] = MemoryConnection.pair();
  const posted: Command[] = [];
  const relay = new Relay(1, near, (command) => void posted.push(command));
  relay.close();
  relay.write(new Uint8Array(1));
  await far.write(new Uint8Array(1)).catch(() => {});
  await settled();
  equal(posted, []);
  equal(near.written, []);
});

const relayed = (reports: Report[] = [], closed = () => {}) =>
  new RelayedConnection({
    ...{ number: 1, remoteAddress: 'a:1', localAddress: undefined, closed },
    report: (report) => void reports.push(report),
  });

test('a socket that takes nothing holds the writer back; its end is an error for whoever writes', async () => {
  const reports: Report[] = [];
  const connection = relayed(reports);
  await connection.write(new Uint8Array(255 * KIB));
  let isHeld = true;
  const held = connection.write(new Uint8Array(KIB)).then(() => {
    isHeld = false;
  });
  await settled();
  ok(isHeld);
  is(reports.length, 2);
  connection.taken(KIB);
  await held;
  const cut = connection.write(new Uint8Array(KIB));
  connection.broken();
  await rejectsCode(cut, 'OOTO_TRANSPORT_CLOSED');
  await rejectsCode(connection.write(new Uint8Array(1)), 'OOTO_TRANSPORT_CLOSED');
});

test('connections that nobody took end with their listener, each once', async () => {
  let closed = 0;
  const listener = new RelayedListener('1');
  const reports: Report[] = [];
  for (let i = 0; i < 3; i++) listener.connections.push(relayed(reports, () => void closed++));
  await listener.close();
  await listener.close();
  is(closed, 3);
  equal(
    reports.map(({ type }) => type),
    ['hang-up', 'hang-up', 'hang-up'],
  );
});

/** A thread that does nothing of its own. */
function silentThread() {
  const posted: Command[] = [];
  let report = (_: Report) => {};
  const thread: Thread = {
    post: (command) => void posted.push(command as Command),
    onMessage: (listener) => {
      report = listener;
    },
    ended: new Promise(() => {}),
    terminate: async () => {},
  };
  const options = { thread, limits: undefined, sign: async () => new Uint8Array(64), taken: () => {} };
  return { posted, pool: new PoolThread(options), report: (message: Report) => report(message) };
}

test('a thread is given so many connections and no more', () => {
  const { pool, posted } = silentThread();
  const connections = Array.from({ length: 4_100 }, () => MemoryConnection.pair()[0]);
  for (const connection of connections) pool.accept(1, connection);
  is(connections.filter(({ closed }) => !closed).length, 4_096);
  is(posted.filter(({ type }) => type === 'accept').length, 4_096);
});

test('a channel that comes about after its dial was given up is closed', async () => {
  const { pool, posted, report } = silentThread();
  const controller = new AbortController();
  const dialling = pool.connect('there:1', new Uint8Array(32), controller.signal).catch((error) => error);
  controller.abort(new Error('enough'));
  is((await dialling).message, 'enough');
  const { channel } = posted.find(({ type }) => type === 'connect') as { channel: number };
  report({ type: 'established', channel, peer: {} as never });
  equal(
    posted.filter((command) => command.type === 'close'),
    [
      { type: 'close', channel },
      { type: 'close', channel },
    ],
  );
  is(pool.channels.length, 1);
  report({ type: 'closed', channel });
  is(pool.load, 0);
});

test('what a thread reports of a channel that has ended counts as taken', () => {
  const { posted, report } = silentThread();
  report({ type: 'messages', channel: 9, bundle: new Uint8Array(70) });
  equal(posted, [{ type: 'delivered', bytes: 70 }]);
});
