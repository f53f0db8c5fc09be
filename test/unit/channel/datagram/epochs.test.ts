/** T4: epochs over datagrams, in good weather and bad, with both sides asking at once; and what is left of old ones. */
import fc from 'fast-check';
import { utf8, utf8Decode } from '../../../../src/base/bytes.ts';
import { readRecordPlace, typeOf } from '../../../../src/channel/datagram/packet.ts';
import { EPOCH_BURST } from '../../../../src/channel/epoch-pace.ts';
import { FRAME } from '../../../../src/channel/wire.ts';
import { equal, is, ok } from '../../../support/assert.ts';
import { DatagramPair } from '../../../support/datagram-network.ts';
import type { Side } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('epochs over datagrams', { timeout: 60_000 });
const SIDES = ['initiator', 'responder'] as const;

/** Notes `side type epoch` of every datagram, and lets `loses` choose which get lost. */
function watched(pair: DatagramPair, loses: (type: number, nth: number) => boolean = () => false): string[] {
  const seen: string[] = [];
  const counts = new Map<number, number>();
  pair.tamper = (datagram, from) => {
    const type = typeOf(datagram.bytes);
    const nth = counts.get(type) ?? 0;
    counts.set(type, nth + 1);
    seen.push(`${from} ${type.toString(16)} ${readRecordPlace(datagram.bytes).epoch}`);
    return loses(type, nth) ? [] : [datagram];
  };
  return seen;
}

test('an epoch is replaced within the last tenth of its 60 seconds', () => {
  const pair = DatagramPair.established();
  const seen = watched(pair);
  pair.run(53_900);
  is(pair.initiator.status.epoch, 0);
  pair.run(6_200);
  is(pair.initiator.status.epoch, 1);
  is(pair.responder.status.epoch, 1);
  const change = seen.filter((one) => / 1[3-6] /.test(one));
  equal(change, ['initiator 13 0', 'responder 14 0', 'initiator 15 1', 'responder 16 1']);
});

test('each record of a change lost once is made good, byte for byte', () => {
  for (const type of [FRAME.epochOffer, FRAME.epochAnswer, FRAME.epochConfirmation, FRAME.epochSwitched]) {
    const pair = DatagramPair.established();
    watched(pair, (seen, nth) => seen === type && nth === 0);
    pair.initiator.renewEpoch(pair.now);
    pair.hosts.initiator.touch(pair.initiator);
    pair.run(5_000);
    for (const side of SIDES) is(pair[side].status.epoch, 1, `type ${type} lost, ${side}`);
  }
});

test('a request that is lost is made again', () => {
  const pair = DatagramPair.established();
  watched(pair, (type, nth) => type === FRAME.epochRequest && nth < 2);
  pair.responder.renewEpoch(pair.now);
  pair.hosts.responder.touch(pair.responder);
  pair.run(5_000);
  for (const side of SIDES) is(pair[side].status.epoch, 1);
});

test('both sides at once: one change comes of it', () => {
  const pair = DatagramPair.established();
  for (const side of SIDES) {
    pair[side].renewEpoch(pair.now);
    pair.hosts[side].touch(pair[side]);
  }
  pair.run(5_000);
  for (const side of SIDES) is(pair[side].status.epoch, 1);
});

test('no data of the new epoch before the peer has signed it; the first of them opens nothing at the responder', () => {
  const pair = DatagramPair.established();
  const seen = watched(pair, (type, nth) => type === FRAME.epochConfirmation && nth === 0);
  pair.initiator.renewEpoch(pair.now);
  pair.hosts.initiator.touch(pair.initiator);
  pair.run(25);
  pair.send('initiator', utf8('early'));
  pair.send('responder', utf8('still of the old epoch'));
  pair.run(60);
  equal(pair.takeMessages('responder'), []);
  equal(pair.takeMessages('initiator').map(utf8Decode), ['still of the old epoch']);
  ok(seen.includes('initiator 10 1') && seen.includes('responder 10 0'), seen.join());
  pair.run(2_000);
  is(pair.responder.status.epoch, 1);
  pair.send('initiator', utf8('now'));
  pair.run(100);
  equal(pair.takeMessages('responder').map(utf8Decode), ['now']);
});

test('what is late of the epoch before is taken for a while, and not after it', () => {
  for (const [afterMs, arrives] of [
    [9_000, true],
    [11_000, false],
  ] as const) {
    const pair = DatagramPair.established();
    const late: Uint8Array[] = [];
    pair.tamper = (datagram, from) => {
      if (from === 'responder' || typeOf(datagram.bytes) !== FRAME.batch) return [datagram];
      late.push(datagram.bytes.slice());
      return [];
    };
    pair.send('initiator', utf8('late'));
    pair.turn('initiator');
    pair.tamper = (datagram) => [datagram];
    pair.initiator.renewEpoch(pair.now);
    pair.hosts.initiator.touch(pair.initiator);
    pair.run(afterMs);
    is(pair.responder.status.epoch, 1);
    pair.inject('responder', late[0]);
    equal(pair.takeMessages('responder').map(utf8Decode), arrives ? ['late'] : []);
    pair.inject('responder', late[0]);
    equal(pair.takeMessages('responder'), [], 'and never twice');
  }
});

test('without a new epoch the session ends at 90 seconds on both sides', () => {
  const pair = DatagramPair.established({ both: { limits: { silenceMs: 1e9 } } });
  watched(pair, (type) => type === FRAME.epochAnswer);
  pair.run(89_000);
  is(pair.responder.state, 'established');
  pair.run(2_000);
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_EPOCH_OVERDUE');
  const lost = pair.events.initiator.find((event) => event.type === 'lost');
  is(lost?.type === 'lost' && lost.error.code, 'OOTO_CHANNEL_EPOCH_OVERDUE');
});

/** Ten minutes of talk in bad weather. */
function storm(seed: number, lose: number): { pair: DatagramPair; sent: Record<Side, string[]> } {
  const pair = DatagramPair.established({ seed: `storm ${seed}` });
  pair.faults = { lose, double: 0.1, delayMs: [1, 400] };
  const sent: Record<Side, string[]> = { initiator: [], responder: [] };
  for (let i = 0; i < 300; i++) {
    for (const side of SIDES) {
      if (pair[side].state !== 'established') continue;
      const text = `${side} ${i}`;
      sent[side].push(text);
      pair.send(side, utf8(text));
      if (i % 30 === 11) pair[side].renewEpoch(pair.now);
    }
    pair.run(1_000);
  }
  pair.faults = {};
  pair.run(2_000);
  return { pair, sent };
}

test('property: 30 % loss, copies and overtaking, both sides asking at once: epochs go on, nothing twice, no session lost', () => {
  fc.assert(
    fc.property(fc.nat(1e6), (seed) => {
      const { pair, sent } = storm(seed, 0.3);
      ok(pair.initiator.status.epoch >= 8, `epoch ${pair.initiator.status.epoch}`);
      is(pair.initiator.status.epoch, pair.responder.status.epoch);
      for (const side of SIDES) {
        const other = side === 'initiator' ? 'responder' : 'initiator';
        const heard = pair.takeMessages(side).map(utf8Decode);
        is(new Set(heard).size, heard.length, 'something came twice');
        ok(heard.every((text) => sent[other].includes(text)));
        ok(heard.length >= 0.6 * sent[other].length, `${heard.length} of ${sent[other].length}`);
        ok(!pair.events[side].some((event) => event.type === 'lost' || event.type === 'closed'));
      }
    }),
    { numRuns: 6 },
  );
});

test('a peer that begins epochs without end loses the channel, whichever role it has', () => {
  for (const side of SIDES) {
    const pair = DatagramPair.established();
    const other = side === 'initiator' ? 'responder' : 'initiator';
    let changes = 0;
    for (; pair[other].state === 'established' && changes < 2 * EPOCH_BURST; changes++) {
      pair[side].renewEpoch(pair.now);
      pair.hosts[side].touch(pair[side]);
      pair.run(100);
    }
    is(pair.closedBy(other), 'OOTO_CHANNEL_EPOCH_RATE');
    ok(changes > EPOCH_BURST && changes <= EPOCH_BURST + 8, `${changes}`);
  }
});
