/** Messages that a listener needs no more: their memory is given back, and nobody else's. */
import { type Channel, SPENT } from '../../../src/channel/channel.ts';
import { bytes, equal, is } from '../../support/assert.ts';
import { Pair, seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('spent messages');
const [LONG, OTHER] = ['long', 'other'].map((name) => seededRandom(name).bytes(20_000));

/** Sends all in one flush; returns what the responder's listener got. */
function deliver(pair: Pair, sent: readonly Uint8Array[], isSpent: (index: number) => boolean): Uint8Array[] {
  for (const message of sent) pair.initiator.send(message);
  pair.responder.receive(pair.initiator.flush(pair.now), pair.now);
  return drained(pair.responder, isSpent, (message, i) => bytes(message, sent[i]));
}

function drained(
  channel: Channel,
  isSpent: (index: number) => boolean,
  look: (message: Uint8Array, index: number) => void,
): Uint8Array[] {
  const heard: Uint8Array[] = [];
  channel.drain({
    message(message) {
      look(message, heard.length);
      return isSpent(heard.push(message) - 1) ? SPENT : true;
    },
    event: () => {},
  });
  return heard;
}

const lengths = (messages: readonly Uint8Array[]) => messages.map(({ length }) => length);

test('a record is given back when all of its messages are spent', () => {
  const pair = Pair.established();
  const heard = deliver(pair, [LONG, OTHER], () => true);
  equal(lengths(heard), [0, 0]);
  const kept = deliver(pair, [OTHER, LONG], () => false);
  bytes(kept[0], OTHER);
  equal(lengths(heard), [0, 0]);
});

test('a record stays whole while one of its messages is kept', () => {
  for (const keptIndex of [0, 1]) {
    const pair = Pair.established();
    const heard = deliver(pair, [LONG, OTHER], (index) => index !== keptIndex);
    bytes(heard[0], LONG);
    bytes(heard[1], OTHER);
  }
});

test('a message that came in parts is given back with them', () => {
  const pair = Pair.established();
  const sent = [seededRandom('parts').bytes(600_000), LONG];
  equal(lengths(deliver(pair, sent, (index) => index === 0)), [0, LONG.length]);
});

test('with authenticated delivery the signature of a spent record is still checked', () => {
  const pair = Pair.established({ responder: { delivery: 'authenticated' } });
  equal(lengths(deliver(pair, [LONG], () => true)), [0]);
  pair.advance(5);
  is(pair.responder.state, 'established');
  equal(lengths(deliver(pair, [OTHER], () => true)), [0]);
});
