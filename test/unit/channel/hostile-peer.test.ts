/**
 * A peer that has proven who it is and then lies: it seals whatever it likes, at any point of a session. What flows
 * through here: its record keys are copied as it makes its ciphers; records of any type with any content go to the
 * honest side in every state. That side delivers nothing unsigned, blames the peer, never fails within, never throws.
 */
import fc from 'fast-check';
import { concat, readU64be, u32be, u64be, utf8 } from '../../../src/base/bytes.ts';
import type { ChannelEvent } from '../../../src/channel/channel.ts';
import { closeMessage } from '../../../src/channel/transcript.ts';
import { encodeFrame, FRAME } from '../../../src/channel/wire.ts';
import { equal, is, ok } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { framesOf, Pair, type PairOptions, type Side, seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('hostile peer', { timeout: 60_000 });
const SIDES: readonly Side[] = ['initiator', 'responder'];
const MESSAGE = utf8('a message');
const LONG = new Uint8Array(600_000);
const other = (side: Side): Side => (side === 'initiator' ? 'responder' : 'initiator');

/** An established pair; `say` gives the honest side a record of the liar's, the next one of its key. */
function lying(liar: Side, options: PairOptions = {}) {
  const keys: Uint8Array[] = [];
  const crypto = testCrypto(seededRandom('liar'));
  const copying: typeof crypto = {
    ...crypto,
    recordCipher: (key) => {
      keys.push(key.slice());
      return crypto.recordCipher(key);
    },
  };
  const pair = Pair.established({ ...options, [liar]: { ...options[liar], crypto: copying } });
  let [epoch, counter] = [0, liar === 'responder' ? 1n : 0n];
  const wire = { passes: (_frame: Uint8Array) => true };
  pair.tamper = (bytes, from) => {
    const passed = framesOf(bytes).filter((frame) => wire.passes(frame));
    if (from === liar) for (const frame of passed) [epoch, counter] = [frame[8], readU64be(frame, 9) + 1n];
    return passed;
  };
  const say = (type: number, plaintext: Uint8Array) => {
    const cipher = crypto.recordCipher(keys[2 * epoch].slice());
    const record = { type, epoch, counter: counter++, plaintext };
    pair.inject(liar, cipher.seal([record]).slice());
  };
  return { pair, say, wire, honest: other(liar) };
}

/** States to which an honest side is brought before the lies begin. */
const STATES: Record<string, (pair: Pair, honest: Side) => void> = {
  'just established': () => {},
  'after messages': (pair, honest) => {
    for (const side of SIDES) pair[side].send(MESSAGE);
    pair.run();
    pair.takeMessages(honest);
  },
  'that began a change of epoch': (pair, honest) => {
    pair[honest].renewEpoch();
    pair[honest].flush(pair.now);
  },
  'whose peer began a change of epoch': (pair, honest) => {
    pair[other(honest)].renewEpoch();
    pair.move(other(honest));
  },
  'in its second epoch': (pair) => {
    pair.initiator.renewEpoch();
    pair.run();
  },
  'that renews its credential': (pair, honest) => {
    pair[honest].renewCredential((honest === 'initiator' ? pair.alice : pair.bob).own);
    pair[honest].flush(pair.now);
  },
};

const contents = fc.oneof(
  { weight: 2, arbitrary: fc.constant(new Uint8Array()) },
  fc.uint8Array({ maxLength: 100 }),
  fc.constantFrom(8, 32, 64, 72, 80, 1216, 1232, 1248).map((length) => new Uint8Array(length).fill(7)),
  // Batches: a signature that is none, a count and items that may or may not fit.
  fc
    .tuple(fc.integer({ min: 0, max: 5 }), fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 4 }))
    .map(([count, items]) =>
      concat(new Uint8Array(64), u32be(count), ...items.flatMap((item) => [u32be(item.length), item])),
    ),
  fc.constant(concat(new Uint8Array(64), u32be(1), u32be(0x8001_0000), new Uint8Array(0x1_0000))),
  fc.constant(concat(u64be(0), new Uint8Array(64))),
  fc.constant(concat(u64be(2n ** 64n - 1n), new Uint8Array(72))),
);
const types = fc.oneof(fc.constantFrom(...Object.values(FRAME)), fc.integer({ min: 0, max: 255 }));
const lies = fc.array(fc.record({ type: types, plaintext: contents }), { minLength: 1, maxLength: 5 });

/** What must hold of a side whatever it was told. */
function requireComposed(pair: Pair, honest: Side): void {
  const events: ChannelEvent[] = pair.events[honest];
  const closed = events.filter(({ type }) => type === 'closed');
  ok(closed.length <= 1);
  for (const event of closed)
    if (event.type === 'closed' && event.error) {
      is(event.error.fault, 'peer', event.error.code);
      ok(event.error.code !== 'OOTO_CHANNEL_INTERNAL');
    }
  if (closed.length > 0) is(events.at(-1)?.type, 'closed');
  equal(pair.takeMessages(honest), [], 'something unsigned was delivered');
}

for (const [state, bring] of Object.entries(STATES))
  test(`property: whatever a proven peer seals, a side ${state} blames it and delivers nothing unsigned`, () => {
    fc.assert(
      fc.property(fc.constantFrom(...SIDES), lies, (liar, told) => {
        const { pair, say, honest } = lying(liar);
        bring(pair, honest);
        pair.takeMessages(honest);
        for (const { type, plaintext } of told) say(type, plaintext);
        pair.advance(3);
        requireComposed(pair, honest);
      }),
      { numRuns: 60 },
    );
  });

test('property: whatever a stranger sends in any state of the handshake, a side blames it and is not established', () => {
  const frames = fc.oneof(
    fc.tuple(types, contents).map(([type, rest]) => encodeFrame(type, rest)),
    fc.uint8Array({ maxLength: 80 }),
    fc.tuple(fc.constantFrom(0, 1, 2), fc.nat(), fc.integer({ min: 1, max: 255 })),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...SIDES),
      fc.nat({ max: 2 }),
      fc.array(frames, { minLength: 1, maxLength: 3 }),
      (honest, turns, sent) => {
        const pair = new Pair();
        const flights: Uint8Array[] = [];
        pair.tamper = (bytes) => {
          flights.push(bytes.slice());
          return flights.length > turns ? [] : [bytes];
        };
        pair.start();
        pair.run();
        for (const frame of sent) {
          const mutated =
            frame instanceof Uint8Array
              ? frame
              : mutate(flights[frame[0] % flights.length], frame[1], frame[2]);
          pair.inject(other(honest), mutated);
        }
        pair.advance(5_000);
        requireComposed(pair, honest);
        ok(pair[honest].state !== 'established');
      },
    ),
    { numRuns: 150 },
  );
});

function mutate(flight: Uint8Array, at: number, by: number): Uint8Array {
  const place = at % flight.length;
  return flight.with(place, flight[place] ^ by);
}

test('no record stands between the parts of a message: it could not be proven, or would be cut off in agreement', () => {
  for (const by of ['request', 'close'] as const) {
    const { pair, say, wire } = lying('responder');
    let batches = 0;
    wire.passes = (frame) => frame[4] !== FRAME.batch || ++batches === 1;
    pair.responder.send(LONG);
    pair.move('responder');
    const end = closeMessage('responder', pair.responder.sessionId!, 1);
    if (by === 'request') say(FRAME.epochRequest, new Uint8Array());
    else say(FRAME.close, concat(u64be(1), pair.bob.own.messageKey.sign(end)));
    is(pair.closedBy('initiator'), 'OOTO_CHANNEL_FRAME', by);
  }
});
