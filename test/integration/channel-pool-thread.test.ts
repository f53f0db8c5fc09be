/** The inner side of a pool's thread, on this thread: what it says to a main thread that takes nothing. */
import { ChannelThread, UNDELIVERED_BYTES_MOST } from '../../src/channel/pool/channel-thread.ts';
import { signDelegation } from '../../src/channel/pool/delegating.ts';
import type { Report } from '../../src/channel/pool/protocol.ts';
import { Doorway } from '../../src/mesh/doorway.ts';
import { nodeClock } from '../../src/platform/node/clock.ts';
import { nodeTransport } from '../../src/platform/node/transports.ts';
import { is, ok } from '../support/assert.ts';
import { crypto, newIdentity, plainParty } from '../support/message-pairs.ts';
import { suite } from '../support/suite.ts';

const test = suite('a thread of a pool', { timeout: 30_000 });
const MESSAGE = new Uint8Array(64 * 1024).fill(7);
const MESSAGES = 640;

test('a main thread that takes nothing stops the reading; when it takes, all arrives', async () => {
  const clock = nodeClock();
  const [ours, theirs] = [newIdentity(), newIdentity()];
  const other = plainParty(theirs);
  const listener = await other.listen({ address: '127.0.0.1:0', peers: [ours.publicKey] });
  let command = (_: unknown) => {};
  let [unsettled, received, isTaking] = [0, 0, false];
  let stopped = () => {};
  const stop = new Promise<void>((resolve) => {
    stopped = resolve;
  });
  let complete = () => {};
  const all = new Promise<void>((resolve) => {
    complete = resolve;
  });
  const take = (report: Report) => {
    if (report.type === 'sign')
      void signDelegation({ crypto, identity: ours, application: '', now: clock.now() }, report.message).then(
        (answer) => command({ type: 'signature', request: report.request, answer }),
      );
    if (report.type !== 'messages') return;
    const { length } = report.bundle;
    received += length;
    if (isTaking) queueMicrotask(() => command({ type: 'delivered', bytes: length }));
    else unsettled += length;
    if (received >= MESSAGES * MESSAGE.length) complete();
  };
  new ChannelThread({
    ...{ crypto, clock, soon: setImmediate, transport: nodeTransport(), stopped },
    admission: () => new Doorway(crypto, clock),
    options: { ...ours, algorithm: 'ed25519', application: '', delivery: undefined, limits: undefined },
    port: {
      post: (message) => take(message as Report),
      onMessage: (obey) => {
        command = obey;
      },
    },
  });
  const arriving = listener[Symbol.asyncIterator]().next();
  command({ type: 'connect', channel: 1, address: listener.address, peer: theirs.publicKey });
  const far = (await arriving).value;
  const sending = (async () => {
    for (let i = 0; i < MESSAGES; i++) if (!far.send(MESSAGE)) await far.drained();
  })();
  while (received < UNDELIVERED_BYTES_MOST) await new Promise((resolve) => setImmediate(resolve));
  const held = await Promise.race([
    sending.then(() => false),
    new Promise<boolean>((resolve) => setTimeout(resolve, 500, true)),
  ]);
  ok(held, 'the sender was not held back');
  ok(received < 3 * UNDELIVERED_BYTES_MOST, `${received} bytes came up untaken`);
  isTaking = true;
  command({ type: 'delivered', bytes: unsettled });
  await Promise.all([sending, all]);
  is(received, MESSAGES * (MESSAGE.length + 4));
  command({ type: 'stop' });
  await stop;
  await other.close();
});
