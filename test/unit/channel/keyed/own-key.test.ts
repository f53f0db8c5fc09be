/** What a side shows of its key: renewed in time, and nothing secret of it left behind. */
import { Datagrams } from '../../../../src/channel/keyed/datagrams.ts';
import { identityOf } from '../../../../src/channel/keyed/identity.ts';
import { OwnKey, RENEWAL_MS } from '../../../../src/channel/keyed/own-key.ts';
import type { DatagramSocket, Signer } from '../../../../src/ports.ts';
import { is, ok, rejectsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { ManualClock, settled } from '../../../support/manual-clock.ts';
import { seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('own keys');

/** A world whose random bytes are remembered as they are given, and a signer that answers when told. */
function world() {
  const random = seededRandom('own keys');
  const drawn: Uint8Array[] = [];
  const crypto = testCrypto({
    bytes(length) {
      const bytes = random.bytes(length);
      drawn.push(bytes);
      return bytes;
    },
  });
  const clock = new ManualClock();
  const identity = identityOf(crypto);
  let [asked, answer] = [0, (_?: Error) => {}];
  const signer: Signer = {
    ...identity,
    async sign(message) {
      asked++;
      await new Promise<void>((resolve, reject) => {
        answer = (error) => (error ? reject(error) : resolve());
      });
      return identity.sign(message);
    },
  };
  const ownKey = new OwnKey({ crypto, clock, identity: signer, meshId: new Uint8Array(32) });
  drawn.length = 0;
  return {
    crypto,
    clock,
    ownKey,
    signer,
    drawn,
    asked: () => asked,
    answer: (error?: Error) => answer(error),
  };
}

const isWiped = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);

test('a Noise static key that was never shown is overwritten: the signer fails, or comes too late', async () => {
  const { ownKey, drawn, answer } = world();
  const failing = ownKey.credential().catch((error) => error.message);
  await settled();
  is(drawn.length, 1);
  answer(new Error('no key today'));
  is(await failing, 'no key today');
  ok(isWiped(drawn[0]), 'left after a failure');
  const late = ownKey.credential();
  late.catch(() => {});
  await settled();
  ownKey[Symbol.dispose]();
  answer();
  await rejectsCode(late, 'OOTO_CHANNEL_CLOSED');
  is(drawn.length, 2);
  ok(isWiped(drawn[1]), 'left after the end');
});

test('a disposed key signs nothing more', async () => {
  const { ownKey, asked } = world();
  ownKey[Symbol.dispose]();
  await rejectsCode(ownKey.credential(), 'OOTO_CHANNEL_CLOSED');
  is(asked(), 0);
});

test('a signer that failed is asked again long before what is shown ends', async () => {
  const { crypto, clock, signer, asked, answer } = world();
  const socket: DatagramSocket = {
    address: '192.0.2.1:1',
    counts: { received: 0, sent: 0, dropped: 0 },
    isFull: false,
    onDatagram() {},
    send: () => true,
    keepApart() {},
    letGo() {},
    resolve: async (address) => address,
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
  const opening = Datagrams.over(
    { crypto, clock, socket, soon: queueMicrotask },
    { identity: signer, peers: [] },
  );
  await settled();
  answer();
  const datagrams = await opening;
  await clock.run(RENEWAL_MS, 1_000);
  is(asked(), 2);
  answer(new Error('not now'));
  await clock.run(60_000, 1_000);
  is(asked(), 3);
  answer();
  await clock.run(RENEWAL_MS, 1_000);
  is(asked(), 4);
  await datagrams.close();
});

test('where the clock is set back, what is shown is not of the future', async () => {
  const { clock, ownKey, asked, answer } = world();
  const first = ownKey.credential();
  answer();
  const { delegation } = await first;
  clock.jump(-60_000);
  is((await ownKey.credential()).delegation, delegation);
  ok(ownKey.renewsInMs <= RENEWAL_MS);
  clock.jump(-86_400_000);
  const next = ownKey.credential();
  answer();
  is(asked(), 2);
  ok((await next).delegation !== delegation);
  ok(ownKey.renewsInMs <= RENEWAL_MS);
});
