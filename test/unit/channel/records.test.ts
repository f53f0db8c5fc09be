/** Records: what is delivered, what an attacker on the wire can do, and what a lying peer can do. */
import fc from 'fast-check';
import { concat, u32be, utf8 } from '../../../src/base/bytes.ts';
import { MAX_ITEM_BYTES } from '../../../src/channel/batch.ts';
import { FRAME, FrameReader, readRecordHeader } from '../../../src/channel/wire.ts';
import type { RecordFrame } from '../../../src/crypto/crypto.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { bytes, equal, is, ok, throwsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { makeParty, Pair, rogueCrypto, seededRandom } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('channel records', { timeout: 30_000 });
const MESSAGE = utf8('a message');

/** An established pair and three records of the initiator that the responder has not seen. */
function withThreeRecords(): { pair: Pair; records: Uint8Array[] } {
  const pair = Pair.established();
  const records = ['one', 'two', 'three'].map((text) => {
    pair.initiator.send(utf8(text));
    return pair.initiator.flush(pair.now);
  });
  return { pair, records };
}

test('property: any messages of any sizes arrive once, in order, however the stream is cut', () => {
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.nat({ max: 400_000 }).map((size) => seededRandom(String(size)).bytes(size)),
  );
  const turn = fc.record({ fromInitiator: fc.boolean(), messages: fc.array(message, { maxLength: 5 }) });
  fc.assert(
    fc.property(fc.array(turn, { maxLength: 6 }), fc.integer({ min: 1, max: 100_000 }), (turns, cut) => {
      const pair = Pair.established();
      pair.tamper = (sent) => {
        const parts: Uint8Array[] = [];
        for (let at = 0; at < sent.length; at += cut) parts.push(sent.slice(at, at + cut));
        return parts;
      };
      const sent = { initiator: [] as Uint8Array[], responder: [] as Uint8Array[] };
      for (const { fromInitiator, messages } of turns) {
        const side = fromInitiator ? 'initiator' : 'responder';
        for (const one of messages) pair[side].send(one);
        sent[side].push(...messages);
        pair.run();
      }
      for (const [from, to] of [
        ['initiator', 'responder'],
        ['responder', 'initiator'],
      ] as const) {
        const received = pair.takeMessages(to);
        is(received.length, sent[from].length);
        received.forEach((one, i) => void bytes(one, sent[from][i]));
      }
    }),
    { numRuns: 15 },
  );
});

test('a record that was replayed closes the channel and is not delivered again', () => {
  const { pair, records } = withThreeRecords();
  pair.inject('initiator', records[0]);
  pair.inject('initiator', records[0]);
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_COUNTER');
  is(pair.takeMessages('responder').length, 1);
});

test('records reordered or left out close the channel', () => {
  for (const order of [
    [1, 0],
    [0, 2],
  ]) {
    const { pair, records } = withThreeRecords();
    for (const i of order) pair.inject('initiator', records[i]);
    is(pair.closedBy('responder'), 'OOTO_CHANNEL_COUNTER');
  }
});

test('a record of the other direction closes the channel', () => {
  const pair = Pair.established();
  pair.responder.send(MESSAGE);
  pair.initiator.send(MESSAGE);
  pair.initiator.flush(pair.now);
  pair.inject('initiator', pair.responder.flush(pair.now));
  ok(pair.closedBy('responder') !== undefined);
  is(pair.takeMessages('responder').length, 0);
});

test('a record of another channel of the same peers closes the channel', () => {
  const [one, two] = [Pair.established({ seed: 'one' }), Pair.established({ seed: 'two' })];
  one.initiator.send(MESSAGE);
  two.inject('initiator', one.initiator.flush(one.now));
  is(two.closedBy('responder'), 'OOTO_CRYPTO_AUTHENTICATION');
});

test('any changed byte of a record closes the channel, and nothing of it is delivered', () => {
  const size = withThreeRecords().records[1].length;
  for (let at = 0; at < size; at += 3) {
    const { pair, records } = withThreeRecords();
    pair.inject('initiator', concat(records[0], records[1].with(at, records[1][at] ^ 0x10), records[2]));
    if (at >= 4) ok(pair.closedBy('responder') !== undefined, `byte ${at}`);
    ok(pair.takeMessages('responder').length <= 1, `byte ${at}`);
  }
});

test('junk in one chunk with good records: those before it are delivered, none after it', () => {
  const { pair, records } = withThreeRecords();
  const junk = records[1].with(40, records[1][40] ^ 1);
  pair.inject('initiator', concat(records[0], junk, records[2]));
  is(pair.closedBy('responder'), 'OOTO_CRYPTO_AUTHENTICATION');
  equal(pair.takeMessages('responder'), [utf8('one')]);
  is(pair.responder.status.recordsReceived, 1);
});

test('random junk on a live channel: a clear close, nothing delivered, no counter moved', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 600 }), (junk) => {
      const pair = Pair.established();
      const before = pair.responder.status.recordsReceived;
      pair.inject('initiator', junk);
      is(pair.takeMessages('responder').length, 0);
      is(pair.responder.status.recordsReceived, before);
    }),
    { numRuns: 30 },
  );
});

test('a connection cut without the last record is a truncation', () => {
  const pair = Pair.established();
  pair.responder.receiveEnd();
  pair.run();
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_TRUNCATED');
});

test('a length beyond a record is refused before anything is allocated', () => {
  const pair = Pair.established();
  pair.inject('initiator', u32be(0x7fffffff));
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_FRAME');
});

test('messages too long for the channel, and queues too long, are refused at send', () => {
  const pair = Pair.established({ both: { limits: { messageBytes: 1000, queueBytes: 2500 } } });
  throwsCode(() => pair.initiator.send(new Uint8Array(1001)), 'OOTO_CHANNEL_SIZE');
  pair.initiator.send(new Uint8Array(1000));
  pair.initiator.send(new Uint8Array(1000));
  throwsCode(() => pair.initiator.send(new Uint8Array(1000)), 'OOTO_CHANNEL_QUEUE');
  pair.run();
  is(pair.takeMessages('responder').length, 2);
});

test('a batch not signed by the message key is not delivered', () => {
  const pair = Pair.established({
    parties: (crypto) => {
      const alice = makeParty(crypto, 'alice');
      const thief = Ed25519SigningKey.generate(crypto);
      const { messageKey } = alice.own;
      const isBatch = (message: Uint8Array) => message[7] === 'b'.charCodeAt(0);
      const sign = (message: Uint8Array) => (isBatch(message) ? thief : messageKey).sign(message);
      const own = { ...alice.own, messageKey: { publicKey: messageKey.publicKey, sign } };
      return { alice: { ...alice, own }, bob: makeParty(crypto, 'bob') };
    },
  });
  pair.initiator.send(MESSAGE);
  pair.run();
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_SIGNATURE');
  is(pair.takeMessages('responder').length, 0);
});

/** What the responder makes of a record that a lying initiator changed before sealing it. */
function lie(change: (record: RecordFrame) => RecordFrame[], messages: readonly Uint8Array[] = [MESSAGE]) {
  const crypto = rogueCrypto(testCrypto(seededRandom('rogue')), (record) =>
    record.type === FRAME.batch ? change(record) : [record],
  );
  const pair = Pair.established({ initiator: { crypto } });
  for (const message of messages) pair.initiator.send(message);
  pair.run();
  return { code: pair.closedBy('responder'), messages: pair.takeMessages('responder') };
}

test('any byte of a batch changed by its sender after signing is noticed', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const { code, messages } = lie(({ plaintext, ...rest }) => {
        const index = at % plaintext.length;
        return [{ ...rest, plaintext: plaintext.with(index, plaintext[index] ^ mask) }];
      });
      ok(code === 'OOTO_CHANNEL_SIGNATURE' || code === 'OOTO_CHANNEL_FRAME', `${code}`);
      is(messages.length, 0);
    }),
    { numRuns: 40 },
  );
});

test('malformed batches are refused', () => {
  const signature = new Uint8Array(64);
  const item = (header: number, size: number) => concat(u32be(header), new Uint8Array(size));
  const malformed = {
    empty: new Uint8Array(),
    'no count': signature,
    'no items': concat(signature, u32be(0)),
    'more items than bytes': concat(signature, u32be(2), item(4, 4)),
    'far more items than bytes': concat(signature, u32be(0xffffffff), item(4, 4)),
    'an item beyond the end': concat(signature, u32be(1), item(5, 4)),
    'bytes after the items': concat(signature, u32be(1), item(3, 4)),
    'a last part without parts': concat(signature, u32be(1), item(0xc0000000 + 4, 4)),
    'a last flag alone': concat(signature, u32be(1), item(0x40000000 + 4, 4)),
    'a short part': concat(signature, u32be(1), item(0x80000000 + 4, 4)),
    'a message between parts': concat(signature, u32be(2), item(0x80000000 + 65536, 65536), item(4, 4)),
  };
  for (const [what, plaintext] of Object.entries(malformed)) {
    const { code } = lie((record) => [{ ...record, plaintext }]);
    is(code, 'OOTO_CHANNEL_FRAME', what);
  }
});

test('a message that grows beyond the limit is refused while it grows', () => {
  const pair = Pair.established({ responder: { limits: { messageBytes: 300_000 } } });
  pair.initiator.send(new Uint8Array(2 * MAX_ITEM_BYTES));
  pair.run();
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_SIZE');
});

test('records of unknown type are refused', () => {
  const { code } = lie((record) => [{ ...record, type: 0x7f }]);
  is(code, 'OOTO_CHANNEL_FRAME');
});

test('records out of their phase or role are refused', () => {
  for (const type of [FRAME.confirmation, FRAME.epochAnswer, FRAME.epochSwitched, FRAME.epochConfirmation]) {
    const { code } = lie((record) => [{ ...record, type }]);
    ok(code === 'OOTO_CHANNEL_ORDER' || code === 'OOTO_CHANNEL_FRAME', `${type}: ${code}`);
  }
});

test('many small messages share a record, up to its size', () => {
  const pair = Pair.established();
  const before = pair.responder.status.recordsReceived;
  for (let i = 0; i < 5000; i++) pair.initiator.send(new Uint8Array(100).fill(i));
  pair.run();
  is(pair.takeMessages('responder').length, 5000);
  is(pair.responder.status.recordsReceived - before, Math.ceil((5000 * 104) / (256 * 1024 - 68)));
  is(pair.responder.status.messagesReceived, 5000);
});

test('a key is never used beyond its limit, by either side', () => {
  const limits = { keyRecords: 5, epochRecords: 1000 };
  const pair = Pair.established({ initiator: { limits } });
  for (let i = 0; i < 6; i++) {
    if (pair.initiator.state === 'established') pair.initiator.send(MESSAGE);
    pair.run();
  }
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_KEY_SPENT');
  is(pair.takeMessages('responder').length, 5);
});

test('property: the frame reader gives the same frames however the stream is cut', () => {
  const frame = fc.uint8Array({ minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(
      fc.array(frame, { minLength: 1, maxLength: 10 }),
      fc.array(fc.nat({ max: 20 })),
      (frames, cuts) => {
        const stream = concat(...frames.flatMap((one) => [u32be(one.length), one]));
        const reader = new FrameReader();
        const read: Uint8Array[] = [];
        const take = (part: Uint8Array) => {
          reader.push(part);
          for (let next = reader.next(100); next; next = reader.next(100)) read.push(next.whole.slice(4));
        };
        let at = 0;
        for (const cut of cuts) {
          take(stream.slice(at, at + cut));
          at += cut;
        }
        take(stream.slice(at));
        equal(read, frames);
      },
    ),
  );
});

test('a frame has a type at least, and a record a header and a tag', () => {
  const reader = new FrameReader();
  reader.push(u32be(0));
  throwsCode(() => reader.next(100), 'OOTO_CHANNEL_FRAME');
  const short = new Uint8Array(13 + 15).fill(FRAME.batch);
  const frames = new FrameReader();
  frames.push(concat(u32be(short.length), short));
  const frame = frames.next(100);
  throwsCode(() => readRecordHeader(frame!), 'OOTO_CHANNEL_FRAME');
});

test('one byte at a time costs no more than one chunk', () => {
  const reader = new FrameReader();
  const size = 300_000;
  const started = performance.now();
  for (const byte of u32be(size)) reader.push(Uint8Array.of(byte));
  let frames = 0;
  for (let i = 0; i < size; i++) {
    reader.push(Uint8Array.of(1));
    if (reader.next(size)) frames++;
  }
  is(frames, 1);
  ok(performance.now() - started < 2_000, 'quadratic in the length of a frame');
});
