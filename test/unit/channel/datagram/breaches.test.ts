/**
 * What strangers and peers must not do over datagrams, each thing once: of a stranger it changes nothing, of a peer that
 * has the keys it ends the session.
 */
import { concat, u32be } from '../../../../src/base/bytes.ts';
import {
  DATAGRAM,
  encodeFinish,
  encodeFirst,
  encodeHello,
  encodeReply,
  LEAST_DATAGRAM_BYTES,
  MOST_DATAGRAM_BYTES,
  PIECE_OVERHEAD_BYTES,
  readCookie,
  readFirst,
  readReply,
  typeOf,
} from '../../../../src/channel/datagram/packet.ts';
import { encodePreamble, NO_COOKIE } from '../../../../src/channel/preamble.ts';
import { FRAME } from '../../../../src/channel/wire.ts';
import { equal, is, ok, throwsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { DatagramPair } from '../../../support/datagram-network.ts';
import { MESH_ID, makeParty, rogueCrypto, type Side, seededRandom } from '../../../support/network.ts';
import { notingSecrets } from '../../../support/secret-arrays.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('breaches over datagrams', { timeout: 30_000 });
const HELLO = Uint8Array.of(1, 2, 3);
const STRANGER = '203.0.113.9:9';

test('the initiator has no session before the responder has signed it', () => {
  const crypto = testCrypto(seededRandom('unsigned'));
  const thief = rogueCrypto(crypto, (record) => [
    record.type === FRAME.confirmation ? { ...record, plaintext: new Uint8Array(64).fill(1) } : record,
  ]);
  const pair = new DatagramPair({ crypto, responder: { crypto: thief } });
  pair.dial();
  pair.run(1_000);
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_CONFIRMATION');
});

test('records that are not its sender’s to send, or hold what they must not, end the session', () => {
  const cases: readonly [from: Side, type: number, plaintext: Uint8Array, what: string][] = [
    ['initiator', FRAME.epochRequest, new Uint8Array(), 'a request of the leader'],
    ['responder', FRAME.epochRequest, HELLO, 'a request with content'],
    ['responder', FRAME.epochOffer, new Uint8Array(1_216), 'an offer of who is led'],
    ['initiator', FRAME.epochAnswer, new Uint8Array(100), 'an answer of the leader'],
    ['responder', FRAME.epochConfirmation, new Uint8Array(64), 'a confirmation of who is led'],
    ['initiator', FRAME.epochSwitched, new Uint8Array(), 'a switch of the leader'],
    ['responder', FRAME.epochSwitched, HELLO, 'a switch with content'],
    ['initiator', DATAGRAM.keepAlive, HELLO, 'a sign of life with content'],
    ['initiator', DATAGRAM.probe, HELLO, 'a question with content'],
  ];
  for (const [from, type, plaintext, what] of cases) {
    const crypto = testCrypto(seededRandom('breach'));
    const rogue = rogueCrypto(crypto, (record) => [
      record.type === FRAME.batch ? { ...record, type, plaintext: plaintext.slice() } : record,
    ]);
    const pair = DatagramPair.established({ crypto, [from]: { crypto: rogue } });
    pair.send(from, HELLO);
    pair.run(50);
    is(pair.closedBy(from === 'initiator' ? 'responder' : 'initiator'), 'OOTO_CHANNEL_FRAME', what);
  }
});

test('while an offer is answered another one gets no answer', () => {
  const crypto = testCrypto(seededRandom('two offers'));
  let offers = 0;
  const rogue = rogueCrypto(crypto, (record) => [
    record.type === FRAME.epochOffer && offers++ > 0
      ? { ...record, plaintext: record.plaintext.with(0, record.plaintext[0] ^ 1) }
      : record,
  ]);
  const pair = DatagramPair.established({ crypto, initiator: { crypto: rogue } });
  let answers = 0;
  pair.tamper = (datagram) => {
    if (typeOf(datagram.bytes) !== FRAME.epochAnswer) return [datagram];
    answers++;
    return [];
  };
  pair.initiator.renewEpoch(pair.now);
  pair.hosts.initiator.touch(pair.initiator);
  pair.run(3_000);
  ok(offers > 2);
  is(answers, 1);
});

test('a handshake that is repeated gets its answers once in a tenth of a second', () => {
  const pair = new DatagramPair();
  pair.keepsSent = true;
  pair.dial();
  pair.until(() => pair.responder?.state === 'established', 5_000);
  const ofType = (type: number) => pair.sent.initiator.filter((datagram) => typeOf(datagram) === type);
  const [finish, first] = [ofType(DATAGRAM.finish), ofType(DATAGRAM.first)];
  const answersTo = (datagrams: readonly Uint8Array[], times: number) => {
    pair.sent.responder = [];
    for (let i = 0; i < times; i++) for (const datagram of datagrams) pair.inject('responder', datagram);
    return pair.sent.responder.length;
  };
  pair.tamper = () => [];
  pair.run(120);
  is(answersTo(finish, 20), 1);
  is(answersTo(first, 1), 2);
  is(answersTo(first, 20), 0);
  pair.run(120);
  is(answersTo(finish, 20), 1);
  is(answersTo(first, 20), 2);
});

test('datagrams shorter or longer than any are looked at no further', () => {
  const pair = DatagramPair.established();
  pair.keepsSent = true;
  pair.send('initiator', HELLO);
  pair.run(50);
  const [honest] = pair.sent.initiator;
  const host = pair.hosts.responder;
  for (const length of [0, 1, 4, 5, LEAST_DATAGRAM_BYTES - 1, MOST_DATAGRAM_BYTES + 1]) {
    const [{ refused }, before] = [host.status, pair.responder.status.refused];
    pair.inject('responder', concat(honest, new Uint8Array(MOST_DATAGRAM_BYTES)).subarray(0, length));
    is(host.status.refused, refused + 1, `${length} bytes`);
    is(pair.responder.status.refused, before);
  }
});

test('a hello, or a first message, of another mesh or version, or of nobody, is not answered', () => {
  const { hosts, now } = new DatagramPair();
  const host = hosts.responder;
  const hello = (sender: number, preamble: Uint8Array) => {
    host.receive(encodeHello({ sender, preamble }), STRANGER, now);
    return host.takeOutput();
  };
  const cookie = readCookie(hello(5, encodePreamble(MESH_ID, NO_COOKIE))[0].bytes);
  const good = encodePreamble(MESH_ID, cookie);
  const otherMesh = encodePreamble(new Uint8Array(32).fill(1), cookie);
  const otherVersion = good.with(1, good[1] + 1);
  const piece = { index: 0, count: 2, bytes: new Uint8Array(1_000) };
  for (const [sender, preamble] of [
    [0, good],
    [5, otherMesh],
    [5, otherVersion],
  ] as const) {
    equal(hello(sender, preamble), []);
    host.receive(encodeFirst({ sender, preamble }, piece), STRANGER, now);
    is(host.status.halfOpen, 0);
  }
  const longest = MOST_DATAGRAM_BYTES - PIECE_OVERHEAD_BYTES.first;
  const long = { index: 0, count: 2, bytes: new Uint8Array(longest + 1) };
  host.receive(encodeFirst({ sender: 5, preamble: good }, long), STRANGER, now);
  is(host.status.halfOpen, 0);
  host.receive(encodeFirst({ sender: 5, preamble: good }, piece), STRANGER, now);
  is(host.status.halfOpen, 1);
});

test('what names the index of a handshake and is no part of it changes nothing', () => {
  const pair = new DatagramPair();
  const piece = (count: number) => ({ index: 0, count, bytes: new Uint8Array(60) });
  const record = (index: number) => concat(u32be(index), new Uint8Array(60).fill(FRAME.batch));
  const junkFor = {
    initiator: (index: number) => [
      encodeFinish(index, piece(1)),
      encodeReply(index, 5, piece(0)),
      record(index),
    ],
    responder: (index: number) => [
      encodeReply(index, 5, piece(1)),
      encodeFinish(index, piece(0)),
      record(index),
    ],
  };
  let sent = 0;
  pair.tamper = (datagram) => {
    const type = typeOf(datagram.bytes);
    const [to, index] =
      type === DATAGRAM.first
        ? (['initiator', readFirst(datagram.bytes).sender] as const)
        : (['responder', type === DATAGRAM.reply ? readReply(datagram.bytes).sender : 0] as const);
    if (index !== 0 && sent++ < 100) for (const junk of junkFor[to](index)) pair.inject(to, junk);
    return [datagram];
  };
  pair.dial();
  pair.run(2_000);
  ok(sent >= 4);
  is(pair.initiator.state, 'established', `${pair.closedBy('initiator')}`);
  is(pair.responder.state, 'established');
  is(pair.closedBy('initiator'), undefined);
});

test('an index is never 0, and never one that is in use', () => {
  const crypto = testCrypto(seededRandom('indexes'));
  const draws = [0, 7, 0, 7, 7, 8];
  const scripted = {
    bytes: (length: number) =>
      length === 4 && draws.length > 0 ? Uint8Array.of(0, 0, 0, draws.shift()!) : crypto.random.bytes(length),
  };
  const pair = new DatagramPair({ crypto, initiator: { crypto: { ...crypto, random: scripted } } });
  const senders: number[] = [];
  pair.tamper = (datagram) => {
    if (typeOf(datagram.bytes) === DATAGRAM.hello) senders.push(datagram.bytes[8]);
    return [];
  };
  pair.dial();
  pair.dial();
  equal(senders, [7, 8]);
});

test('what a caller must not ask for is refused to him', () => {
  const pair = new DatagramPair();
  throwsCode(() => pair.hosts.initiator.dial('192.0.2.9:9', undefined, pair.now), 'OOTO_CHANNEL_OPTIONS');
  throwsCode(() => new DatagramPair({ both: { meshId: new Uint8Array(31) } }), 'OOTO_CHANNEL_OPTIONS');
  const channel = pair.dial();
  throwsCode(() => channel.export('exporter-test' as never), 'OOTO_CHANNEL_STATE');
  throwsCode(() => channel.renewEpoch(pair.now), 'OOTO_CHANNEL_STATE');
  is(channel.state, 'handshake');
});

test('wherever channels end, no secret of handshakes and epochs is left of them', () => {
  const ends: readonly [what: string, live: (pair: DatagramPair) => void][] = [
    ['before an answer', () => {}],
    ['with message 1 sent', (pair) => pair.run(25)],
    [
      'half open on both sides',
      (pair) => {
        pair.tamper = (datagram) => (typeOf(datagram.bytes) === DATAGRAM.finish ? [] : [datagram]);
        pair.run(6_500);
      },
    ],
    [
      'after attempts that were disturbed',
      (pair) => {
        pair.tamper = (datagram) =>
          typeOf(datagram.bytes) === DATAGRAM.reply
            ? [{ ...datagram, bytes: datagram.bytes.with(100, datagram.bytes[100] ^ 1) }]
            : [datagram];
        pair.run(12_000);
      },
    ],
    [
      'without a confirmation',
      (pair) => {
        pair.tamper = (datagram) => (typeOf(datagram.bytes) === FRAME.confirmation ? [] : [datagram]);
        pair.run(2_000);
      },
    ],
    ['established', (pair) => pair.run(1_000)],
    ['after epochs', (pair) => pair.run(130_000)],
    [
      'within a change of epoch',
      (pair) => {
        pair.run(1_000);
        pair.tamper = (datagram) => (typeOf(datagram.bytes) === FRAME.epochAnswer ? [] : [datagram]);
        pair.initiator.renewEpoch(pair.now);
        pair.hosts.initiator.touch(pair.initiator);
        pair.run(500);
      },
    ],
    [
      'with an epoch that overlaps',
      (pair) => {
        pair.run(1_000);
        pair.initiator.renewEpoch(pair.now);
        pair.hosts.initiator.touch(pair.initiator);
        pair.run(500);
      },
    ],
    [
      'after the peer was silent',
      (pair) => {
        pair.run(1_000);
        pair.send('initiator', HELLO);
        pair.tamper = () => [];
        pair.run(16_000);
      },
    ],
  ];
  for (const [what, live] of ends) {
    const noting = notingSecrets(testCrypto(seededRandom(what)));
    const parties = { alice: makeParty(noting.crypto, 'alice'), bob: makeParty(noting.crypto, 'bob') };
    const pair = new DatagramPair({ crypto: noting.crypto, parties: () => parties });
    pair.dial();
    live(pair);
    for (const side of ['initiator', 'responder'] as const) {
      pair.hosts[side].close(pair.now);
      pair.turn(side);
    }
    const left = noting.left();
    const count = (name: string) => left.filter((one) => one === name).length;
    // A cookie is an HMAC of 64 public bytes; with a psk in use, that of an ephemeral public key is mixed in.
    const cookies = count('hmac message (64)');
    equal([count('hmac key (32)'), count('hmac (32)')], [cookies, cookies], what);
    is(count('random (32)'), cookies > 0 ? 3 : 2, `${what}: two static keys and the cookies’ secret`);
    const named = /^(random|hmac|hmac key|hmac message) \((32|64)\)$/;
    equal(
      left.filter((one) => !named.test(one)),
      [],
      what,
    );
  }
});
