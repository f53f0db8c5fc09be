/**
 * A thief of the record keys: whoever has the keys of the running epoch and the wire, but no message key. What flows
 * through here: the keys are copied as a side makes its ciphers; a record of the thief's own takes the place of a
 * signed one. He can end the channel; he cannot drop, add or change a message unnoticed, nor feign an agreed end.
 */
import { concat, readU64be, u64be, utf8 } from '../../../src/base/bytes.ts';
import { FRAME } from '../../../src/channel/wire.ts';
import { equal, is } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { framesOf, Pair, type Side, seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('thief of the record keys', { timeout: 30_000 });
const SIDES: readonly Side[] = ['initiator', 'responder'];
const NOTHING = new Uint8Array();
const MESSAGE = utf8('a message');

interface Forgery {
  type: number;
  plaintext: Uint8Array;
}

/** What the thief puts in the place of a record of this side and type; undefined leaves it. */
type Forger = (from: Side, type: number) => Forgery | undefined;

/** An established pair on whose wire the thief sits, who has every key of epoch 0. */
function robbed(forge: Forger): Pair {
  const keys: Uint8Array[] = [];
  const crypto = testCrypto(seededRandom('robbed'));
  const copying: typeof crypto = {
    ...crypto,
    recordCipher: (key) => {
      keys.push(key.slice());
      return crypto.recordCipher(key);
    },
  };
  const pair = Pair.established({ initiator: { crypto: copying } });
  const [ofInitiator, ofResponder] = keys;
  pair.tamper = (flight, from) =>
    framesOf(flight).map((frame) => {
      const forgery = frame[8] === 0 ? forge(from, frame[4]) : undefined;
      if (!forgery) return frame;
      const cipher = crypto.recordCipher((from === 'initiator' ? ofInitiator : ofResponder).slice());
      return cipher.seal([{ ...forgery, epoch: 0, counter: readU64be(frame, 9) }]).slice();
    });
  return pair;
}

/** Replaces the first record of each of these kinds. */
function once(...forgeries: readonly { from: Side; of: number; by: Forgery }[]): Forger {
  const left = [...forgeries];
  return (from, type) => {
    const at = left.findIndex((forgery) => forgery.from === from && forgery.of === type);
    return at === -1 ? undefined : left.splice(at, 1)[0].by;
  };
}

const request = { type: FRAME.epochRequest, plaintext: NOTHING };
const acknowledgement = { type: FRAME.credentialAccepted, plaintext: NOTHING };

test('control: the thief’s records are authentic, and without one nothing closes', () => {
  const pair = robbed(once({ from: 'responder', of: FRAME.epochRequest, by: request }));
  pair.responder.renewEpoch();
  pair.run();
  equal([pair.initiator.status.epoch, pair.closedBy('initiator')], [1, undefined]);
});

test('a batch that another record replaced is missed at the next batch', () => {
  const pair = robbed(once({ from: 'responder', of: FRAME.batch, by: request }));
  // The change of epoch that the thief's record asks for never comes about: only the next batch can show the gap.
  const robbing = pair.tamper;
  pair.tamper = (flight, from) => (from === 'initiator' ? [] : robbing(flight, from));
  pair.responder.send(MESSAGE);
  pair.run();
  pair.responder.send(MESSAGE);
  pair.run();
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_SIGNATURE');
  equal(pair.takeMessages('initiator'), []);
});

test('a batch that another record replaced is missed when the epoch changes, in either direction', () => {
  const responder = robbed(once({ from: 'responder', of: FRAME.batch, by: request }));
  responder.responder.send(MESSAGE);
  responder.run();
  is(responder.closedBy('initiator'), 'OOTO_CHANNEL_COUNTER');

  const initiator = robbed(
    once(
      { from: 'responder', of: FRAME.credential, by: request },
      { from: 'initiator', of: FRAME.batch, by: acknowledgement },
    ),
  );
  initiator.responder.renewCredential(initiator.bob.own);
  initiator.initiator.send(MESSAGE);
  initiator.run();
  is(initiator.closedBy('responder'), 'OOTO_CHANNEL_COUNTER');
});

test('a batch that another record replaced is missed at the end', () => {
  const pair = robbed(once({ from: 'initiator', of: FRAME.batch, by: acknowledgement }));
  // Two renewals, so that the thief's acknowledgement is in order behind the one for the first.
  for (const own of [pair.bob.own, pair.bob.own]) pair.responder.renewCredential(own);
  pair.move('responder');
  pair.initiator.send(MESSAGE);
  pair.initiator.close(pair.now);
  pair.run();
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_COUNTER');
});

test('an end that the peer did not sign, or not for this number of batches, is none', () => {
  const end = (batches: number, signature: Uint8Array) => ({
    type: FRAME.close,
    plaintext: concat(u64be(batches), signature),
  });
  for (const from of SIDES)
    for (const [by, code] of [
      [{ type: FRAME.close, plaintext: NOTHING }, 'OOTO_CHANNEL_FRAME'],
      [end(0, new Uint8Array(64)), 'OOTO_CHANNEL_END'],
      [end(1, new Uint8Array(64)), 'OOTO_CHANNEL_END'],
    ] as const) {
      const pair = robbed(once({ from, of: FRAME.batch, by }));
      pair[from].send(MESSAGE);
      pair.run();
      is(pair.closedBy(from === 'initiator' ? 'responder' : 'initiator'), code, from);
    }
});
