/** Signs of life on a session: what idle sides send, and when a silent peer is given up. */
import fc from 'fast-check';
import { concat, u64be } from '../../../../src/base/bytes.ts';
import { FRAME } from '../../../../src/channel/wire.ts';
import { equal, is, ok } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { framesOf, Pair, rogueCrypto, type Side, seededRandom } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';
import { Weather } from '../../../support/weather.ts';

const test = suite('signs of life');
const SIDES = ['initiator', 'responder'] as const;
const ONE = Uint8Array.of(1);

/** Types of the frames that a side sends in a span of time, waking when its channel asks for it. */
function idle(pair: Pair, ms: number): Record<Side, number[]> {
  const said: Record<Side, number[]> = { initiator: [], responder: [] };
  const end = pair.now.monotonic + ms;
  const tamper = pair.tamper;
  pair.tamper = (bytes, from) => {
    said[from].push(...framesOf(bytes).map((frame) => frame[4]));
    return tamper(bytes, from);
  };
  for (;;) {
    pair.run();
    const due = Math.min(pair.initiator.deadline(), pair.responder.deadline());
    if (due > end) break;
    pair.advance(Math.max(0, due - pair.now.monotonic));
  }
  pair.advance(end - pair.now.monotonic);
  pair.tamper = tamper;
  return said;
}

test('an idle channel stays open and each side sends one short record every 11 to 15 seconds', () => {
  const pair = Pair.established();
  const said = idle(pair, 50_000);
  for (const side of SIDES) {
    ok(said[side].every((type) => type === FRAME.alive));
    ok(said[side].length >= 3 && said[side].length <= 4, `${said[side].length}`);
    is(pair.closedBy(side), undefined);
  }
});

test('property: the channels of a node do not speak in step', () => {
  const first = (seed: number) => {
    const pair = Pair.established({ seed: `step ${seed}` });
    return pair.initiator.deadline() - pair.now.monotonic;
  };
  fc.assert(
    fc.property(fc.nat(1e6), (seed) => {
      const at = first(seed);
      ok(at > 11_249 && at <= 15_000, `${at}`);
    }),
    { numRuns: 12 },
  );
  ok(new Set([1, 2, 3, 4].map(first)).size === 4);
});

test('whoever sends anything else need not give a sign', () => {
  const pair = Pair.established();
  for (let i = 0; i < 5; i++) {
    pair.initiator.send(ONE);
    const said = idle(pair, 10_000);
    equal(said.initiator, [FRAME.batch]);
  }
});

test('a peer of which nothing comes is given up after 45 seconds, not earlier', () => {
  const pair = Pair.established();
  pair.tamper = (bytes, from) => (from === 'responder' ? [] : [bytes]);
  idle(pair, 44_999);
  is(pair.closedBy('initiator'), undefined);
  idle(pair, 1);
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_SILENT');
  is(pair.closedBy('responder'), undefined, 'it heard the signs of the other side');
});

test('what is not authentic is no sign of life', () => {
  const pair = Pair.established();
  pair.tamper = () => [];
  for (let i = 0; i < 4; i++) {
    idle(pair, 11_000);
    pair.inject('responder', Uint8Array.of(0, 0, 0, 200, FRAME.alive, i));
    pair.initiator.takeEvents();
    pair.tamper = () => [];
    if (i === 0) is(pair.initiator.state, 'established');
  }
  idle(pair, 2_000);
  is(pair.initiator.state, 'closed');
});

test('a machine that slept gives its peer another chance', () => {
  const pair = Pair.established();
  pair.advance(50_000);
  for (const side of SIDES) is(pair.closedBy(side), undefined);
  pair.run();
  idle(pair, 20_000);
  for (const side of SIDES) is(pair.closedBy(side), undefined);
});

test('messages one way alone keep neither side waiting', () => {
  const weather = new Weather(new Pair({ seed: 'one way' }), 1);
  const sends = Array.from({ length: 30 }, (_, i) => ({
    at: 1_000 + i * 9_000,
    side: 'initiator' as const,
    act: { send: ONE },
  }));
  weather.play([...SIDES.map((side) => ({ at: 0, side, act: 'start' as const })), ...sends], 280_000);
  is(weather.received.responder.length, 30);
  for (const side of SIDES) is(weather.closed(side), undefined);
});

test('a count that falls, or is beyond what was sent, closes the channel', () => {
  for (const [name, lie] of [
    ['beyond', u64be(1_000)],
    ['huge', u64be(2n ** 63n)],
    ['fallen', u64be(0)],
    ['short', new Uint8Array(7)],
    ['long', concat(u64be(1), ONE)],
  ] as const) {
    let lying = false;
    const crypto = testCrypto(seededRandom('liar'));
    const rogue = rogueCrypto(crypto, (record) =>
      lying && record.type === FRAME.alive ? [{ ...record, plaintext: lie }] : [record],
    );
    const pair = Pair.established({ responder: { crypto: rogue } });
    for (let i = 0; i < 3; i++) {
      pair.initiator.send(ONE);
      pair.run();
    }
    idle(pair, 20_000);
    is(pair.closedBy('initiator'), undefined);
    lying = true;
    idle(pair, 20_000);
    is(pair.closedBy('initiator'), 'OOTO_CHANNEL_FRAME', name);
  }
});

test('an offer to last that comes twice closes the channel', () => {
  const crypto = testCrypto(seededRandom('twice'));
  const rogue = rogueCrypto(crypto, (record) =>
    record.type === FRAME.alive
      ? [{ ...record, type: FRAME.lasting, plaintext: new Uint8Array() }]
      : [record],
  );
  const pair = Pair.established({ responder: { crypto: rogue } });
  idle(pair, 31_000);
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_FRAME');
});

test('sides that keep what they send acknowledge soon, and acknowledgements do not answer each other', () => {
  const pair = Pair.established({ both: { lasting: true } });
  idle(pair, 9_000);
  pair.initiator.send(ONE);
  const said = idle(pair, 2_000);
  equal(said, { initiator: [FRAME.batch], responder: [FRAME.alive] });
  const many = idle(pair, 30_000);
  ok(many.initiator.length + many.responder.length <= 6, `${many.initiator} ${many.responder}`);
});

test('a side that lasts towards one that does not is answered no sooner, and gives it up as others do', () => {
  const pair = Pair.established({ initiator: { lasting: true } });
  pair.initiator.send(ONE);
  equal(idle(pair, 9_000).responder, []);
  pair.tamper = () => [];
  idle(pair, 46_000);
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_SILENT');
});
