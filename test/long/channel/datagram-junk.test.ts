/** T2 in full: a million junk datagrams on a live channel, of every kind that names its index; the next honest record opens. */
import { utf8 } from '../../../src/base/bytes.ts';
import { DATAGRAM, typeOf } from '../../../src/channel/datagram/packet.ts';
import { FRAME } from '../../../src/channel/wire.ts';
import { equal, is, ok } from '../../support/assert.ts';
import { DatagramPair } from '../../support/datagram-network.ts';
import { suite } from '../../support/suite.ts';
import { mulberry32 } from '../../support/weather.ts';

const test = suite('long/datagram junk', { timeout: 600_000 });
const COUNT = 1_000_000;
const KINDS = [...Object.values(FRAME), ...Object.values(DATAGRAM), 0, 0x7f, 0xff];
const MOST_GROWTH_BYTES = 32 * 2 ** 20;

test('a million junk datagrams change nothing', () => {
  const seed = Date.now() % 1e6;
  console.error(`seed ${seed}`);
  const chance = mulberry32(seed);
  const pair = DatagramPair.established();
  pair.keepsSent = true;
  pair.send('initiator', utf8('honest'));
  pair.turn('initiator');
  const honest = pair.sent.initiator.find((datagram) => typeOf(datagram) === FRAME.batch)!;
  const host = pair.hosts.responder;
  const before = pair.responder.status;
  const rss = process.memoryUsage.rss();
  for (let i = 0; i < COUNT; i++) {
    const junk = honest.slice();
    if (i % 2 === 0) junk[4] = KINDS[Math.floor(chance() * KINDS.length)];
    const at = 5 + Math.floor(chance() * (junk.length - 5));
    junk[at] ^= 1 + Math.floor(chance() * 255);
    host.receive(junk, '203.0.113.9:9', pair.now);
  }
  host.turn(pair.now);
  equal(pair.responder.status, { ...before, refused: before.refused + COUNT });
  ok(process.memoryUsage.rss() - rss < MOST_GROWTH_BYTES);
  pair.run(100);
  equal(pair.takeMessages('responder'), [utf8('honest')]);
  is(pair.responder.address, pair.from.initiator);
});
