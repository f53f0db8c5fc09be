/** A channel comes up, carries messages both ways, changes its epochs and ends. */
import { utf8 } from '../../../src/base/bytes.ts';
import { bytes, equal, is, throwsCode } from '../../support/assert.ts';
import { Pair } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('channel');
const ONE = utf8('one');
const TWO = utf8('two');

test('a handshake establishes both sides and names the peers', () => {
  const pair = Pair.established();
  is(pair.initiator.state, 'established');
  is(pair.responder.state, 'established');
  is(pair.initiator.peer?.identity.id, pair.bob.own.id);
  is(pair.responder.peer?.identity.id, pair.alice.own.id);
  bytes(pair.initiator.sessionId!, pair.responder.sessionId!);
});

test('messages of one flush share a record and arrive in order, both ways', () => {
  const pair = Pair.established();
  pair.initiator.send(ONE);
  pair.initiator.send(TWO);
  pair.responder.send(TWO);
  const before = pair.initiator.status.recordsSent;
  pair.run();
  is(pair.initiator.status.recordsSent, before + 1);
  equal(pair.takeMessages('responder'), [ONE, TWO]);
  equal(pair.takeMessages('initiator'), [TWO]);
});

test('an epoch changes under traffic', () => {
  const pair = Pair.established();
  for (let i = 0; i < 5; i++) {
    pair.advance(60_000);
    pair.initiator.send(ONE);
    pair.responder.send(TWO);
    pair.run();
    is(pair.initiator.status.epoch, i + 1);
    is(pair.responder.status.epoch, i + 1);
    equal(pair.takeMessages('responder'), [ONE]);
    equal(pair.takeMessages('initiator'), [TWO]);
  }
});

test('a long message is cut into records and put together again', () => {
  const pair = Pair.established();
  const long = pair.crypto.random.bytes(1_000_000);
  pair.initiator.send(ONE);
  pair.initiator.send(long);
  pair.initiator.send(TWO);
  pair.run();
  const received = pair.takeMessages('responder');
  is(received.length, 3);
  bytes(received[1], long);
});

test('both sides export the same value, another in each epoch', () => {
  const pair = Pair.established();
  const value = pair.initiator.export('attestation-exporter');
  bytes(value, pair.responder.export('attestation-exporter'));
  pair.advance(60_000);
  pair.run();
  const next = pair.initiator.export('attestation-exporter');
  bytes(next, pair.responder.export('attestation-exporter'));
  bytes(value, pair.initiator.export('attestation-exporter', undefined, 0));
  throwsCode(() => pair.initiator.export('attestation-exporter', ONE), 'OOTO_CHANNEL_EXPORT');
});

test('close delivers what waits, then ends both sides without error', () => {
  const pair = Pair.established();
  pair.initiator.send(ONE);
  pair.initiator.close(pair.now);
  pair.run();
  equal(pair.takeMessages('responder'), [ONE]);
  is(pair.closedBy('responder'), 'clean');
  is(pair.closedBy('initiator'), 'clean');
});
