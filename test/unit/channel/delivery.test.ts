/** When messages are delivered: signatures checked by the channel or by a verifier of many, before or after. */
import { utf8 } from '../../../src/base/bytes.ts';
import type { ChannelOptions } from '../../../src/channel/channel.ts';
import { SignatureVerifier } from '../../../src/channel/signature-verifier.ts';
import type { SignedItem } from '../../../src/channel/signed-batch.ts';
import { WireBuffers } from '../../../src/channel/wire-buffers.ts';
import type { Crypto } from '../../../src/crypto/crypto.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { bytes, equal, is, ok, throwsCode } from '../../support/assert.ts';
import { makeParty, Pair, type PairOptions, seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('delivery');
const [ONE, TWO, THREE] = ['one', 'two', 'three'].map(utf8);

/** The initiator signs the batches whose numbers are listed with another key. */
function withForged(forged: readonly number[], responder: Partial<ChannelOptions>, seed = 'forged'): Pair {
  const parties: PairOptions['parties'] = (crypto: Crypto) => {
    const alice = makeParty(crypto, 'alice');
    const thief = Ed25519SigningKey.generate(crypto);
    const { messageKey } = alice.own;
    let batches = 0;
    const isForged = (message: Uint8Array) => message[7] === 'b'.charCodeAt(0) && forged.includes(batches++);
    const sign = (message: Uint8Array) => (isForged(message) ? thief : messageKey).sign(message);
    const own = { ...alice.own, messageKey: { publicKey: messageKey.publicKey, sign } };
    return { alice: { ...alice, own }, bob: makeParty(crypto, 'bob') };
  };
  return Pair.established({ seed, parties, responder });
}

/** Sends each message in a record of its own; all arrive in one piece. */
function sendApart(pair: Pair, messages: readonly Uint8Array[]): void {
  const records = messages.map((message) => {
    pair.initiator.send(message);
    return pair.initiator.flush(pair.now);
  });
  pair.inject('initiator', new Uint8Array(Buffer.concat(records)));
}

const DEFERRED = { defersSignatures: true };
const AUTHENTICATED = { delivery: 'authenticated' } as const;

test('a channel that defers delivers nothing before its job is settled, and then all in order', () => {
  const pair = withForged([], DEFERRED);
  sendApart(pair, [ONE, TWO]);
  is(pair.takeMessages('responder').length, 0);
  const job = pair.responder.takeJob()!;
  is(job.checks.length, 2);
  is(pair.responder.takeJob(), undefined);
  sendApart(pair, [THREE]);
  is(pair.responder.takeJob(), undefined, 'one job at a time');
  pair.responder.settle(job, []);
  pair.run();
  equal(pair.takeMessages('responder'), [ONE, TWO]);
  pair.responder.settle(job, [0]);
  is(pair.responder.state, 'established', 'an answer counts once');
  const next = pair.responder.takeJob()!;
  pair.responder.settle(job, []);
  pair.run();
  is(pair.takeMessages('responder').length, 0, 'an old answer settles no new job');
  pair.responder.settle(next, []);
  pair.run();
  equal(pair.takeMessages('responder'), [THREE]);
});

test('a refused signature closes the channel; what came before it is delivered, nothing after', () => {
  const pair = withForged([1], DEFERRED);
  sendApart(pair, [ONE, TWO, THREE]);
  const job = pair.responder.takeJob()!;
  pair.responder.settle(job, pair.crypto.ed25519.verifyBatch(job.checks));
  pair.run();
  equal(pair.takeMessages('responder'), [ONE]);
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_SIGNATURE');
});

test('without deferring the same holds', () => {
  const pair = withForged([1], {});
  sendApart(pair, [ONE, TWO, THREE]);
  equal(pair.takeMessages('responder'), [ONE]);
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_SIGNATURE');
});

test('a record of another kind does not overtake messages whose check is deferred', () => {
  const pair = withForged([], DEFERRED);
  pair.initiator.send(ONE);
  pair.initiator.close(pair.now);
  pair.run();
  equal(
    pair.events.responder.map(({ type }) => type),
    ['established', 'message', 'closed'],
  );
});

test('a record of another kind finds out a signature that was deferred', () => {
  const pair = withForged([0], DEFERRED);
  pair.initiator.send(ONE);
  pair.initiator.close(pair.now);
  pair.run();
  is(pair.takeMessages('responder').length, 0);
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_SIGNATURE');
});

test('a connection that ends delivers what was received whole', () => {
  const pair = withForged([], DEFERRED);
  sendApart(pair, [ONE]);
  pair.responder.receiveEnd();
  pair.run();
  equal(pair.takeMessages('responder'), [ONE]);
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_TRUNCATED');
});

test('so much may wait for a verifier that never answers, and no more', () => {
  const pair = withForged([300], DEFERRED);
  for (let i = 0; i < 257; i++) sendApart(pair, [ONE]);
  is(pair.takeMessages('responder').length, 257);
  is(pair.responder.state, 'established');
  for (let i = 257; i < 514; i++) sendApart(pair, [ONE]);
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_SIGNATURE');
  is(pair.takeMessages('responder').length, 300 - 257);
});

test('authenticated delivery does not wait for the signature, which is checked when it is due', () => {
  const pair = withForged([1], AUTHENTICATED);
  sendApart(pair, [ONE]);
  equal(pair.takeMessages('responder'), [ONE]);
  ok(pair.responder.deadline() <= pair.now.monotonic + 2);
  pair.advance(2);
  is(pair.responder.state, 'established');
  ok(pair.responder.deadline() > pair.now.monotonic + 1000, 'nothing is due any more');
  sendApart(pair, [TWO]);
  equal(pair.takeMessages('responder'), [TWO]);
  is(pair.responder.state, 'established');
  pair.advance(2);
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_SIGNATURE');
});

test('authenticated delivery: what was handed out is checked before this side ends the channel', () => {
  for (const [forged, code, says] of [
    [[0], 'OOTO_CHANNEL_SIGNATURE', 0],
    [[], 'clean', 1],
  ] as const) {
    const pair = withForged([...forged], AUTHENTICATED);
    sendApart(pair, [ONE]);
    equal(pair.takeMessages('responder'), [ONE]);
    pair.responder.close(pair.now);
    is(Math.sign(pair.responder.flush(pair.now).length), says);
    pair.collect('responder');
    is(pair.closedBy('responder'), code);
  }
});

test('authenticated delivery: no proof is made of a message before its signature is found to be good', () => {
  for (const forged of [[0], []]) {
    const pair = withForged(forged, AUTHENTICATED);
    sendApart(pair, [ONE]);
    const prove = () =>
      pair.events.responder.flatMap((event) =>
        event.type === 'message' ? [pair.responder.prove(event.items)] : [],
      );
    if (forged.length > 0) throwsCode(prove, 'OOTO_CHANNEL_PROOF');
    else is(prove().length, 1);
  }
});

test('authenticated delivery still refuses what was changed on the way, at once', () => {
  const pair = withForged([], AUTHENTICATED);
  pair.initiator.send(ONE);
  const record = pair.initiator.flush(pair.now);
  pair.inject('initiator', record.with(30, record[30] ^ 1));
  is(pair.takeMessages('responder').length, 0);
  is(pair.closedBy('responder'), 'OOTO_CRYPTO_AUTHENTICATION');
});

test('authenticated delivery with a verifier: a refusal closes the channel', () => {
  const pair = withForged([0], { ...AUTHENTICATED, ...DEFERRED });
  sendApart(pair, [ONE]);
  sendApart(pair, [TWO]);
  equal(pair.takeMessages('responder'), [ONE, TWO]);
  is(pair.responder.takeJob(), undefined, 'signatures wait for company');
  ok(pair.responder.deadline() <= pair.now.monotonic + 2, 'not for long');
  pair.advance(2);
  const job = pair.responder.takeJob()!;
  is(job.checks.length, 2);
  pair.responder.settle(job, pair.crypto.ed25519.verifyBatch(job.checks));
  pair.run();
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_SIGNATURE');
  is(pair.takeMessages('responder').length, 0, 'nothing is delivered twice');
});

test('one verifier checks the signatures of all channels together, and only the bad one closes', () => {
  const pairs = [[], [0], []].map((forged, i) => withForged(forged, DEFERRED, `pair ${i}`));
  const { crypto } = pairs[0];
  const batches: number[] = [];
  const verifyBatch: Crypto['ed25519']['verifyBatch'] = (items) => {
    batches.push(items.length);
    return crypto.ed25519.verifyBatch(items);
  };
  const due: (() => void)[] = [];
  const counting = { ...crypto, ed25519: { ...crypto.ed25519, verifyBatch } };
  const verifier = new SignatureVerifier(counting, (callback) => due.push(callback));
  for (const pair of pairs) {
    sendApart(pair, [ONE, TWO]);
    const job = pair.responder.takeJob()!;
    verifier.submit(job, (refused) => pair.responder.settle(job, refused));
  }
  is(due.length, 1, 'asked once');
  due[0]();
  equal(batches, [6]);
  for (const pair of pairs) pair.run();
  equal(
    pairs.map((pair) => pair.closedBy('responder')),
    [undefined, 'OOTO_CHANNEL_SIGNATURE', undefined],
  );
  equal(pairs[2].takeMessages('responder'), [ONE, TWO]);
  is(pairs[1].takeMessages('responder').length, 0);
});

test('a listener gets what the events say, in the same order, without an object for each message', () => {
  const pair = withForged([], {});
  const long = seededRandom('long').bytes(600_000);
  const heard: (string | Uint8Array)[] = [];
  const vouched: (readonly SignedItem[])[] = [];
  const channel = pair.responder;
  const drain = () =>
    channel.drain({
      message: (message, vouch) => {
        heard.push(message);
        vouched.push(vouch());
      },
      event: ({ type }) => heard.push(type),
    });
  channel.takeEvents();
  const send = (...messages: Uint8Array[]) => {
    for (const message of messages) pair.initiator.send(message);
    channel.receive(pair.initiator.flush(pair.now), pair.now);
  };
  send(ONE, TWO);
  send(long, THREE);
  pair.initiator.close(pair.now);
  channel.receive(pair.initiator.flush(pair.now), pair.now);
  drain();
  equal(
    heard.map((one) => (typeof one === 'string' ? one : one.length)),
    [3, 3, 600_000, 5, 'closed'],
  );
  bytes(heard[2] as Uint8Array, long);
  is(vouched[2].length, 3);
  bytes(vouched[1][0].item.bytes, TWO);
  is(vouched[1][0].index, 1);
});

test('what a flush gave stays as it is until the owner releases it', () => {
  const pair = Pair.established();
  const flights: Uint8Array[] = [];
  const copies: Uint8Array[] = [];
  pair.initiator.release(new Uint8Array());
  for (let i = 0; i < 6; i++) {
    pair.initiator.send(seededRandom(`${i}`).bytes(100_000));
    const parts = pair.initiator.flushParts(pair.now);
    flights.push(...parts);
    copies.push(...parts.map((part) => part.slice()));
  }
  flights.forEach((flight, i) => void bytes(flight, copies[i]));
  pair.initiator.release(flights[0]);
  pair.initiator.send(seededRandom('next').bytes(100_000));
  const [next] = pair.initiator.flushParts(pair.now);
  is(next.buffer, flights[0].buffer, 'its memory serves the next record');
  for (const flight of copies) pair.inject('initiator', flight);
  pair.inject('initiator', next);
  is(pair.takeMessages('responder').length, 7);
});

test('a channel gives up its buffers once nothing moves, and goes on with new ones', () => {
  const pair = Pair.established();
  const large = seededRandom('large').bytes(200_000);
  pair.initiator.release(new Uint8Array());
  pair.initiator.send(large);
  const [first] = pair.initiator.flushParts(pair.now);
  pair.initiator.release(first);
  pair.inject('initiator', first.slice());
  pair.advance(1_500);
  pair.initiator.send(large);
  const [second] = pair.initiator.flushParts(pair.now);
  ok(second.buffer !== first.buffer, 'the old buffer was let go');
  pair.inject('initiator', second);
  is(pair.takeMessages('responder').length, 2);
});

test('a buffer that is given back twice serves one record', () => {
  const buffers = new WireBuffers();
  buffers.release(new Uint8Array(1));
  const first = buffers.take(100_000)!;
  for (const view of [first, first.subarray(1)]) buffers.release(view);
  const [one, two] = [buffers.take(100_000)!, buffers.take(100_000)!];
  ok(one.buffer !== two.buffer);
});

test('an owner that gives nothing back gets memory of the right size', () => {
  const pair = Pair.established();
  for (let i = 0; i < 2; i++) {
    pair.initiator.send(new Uint8Array(100_000));
    const [flight] = pair.initiator.flushParts(pair.now);
    is(flight.buffer.byteLength, flight.length);
  }
});
