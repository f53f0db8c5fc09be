/** Datagram channels between two hosts: handshake with cookie and pieces, messages, timers, roaming, ends. */
import { concat, u32be, u64be, utf8, utf8Decode } from '../../../../src/base/bytes.ts';
import { hex } from '../../../../src/base/hex.ts';
import { Channel } from '../../../../src/channel/channel.ts';
import { DATAGRAM, encodeReply, readFirst, typeOf } from '../../../../src/channel/datagram/packet.ts';
import { cutPieces } from '../../../../src/channel/datagram/pieces.ts';
import { verifyMessageProof } from '../../../../src/channel/proof.ts';
import { exportMessageProof } from '../../../../src/channel/proof-maker.ts';
import { encodeFrame, FRAME } from '../../../../src/channel/wire.ts';
import { bytes, equal, is, ok, throwsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { ADDRESS, DatagramPair, withNextDelegation } from '../../../support/datagram-network.ts';
import {
  MESH_ID,
  makeParty,
  rogueCrypto,
  type Side,
  START,
  seededRandom,
  verifierOf,
} from '../../../support/network.ts';
import { NonceAudit } from '../../../support/nonce-audit.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('datagram channels', { timeout: 30_000 });
const HELLO = utf8('hello');

test('a channel comes up, cookie first, and carries messages both ways', () => {
  const pair = new DatagramPair();
  const types: [Side, number, number][] = [];
  pair.tamper = (datagram, from) => {
    types.push([from, typeOf(datagram.bytes), datagram.bytes.length]);
    return [datagram];
  };
  pair.dial();
  pair.run(1_000);
  is(pair.initiator.state, 'established');
  is(pair.responder.state, 'established');
  equal(
    types.map(([from, type]) => `${from} ${type.toString(16)}`),
    [
      'initiator 30',
      'responder 31',
      'initiator 32',
      'initiator 32',
      'responder 33',
      'responder 33',
      'initiator 34',
      'responder 11',
      'initiator 21',
    ],
  );
  ok(types.every(([, , length]) => length <= 1_200));
  bytes(pair.initiator.sessionId!, pair.responder.sessionId!);
  pair.send('initiator', HELLO);
  pair.send('responder', utf8('and back'));
  pair.run(100);
  equal(pair.takeMessages('responder'), [HELLO]);
  equal(pair.takeMessages('initiator'), [utf8('and back')]);
});

test('small messages of a turn share a record; a large one has a record for each part; each can be proven', () => {
  const pair = DatagramPair.established();
  pair.keepsSent = true;
  const large = concat(...Array.from({ length: 60 }, (_, i) => new Uint8Array(1_000).fill(i)));
  for (let i = 0; i < 5; i++) pair.send('initiator', utf8(`message ${i}`));
  pair.send('initiator', large);
  pair.run(100);
  const types = pair.sent.initiator.map(typeOf);
  equal(types.slice(0, 2), [FRAME.batch, DATAGRAM.part]);
  is(types.length, 1 + Math.ceil(large.length / 1_087));
  const messages = pair.events.responder.filter((event) => event.type === 'message');
  equal(messages.length, 6);
  for (const event of messages) {
    if (event.type !== 'message') continue;
    const proof = exportMessageProof(pair.crypto, event.items);
    const proven = verifyMessageProof(pair.crypto, proof, {
      ...{ meshId: MESH_ID, verifier: verifierOf(pair.alice, pair.bob), at: pair.now },
    });
    bytes(proven.message, event.message);
    is(proven.sender.id, pair.alice.own.id);
  }
});

test('30 % loss, copies and overtaking: the handshake comes to its end', () => {
  for (let seed = 0; seed < 12; seed++) {
    const pair = new DatagramPair({
      seed: `loss ${seed}`,
      faults: { lose: 0.3, double: 0.2, delayMs: [1, 300] },
    });
    pair.dial();
    pair.until(
      () => pair.initiator.state === 'established' && pair.responder?.state === 'established',
      20_000,
    );
  }
});

test('flights are resent as they are, byte for byte', () => {
  const pair = new DatagramPair();
  const seen = new Map<string, Set<string>>();
  pair.tamper = (datagram, from) => {
    const key = `${from} ${typeOf(datagram.bytes)}`;
    const before = seen.get(key) ?? new Set();
    seen.set(key, before);
    const isFirst = !before.has(hex(datagram.bytes));
    before.add(hex(datagram.bytes));
    return isFirst ? [] : [datagram];
  };
  pair.dial();
  pair.until(() => pair.initiator.state === 'established', 4_900);
  for (const type of [DATAGRAM.hello, DATAGRAM.first, DATAGRAM.finish])
    is(seen.get(`initiator ${type}`)!.size, type === DATAGRAM.hello || type === DATAGRAM.finish ? 1 : 2);
  is(seen.get(`responder ${DATAGRAM.reply}`)!.size, 2);
});

test('any byte of any handshake datagram changed, once: no channel comes of that attempt, or the same one', () => {
  const count = 7;
  for (let nth = 0; nth < count; nth++)
    for (const at of [0, 3, 4, 5, 8, 9, 10, 20, 40, 60, 74, 75, 76, 78, 300, 1_000]) {
      const pair = new DatagramPair({ seed: `tamper ${nth} ${at}` });
      let seen = 0;
      pair.tamper = (datagram) => {
        if (seen++ !== nth || at >= datagram.bytes.length) return [datagram];
        return [{ ...datagram, bytes: datagram.bytes.with(at, datagram.bytes[at] ^ 0x41) }];
      };
      pair.dial();
      pair.run(20_000);
      is(pair.initiator.state, 'established', `byte ${at} of datagram ${nth}: a later attempt goes well`);
      bytes(pair.initiator.sessionId!, pair.responder.sessionId!);
    }
});

test('T2: junk on a live channel changes nothing; the next honest record decrypts', () => {
  const pair = DatagramPair.established();
  pair.keepsSent = true;
  pair.send('initiator', HELLO);
  pair.turn('initiator');
  const honest = pair.sent.initiator[0];
  const junk = Array.from({ length: 64 }, (_, i) => {
    const datagram = honest.slice();
    if (i % 4 === 1) datagram.set([0xff, 0xff, 0xff], 14);
    if (i % 4 === 2) datagram[4] = DATAGRAM.part;
    if (i % 4 === 3) datagram[8] = 1;
    datagram[datagram.length - 1 - (i % 16)] ^= 1 + i;
    return datagram;
  });
  const host = pair.hosts.responder;
  const before = pair.responder.status;
  const deadline = pair.responder.deadline();
  for (let i = 0; i < 20_000; i++) host.receive(junk[i % 64].slice(), '203.0.113.9:9', pair.now);
  host.turn(pair.now);
  equal(pair.responder.status, { ...before, refused: before.refused + 20_000 });
  is(pair.responder.deadline(), deadline);
  pair.run(100);
  equal(pair.takeMessages('responder'), [HELLO]);
  pair.inject('responder', honest);
  equal(pair.takeMessages('responder'), [], 'T1: and once only');
});

test('a counter at the end of its key, and beyond what a number holds, opens nothing', () => {
  const pair = DatagramPair.established();
  pair.keepsSent = true;
  pair.send('initiator', HELLO);
  pair.turn('initiator');
  const { refused } = pair.responder.status;
  for (const counter of [2n ** 24n, 2n ** 32n, 2n ** 53n, 2n ** 64n - 1n]) {
    const datagram = pair.sent.initiator[0].slice();
    datagram.set(u64be(counter), 9);
    pair.inject('responder', datagram);
  }
  is(pair.responder.status.refused, refused + 4);
  pair.run(100);
  equal(pair.takeMessages('responder'), [HELLO]);
});

test('a peer that goes on beyond the end of its key is not heard', () => {
  const crypto = testCrypto(seededRandom('spent'));
  const late = rogueCrypto(crypto, (record) => [
    record.type === FRAME.batch ? { ...record, counter: record.counter + 2n ** 24n } : record,
  ]);
  const pair = DatagramPair.established({ crypto, initiator: { crypto: late } });
  const { refused } = pair.responder.status;
  pair.send('initiator', HELLO);
  pair.run(100);
  is(pair.responder.status.refused, refused + 1);
  is(pair.responder.state, 'established');
});

test('an end, or a new epoch, that only the record keys vouch for is not believed', () => {
  for (const [type, code] of [
    [FRAME.close, 'OOTO_CHANNEL_END'],
    [FRAME.epochConfirmation, 'OOTO_CHANNEL_EPOCH_SIGNATURE'],
  ] as const) {
    const crypto = testCrypto(seededRandom('thief'));
    const thief = rogueCrypto(crypto, (record) => [
      record.type === type ? { ...record, plaintext: new Uint8Array(64).fill(1) } : record,
    ]);
    const pair = DatagramPair.established({ crypto, initiator: { crypto: thief } });
    if (type === FRAME.close) pair.initiator.close(pair.now);
    else pair.initiator.renewEpoch(pair.now);
    pair.hosts.initiator.touch(pair.initiator);
    pair.run(100);
    is(pair.closedBy('responder'), code);
  }
});

test('a record of the peer that does not decode ends the session, and is not counted as junk', () => {
  for (const length of [0, 3]) {
    const crypto = testCrypto(seededRandom('malformed'));
    const careless = rogueCrypto(crypto, (record) => [
      record.type === DATAGRAM.part ? { ...record, plaintext: new Uint8Array(length) } : record,
    ]);
    const pair = DatagramPair.established({ crypto, initiator: { crypto: careless } });
    pair.send('initiator', new Uint8Array(2_000));
    pair.run(100);
    is(pair.closedBy('responder'), 'OOTO_CHANNEL_FRAME', `${length} bytes`);
    is(pair.responder.status.refused, 0);
  }
});

test('data before the responder has confirmed the session is not heard', () => {
  const pair = new DatagramPair();
  pair.tamper = (datagram) => (typeOf(datagram.bytes) === FRAME.confirmation ? [] : [datagram]);
  pair.dial();
  pair.until(() => pair.responder?.state === 'established', 4_000);
  pair.send('responder', HELLO);
  pair.run(1_000);
  equal(pair.takeMessages('initiator'), []);
  is(pair.initiator.state, 'handshake');
  ok(pair.initiator.status.refused > 0);
});

test('a session is confirmed once, whatever its responder signs', () => {
  const crypto = testCrypto(seededRandom('twice'));
  let confirmation = new Uint8Array();
  const twice = rogueCrypto(crypto, (record) => {
    if (record.type === FRAME.confirmation) confirmation = record.plaintext.slice();
    return [
      record.type === FRAME.batch
        ? { ...record, type: FRAME.confirmation, plaintext: confirmation.slice() }
        : record,
    ];
  });
  const pair = DatagramPair.established({ crypto, responder: { crypto: twice } });
  pair.send('responder', HELLO);
  pair.run(100);
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_FRAME');
});

test('the record of a part holds one part, and nothing else', () => {
  const part = concat(u32be(2 ** 31 + 2), new Uint8Array(2));
  const whole = concat(u32be(2), new Uint8Array(2));
  for (const items of [[part, part], [whole], [part, whole]]) {
    const crypto = testCrypto(seededRandom('parts'));
    const plaintext = concat(new Uint8Array(8 + 64), u32be(items.length), ...items);
    const liar = rogueCrypto(crypto, (record) => [
      record.type === DATAGRAM.part ? { ...record, plaintext } : record,
    ]);
    const pair = DatagramPair.established({ crypto, initiator: { crypto: liar } });
    pair.send('initiator', new Uint8Array(2_000));
    pair.run(100);
    is(pair.closedBy('responder'), 'OOTO_CHANNEL_FRAME');
  }
});

test('a handshake of a stream, carried in datagrams, is none', () => {
  const pair = new DatagramPair();
  const firsts: Uint8Array[] = [];
  let finishes = 0;
  pair.tamper = (datagram) => {
    if (typeOf(datagram.bytes) === DATAGRAM.finish) finishes++;
    if (typeOf(datagram.bytes) !== DATAGRAM.first) return [datagram];
    firsts.push(datagram.bytes.slice());
    return [];
  };
  pair.dial();
  pair.run(50);
  const [{ sender, preamble, piece }, second] = firsts.map(readFirst);
  const { crypto, bob, alice } = pair;
  const stream = new Channel({
    ...{ crypto, role: 'responder', meshId: MESH_ID, own: bob.own, verifier: verifierOf(alice) },
  });
  stream.start(pair.now);
  stream.receive(encodeFrame(FRAME.hello, preamble, piece.bytes, second.piece.bytes), pair.now);
  const reply = stream.flush(pair.now).subarray(5);
  ok(reply.length > 1_000, 'the stream took it');
  for (const cut of cutPieces(reply, 1_100)) pair.inject('initiator', encodeReply(sender, 77, cut));
  is(finishes, 0);
  is(pair.initiator.state, 'handshake');
});

test('what belongs to a handshake is taken from the address that it goes on with, and from no other', () => {
  for (const type of [DATAGRAM.cookie, DATAGRAM.reply, DATAGRAM.finish]) {
    const pair = new DatagramPair();
    let refused = 0;
    pair.tamper = (datagram, from) => {
      if (typeOf(datagram.bytes) !== type) return [datagram];
      const side = from === 'initiator' ? 'responder' : 'initiator';
      const channel = () => (side === 'initiator' ? pair.initiator : undefined);
      const before = channel()?.status.refused ?? 0;
      pair.inject(side, datagram.bytes, '203.0.113.9:9');
      refused += (channel()?.status.refused ?? 0) - before;
      return [];
    };
    pair.dial();
    pair.run(4_000);
    is(pair.initiator.state, 'handshake', `type ${type}`);
    is(pair.responder, undefined);
    if (type !== DATAGRAM.finish) ok(refused > 0);
  }
});

test('roaming: answers follow the newest authentic record, and neither copies nor junk', () => {
  const pair = DatagramPair.established();
  pair.keepsSent = true;
  pair.send('initiator', utf8('old'));
  pair.run(100);
  pair.from.initiator = '198.51.100.7:777';
  pair.inject('responder', pair.sent.initiator[0], '203.0.113.1:1');
  is(pair.responder.address, ADDRESS.initiator, 'a copy moves nobody');
  pair.inject('responder', pair.sent.initiator[0].with(40, 1), '203.0.113.1:1');
  is(pair.responder.address, ADDRESS.initiator, 'junk moves nobody');
  const held: Uint8Array[] = [];
  pair.tamper = (datagram) => {
    held.push(datagram.bytes.slice());
    return [];
  };
  pair.send('initiator', utf8('first'));
  pair.run(1);
  pair.send('initiator', utf8('second'));
  pair.run(1);
  pair.tamper = (datagram) => [datagram];
  pair.inject('responder', held[1]);
  is(pair.responder.address, '198.51.100.7:777');
  pair.inject('responder', held[0], '203.0.113.1:1');
  is(pair.responder.address, '198.51.100.7:777', 'a record older than the newest moves nobody');
  pair.send('responder', utf8('there'));
  pair.run(100);
  equal(pair.takeMessages('initiator').map(utf8Decode), ['there']);
  equal(pair.takeMessages('responder').map(utf8Decode), ['old', 'second', 'first']);
});

test('whoever only receives says after 10 seconds that it is there; a channel at rest says nothing', () => {
  const pair = DatagramPair.established();
  pair.run(1_000);
  const seen: string[] = [];
  pair.tamper = (datagram, from) => {
    seen.push(`${from} ${typeOf(datagram.bytes).toString(16)}`);
    return [datagram];
  };
  pair.run(20_000);
  equal(seen, []);
  pair.send('initiator', HELLO);
  pair.run(9_900);
  equal(seen, ['initiator 10']);
  pair.run(200);
  equal(seen, ['initiator 10', 'responder 21']);
  pair.run(10_000);
  is(seen.length, 2);
});

test('15 seconds of silence: the initiator begins anew and finds the peer again, the responder ends', () => {
  const pair = DatagramPair.established();
  pair.run(1_000);
  const { responder } = pair;
  pair.tamper = () => [];
  pair.send('initiator', HELLO);
  pair.send('responder', HELLO);
  pair.run(14_900);
  is(pair.initiator.state, 'established');
  pair.run(200);
  is(pair.initiator.state, 'handshake');
  is(responder.state, 'closed');
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_SILENT');
  throwsCode(() => pair.initiator.send(HELLO), 'OOTO_CHANNEL_STATE');
  pair.run(30_000);
  pair.tamper = (datagram) => [datagram];
  pair.run(6_000);
  is(pair.initiator.state, 'established');
  ok(pair.responder !== responder);
  pair.send('initiator', HELLO);
  pair.run(100);
  equal(pair.takeMessages('responder'), [HELLO]);
});

test('without an answer the initiator gives up after 90 seconds', () => {
  const pair = new DatagramPair();
  pair.tamper = () => [];
  pair.dial();
  pair.run(89_000);
  is(pair.initiator.state, 'handshake');
  pair.run(1_100);
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_HANDSHAKE_TIMEOUT');
  equal(pair.hosts.initiator.status.indexes, 0);
});

test('a peer that comes back after a restart takes the place of its session; no key of before is in use', () => {
  const audit = new NonceAudit(200);
  const crypto = audit.watch(testCrypto(seededRandom('restart')));
  const pair = DatagramPair.established({ crypto });
  const { responder } = pair;
  const sessionId = pair.initiator.sessionId!;
  pair.dial();
  pair.run(1_000);
  is(responder.state, 'closed');
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_REPLACED');
  is(pair.responder.state, 'established');
  ok(hex(pair.initiator.sessionId!) !== hex(sessionId));
  is(audit.repeats.join(), '');
  ok(audit.everyKeyIsNew());
});

test('an agreed end ends both sides', () => {
  const pair = DatagramPair.established();
  pair.send('initiator', HELLO);
  pair.initiator.close(pair.now);
  pair.run(100);
  equal(pair.takeMessages('responder'), [HELLO]);
  is(pair.closedBy('initiator'), 'clean');
  is(pair.closedBy('responder'), 'clean');
  for (const host of Object.values(pair.hosts)) is(host.status.indexes + host.status.channels, 0);
});

test('another than who was dialled, or who is not accepted, does not become a peer', () => {
  const wrong = new DatagramPair();
  wrong.dial('spiffe://test/node/carol');
  wrong.run(1_000);
  is(wrong.closedBy('initiator'), 'OOTO_CHANNEL_PEER_ID');
  const refused = new DatagramPair({ responder: { accept: ['founder'] } });
  refused.dial();
  refused.run(10_000);
  ok(refused.responder === undefined);
  is(refused.initiator.state, 'handshake');
});

test('a new handshake is made beside the running session before a delegation ends', () => {
  const delegation = { notAfter: START.wall + 600_000 };
  const pair = DatagramPair.established({
    parties: (crypto) => ({
      alice: makeParty(crypto, 'alice', { delegation }),
      bob: makeParty(crypto, 'bob', { delegation }),
    }),
  });
  const { responder } = pair;
  pair.run(500_000);
  for (const side of ['alice', 'bob'] as const)
    pair[side] = withNextDelegation(pair.crypto, pair[side], pair.now, 600_000);
  pair.run(38_000);
  is(responder.state, 'established');
  pair.run(2_000);
  is(responder.state, 'closed');
  is(pair.responder.state, 'established');
  ok(!pair.events.initiator.some(({ type }) => type === 'lost'), 'the channel was never without a session');
  pair.run(400_000);
  pair.send('initiator', HELLO);
  pair.run(100);
  equal(pair.takeMessages('responder'), [HELLO]);
});

test('a signature that is not the peer’s ends the channel; the good messages beside it are delivered', () => {
  const pair = DatagramPair.established({ responder: { defersSignatures: true } });
  for (const text of ['one', 'two']) {
    pair.send('initiator', utf8(text));
    pair.turn('initiator');
  }
  pair.run(50);
  const job = pair.responder.takeJob()!;
  is(job.checks.length, 2);
  equal(pair.takeMessages('responder'), [], 'nothing is delivered before the check');
  pair.responder.settle(job, [0], pair.now);
  pair.hosts.responder.touch(pair.responder);
  pair.turn('responder');
  equal(pair.takeMessages('responder').map(utf8Decode), ['two']);
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_SIGNATURE');
});

test('the answer to a job of a session before says nothing of the one that took its place', () => {
  const pair = DatagramPair.established({ initiator: { defersSignatures: true } });
  pair.send('responder', HELLO);
  pair.run(50);
  const job = pair.initiator.takeJob()!;
  pair.tamper = () => [];
  pair.send('initiator', HELLO);
  pair.run(15_100);
  pair.tamper = (datagram) => [datagram];
  pair.run(6_000);
  is(pair.initiator.state, 'established');
  pair.send('responder', utf8('not checked'));
  pair.run(50);
  const next = pair.initiator.takeJob()!;
  is(next.id, job.id);
  const settle = (answered: typeof job) => {
    pair.initiator.settle(answered, [], pair.now);
    pair.hosts.initiator.touch(pair.initiator);
    pair.turn('initiator');
  };
  settle(job);
  equal(pair.takeMessages('initiator'), []);
  settle(next);
  equal(pair.takeMessages('initiator').map(utf8Decode), ['not checked']);
});

test('what came before an agreed end is delivered before it, though its signature was not checked yet', () => {
  const pair = DatagramPair.established({ responder: { defersSignatures: true } });
  pair.send('initiator', HELLO);
  pair.initiator.close(pair.now);
  pair.run(100);
  equal(pair.takeMessages('responder'), [HELLO]);
  is(pair.closedBy('responder'), 'clean');
});

test('what is too long, or too much, is refused to the sender', () => {
  const pair = DatagramPair.established();
  throwsCode(() => pair.initiator.send(new Uint8Array(64 * 1024 + 1)), 'OOTO_CHANNEL_SIZE');
  for (let i = 0; i < 15; i++) pair.initiator.send(new Uint8Array(64 * 1024));
  throwsCode(() => {
    for (let i = 0; i < 3; i++) pair.initiator.send(new Uint8Array(64 * 1024));
  }, 'OOTO_CHANNEL_QUEUE');
  for (const limits of [{ datagramBytes: 1_199 }, { datagramBytes: 1_453 }, { messageBytes: 2 ** 20 }])
    throwsCode(() => new DatagramPair({ both: { limits } }), 'OOTO_CHANNEL_OPTIONS');
});

test('whoever led an initiator astray and left does not keep it from the peer that it dialled', () => {
  const pair = DatagramPair.established();
  const astray = '203.0.113.9:9';
  const held: Uint8Array[] = [];
  pair.tamper = (datagram, from) => {
    if (from === 'initiator') return [datagram];
    held.push(datagram.bytes.slice());
    return [];
  };
  pair.send('responder', HELLO);
  pair.run(10);
  pair.inject('initiator', held[0], astray);
  is(pair.initiator.address, astray);
  pair.tamper = (datagram) => [datagram];
  pair.send('initiator', HELLO);
  pair.run(30_000);
  is(pair.initiator.state, 'established');
  is(pair.initiator.address, ADDRESS.responder);
});

test('an initiator looks for a peer that has moved at both of its addresses', () => {
  const pair = DatagramPair.established();
  pair.from.responder = '198.51.100.7:777';
  pair.send('responder', HELLO);
  pair.run(100);
  is(pair.initiator.address, pair.from.responder);
  pair.tamper = () => [];
  pair.send('initiator', HELLO);
  pair.run(20_000);
  is(pair.initiator.state, 'handshake');
  pair.tamper = (datagram) => [datagram];
  pair.run(12_000);
  is(pair.initiator.state, 'established');
});

test('a handshake that is half open counts, whatever session came from the same place before', () => {
  const pair = new DatagramPair();
  pair.keepsSent = true;
  pair.dial();
  pair.until(() => pair.responder?.state === 'established', 60_000);
  pair.run(100);
  const firsts = pair.sent.initiator.filter((datagram) => typeOf(datagram) === DATAGRAM.first);
  for (const first of firsts) pair.inject('responder', first);
  is(pair.hosts.responder.status.halfOpen, 1);
  pair.send('initiator', HELLO);
  pair.run(100);
  is(pair.hosts.responder.status.halfOpen, 1);
});
