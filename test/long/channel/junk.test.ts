/**
 * A million frames of junk. What flows through here: over datagrams none of it moves a counter, a window or a timer, and
 * the next honest record opens; on a stream the first of it ends the channel, and nothing after it is looked at.
 */
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { equal, is, ok } from '../../support/assert.ts';
import { DatagramPair } from '../../support/datagram-network.ts';
import { Pair } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('a million frames of junk', { timeout: 600_000 });
const FRAMES = 1_000_000;
const MESSAGE = utf8('a message');

test('T2: over datagrams: no counter, window or timer moves, and the next honest record decrypts', () => {
  const pair = DatagramPair.established();
  pair.keepsSent = true;
  pair.send('initiator', MESSAGE);
  pair.turn('initiator');
  const [honest] = pair.sent.initiator;
  const host = pair.hosts.responder;
  const before = pair.responder.status;
  const deadline = pair.responder.deadline();
  for (let i = 0; i < FRAMES; i++) {
    const junk = honest.slice();
    junk[9 + (i % (junk.length - 9))] ^= 1 + (i % 255);
    host.receive(junk, '203.0.113.9:9', pair.now);
  }
  host.turn(pair.now);
  const { status } = pair.responder;
  equal({ ...status, refused: 0 }, { ...before, refused: 0 });
  is(pair.responder.deadline(), deadline);
  pair.run(100);
  equal(pair.takeMessages('responder'), [MESSAGE]);
});

test('T2: on a stream: one clear close, nothing delivered, nothing counted, nothing kept', () => {
  const pair = Pair.established();
  pair.initiator.send(MESSAGE);
  const honest = pair.initiator.flush(pair.now);
  const junk = honest.with(-1, honest[honest.length - 1] ^ 1);
  const thousand = concat(...Array.from({ length: 1_000 }, () => junk));
  const before = pair.responder.status;
  const held = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < FRAMES / 1_000; i++) pair.responder.receive(thousand, pair.now);
  pair.collect('responder');
  is(pair.closedBy('responder'), 'OOTO_CRYPTO_AUTHENTICATION');
  equal(
    pair.events.responder.map(({ type }) => type),
    ['established', 'closed'],
  );
  equal({ ...pair.responder.status, state: '' }, { ...before, state: '' });
  ok(process.memoryUsage().arrayBuffers - held < 8 * 2 ** 20);
});
