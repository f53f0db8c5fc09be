/** Epochs: when they change, under what traffic, what a liar or a silent peer can do, and what is left of old keys. */
import fc from 'fast-check';
import { concat, readU32be, utf8 } from '../../../src/base/bytes.ts';
import { EPOCH_BURST, EPOCH_LEAST_MS, EpochPace } from '../../../src/channel/epoch-pace.ts';
import { FRAME } from '../../../src/channel/wire.ts';
import type { Crypto } from '../../../src/crypto/crypto.ts';
import { bytes, equal, is, not, ok } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import {
  framesOf,
  later,
  makeParty,
  Pair,
  type PairOptions,
  rogueCrypto,
  type Side,
  START,
  seededRandom,
  WITHOUT_LIFE_SIGNS,
} from '../../support/network.ts';
import { notingSecrets } from '../../support/secret-arrays.ts';
import { suite } from '../../support/suite.ts';

const test = suite('channel epochs', { timeout: 30_000 });
const MESSAGE = utf8('a message');

const typesOf = (bytesOfFlight: Uint8Array) => framesOf(bytesOfFlight).map((frame) => frame[4]);
const epochsOf = (bytesOfFlight: Uint8Array) => framesOf(bytesOfFlight).map((frame) => readU32be(frame, 5));

/** Runs the pair and notes what each side sent. */
function observed(pair: Pair): { from: Side; type: number; epoch: number }[] {
  const seen: { from: Side; type: number; epoch: number }[] = [];
  pair.tamper = (flight, from) => {
    typesOf(flight).forEach((type, i) => void seen.push({ from, type, epoch: epochsOf(flight)[i] }));
    return [flight];
  };
  pair.run();
  return seen;
}

test('an epoch is due within the last tenth of its 60 seconds, another moment on every channel', () => {
  const due = new Set<number>();
  for (let i = 0; i < 8; i++) {
    const pair = Pair.established({ seed: `jitter ${i}`, both: { limits: WITHOUT_LIFE_SIGNS } });
    const at = pair.initiator.deadline() - pair.now.monotonic;
    ok(at > 54_000 && at <= 60_000, `${at}`);
    due.add(at);
  }
  ok(due.size > 4);
});

test('the change goes in the order of the protocol', () => {
  const pair = Pair.established({ both: { limits: WITHOUT_LIFE_SIGNS } });
  pair.advance(60_000);
  equal(observed(pair), [
    { from: 'initiator', type: FRAME.epochOffer, epoch: 0 },
    { from: 'responder', type: FRAME.epochAnswer, epoch: 0 },
    { from: 'initiator', type: FRAME.epochConfirmation, epoch: 1 },
    { from: 'responder', type: FRAME.epochSwitched, epoch: 1 },
  ]);
  equal(
    pair.events.initiator.filter(({ type }) => type === 'epoch'),
    [{ type: 'epoch', epoch: 1 }],
  );
});

test('the responder asks when the initiator does not offer, and asks once', () => {
  const pair = Pair.established({
    initiator: { limits: { ...WITHOUT_LIFE_SIGNS, epochMs: 10_000_000 } },
    responder: { limits: WITHOUT_LIFE_SIGNS },
  });
  pair.advance(66_000);
  equal(
    observed(pair).map(({ type }) => type),
    [FRAME.epochRequest, FRAME.epochOffer, FRAME.epochAnswer, FRAME.epochConfirmation, FRAME.epochSwitched],
  );
  is(pair.responder.status.epoch, 1);
});

test('both sides at once: one change comes of it', () => {
  const pair = Pair.established();
  pair.initiator.renewEpoch();
  pair.responder.renewEpoch();
  pair.run();
  is(pair.initiator.status.epoch, 1);
  is(pair.responder.status.epoch, 1);
  pair.initiator.send(MESSAGE);
  pair.responder.send(MESSAGE);
  pair.run();
  equal(pair.takeMessages('initiator'), [MESSAGE]);
  equal(pair.takeMessages('responder'), [MESSAGE]);
});

test('wear in either direction brings a new epoch', () => {
  for (const [limits, sender] of [
    [{ epochRecords: 4 }, 'initiator'],
    [{ epochRecords: 4 }, 'responder'],
    [{ epochBytes: 2_000 }, 'initiator'],
    [{ epochBytes: 2_000 }, 'responder'],
  ] as const) {
    const pair = Pair.established({ both: { limits } });
    for (let i = 0; i < 6; i++) {
      pair[sender].send(new Uint8Array(500));
      pair.run();
    }
    ok(pair.initiator.status.epoch >= 1, JSON.stringify(limits));
  }
});

test('property: traffic in both directions at every step of a change loses and reorders nothing', () => {
  const step = fc.constantFrom('initiator', 'responder', 'send-i', 'send-r', 'renew-i', 'renew-r');
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
      const pair = Pair.established();
      const sent = { initiator: [] as Uint8Array[], responder: [] as Uint8Array[] };
      const send = (side: Side) => {
        const message = utf8(`${side} ${sent[side].length}`);
        pair[side].send(message);
        sent[side].push(message);
      };
      for (const one of steps) {
        if (one === 'initiator' || one === 'responder') pair.move(one);
        else if (one === 'send-i') send('initiator');
        else if (one === 'send-r') send('responder');
        else if (one === 'renew-i') pair.initiator.renewEpoch();
        else pair.responder.renewEpoch();
      }
      pair.run();
      equal(pair.takeMessages('responder'), sent.initiator);
      equal(pair.takeMessages('initiator'), sent.responder);
      is(pair.initiator.status.epoch, pair.responder.status.epoch);
      is(pair.initiator.state, 'established');
    }),
    { numRuns: 25 },
  );
});

test('no data of the new epoch is sent before the peer has signed it', () => {
  const pair = Pair.established();
  pair.initiator.renewEpoch();
  pair.move('initiator');
  pair.initiator.send(MESSAGE);
  equal(epochsOf(pair.initiator.flush(pair.now)), [0]);
  pair.responder.send(MESSAGE);
  const flight = pair.responder.flush(pair.now);
  equal(epochsOf(flight), [0, 0]);
  equal(typesOf(flight), [FRAME.epochAnswer, FRAME.batch]);
});

test('without a new epoch both sides close at 90 seconds', () => {
  const pair = Pair.established({ both: { limits: WITHOUT_LIFE_SIGNS } });
  pair.tamper = () => [];
  pair.advance(60_000);
  pair.move('initiator');
  is(pair.initiator.deadline(), 1_000 + 90_000);
  pair.advance(29_999);
  is(pair.initiator.state, 'established');
  pair.advance(1);
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_EPOCH_OVERDUE');
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_EPOCH_OVERDUE');
});

test('a change that stops half-way does not keep the channel alive', () => {
  for (let stopAfter = 1; stopAfter <= 3; stopAfter++) {
    const pair = Pair.established();
    pair.advance(60_000);
    let flights = 0;
    pair.tamper = (flight) => (flights++ < stopAfter ? [flight] : []);
    pair.run();
    pair.advance(30_000);
    is(pair.closedBy('initiator'), 'OOTO_CHANNEL_EPOCH_OVERDUE', `after ${stopAfter}`);
    if (stopAfter < 3) is(pair.closedBy('responder'), 'OOTO_CHANNEL_EPOCH_OVERDUE', `after ${stopAfter}`);
  }
});

test('records dropped at the end of an epoch are missed when the next one begins', () => {
  for (const sender of ['initiator', 'responder'] as const) {
    const receiver = sender === 'initiator' ? 'responder' : 'initiator';
    const pair = Pair.established();
    pair.initiator.renewEpoch();
    pair.move('initiator');
    if (sender === 'responder') pair.move('responder');
    pair[sender].send(MESSAGE);
    equal(epochsOf(pair[sender].flush(pair.now)), [0]);
    pair.run();
    is(pair.closedBy(receiver), 'OOTO_CHANNEL_COUNTER', sender);
    is(pair.takeMessages(receiver).length, 0);
  }
});

test('what arrives when an epoch has reached its limit is not delivered, ticked or not', () => {
  const pair = Pair.established();
  pair.initiator.send(MESSAGE);
  const flight = pair.initiator.flush(pair.now);
  pair.now = later(pair.now, 90_000);
  pair.inject('initiator', flight);
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_EPOCH_OVERDUE');
  is(pair.takeMessages('responder').length, 0);
});

test('a record of an older epoch closes the channel', () => {
  const pair = Pair.established();
  pair.initiator.send(MESSAGE);
  const old = pair.initiator.flush(pair.now);
  pair.inject('initiator', old);
  pair.initiator.renewEpoch();
  pair.run();
  pair.inject('initiator', old);
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_EPOCH');
  is(pair.takeMessages('responder').length, 1);
});

test('a record of an epoch that does not exist closes the channel', () => {
  const pair = Pair.established();
  pair.initiator.send(MESSAGE);
  const record = pair.initiator.flush(pair.now);
  pair.inject('initiator', record.with(8, 1));
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_EPOCH');
});

test('data as the first record of an epoch closes the channel: only the switch may open it', () => {
  const pair = Pair.established();
  pair.initiator.renewEpoch();
  pair.move('initiator');
  pair.move('responder');
  pair.initiator.send(MESSAGE);
  const [, data] = framesOf(pair.initiator.flush(pair.now));
  is(data[4], FRAME.batch);
  pair.inject('initiator', data);
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_EPOCH');
});

test('any changed byte of any record of a change closes the channel', () => {
  for (let nth = 0; nth < 4; nth++)
    for (let place = 0; place < 12; place++) {
      const pair = Pair.established();
      let flight = 0;
      pair.tamper = (sent) => {
        if (flight++ !== nth) return [sent];
        const at = 4 + Math.floor((place / 12) * (sent.length - 4));
        return [sent.with(at, sent[at] ^ 0x40)];
      };
      pair.initiator.renewEpoch();
      pair.run();
      const victim = nth % 2 === 0 ? 'responder' : 'initiator';
      ok(pair.closedBy(victim) !== undefined, `flight ${nth}, place ${place}`);
    }
});

/** A pair of which one side changes its own control records before sealing them. */
function liar(
  side: Side,
  type: number,
  change: (plaintext: Uint8Array) => Uint8Array,
  leader: Side = 'initiator',
): Pair {
  const crypto = rogueCrypto(testCrypto(seededRandom('liar')), (record) => [
    record.type === type ? { ...record, plaintext: change(record.plaintext) } : record,
  ]);
  const pair = Pair.established({ [side]: { crypto } });
  pair[leader].renewEpoch();
  pair.run();
  return pair;
}

test('a peer without the message key cannot begin an epoch', () => {
  const flip = (plaintext: Uint8Array) => plaintext.with(0, plaintext[0] ^ 1);
  is(liar('initiator', FRAME.epochConfirmation, flip).closedBy('responder'), 'OOTO_CHANNEL_EPOCH_SIGNATURE');
  const withThief: PairOptions = {
    parties: () => {
      const honest = new Pair();
      const { messageKey } = honest.bob.own;
      const begin = 'ooto/1 epoch-transcript\0';
      const sign = (message: Uint8Array) =>
        String.fromCharCode(...message.subarray(0, begin.length)) === begin
          ? new Uint8Array(64)
          : messageKey.sign(message);
      const own = { ...honest.bob.own, messageKey: { publicKey: messageKey.publicKey, sign } };
      return { alice: honest.alice, bob: { ...honest.bob, own } };
    },
  };
  const pair = Pair.established(withThief);
  pair.initiator.renewEpoch();
  pair.run();
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_EPOCH_SIGNATURE');
});

test('an offer with an all-zero key is refused', () => {
  const zero = (plaintext: Uint8Array) => plaintext.slice().fill(0, 0, 32);
  const code = liar('initiator', FRAME.epochOffer, zero).closedBy('responder');
  ok(code === 'OOTO_CRYPTO_KEY' || code === 'OOTO_CRYPTO_AUTHENTICATION', code);
});

test('an offer on top of an offer is refused', () => {
  const crypto = rogueCrypto(testCrypto(seededRandom('double')), (record) =>
    record.type === FRAME.epochOffer ? [record, { ...record, counter: record.counter + 1n }] : [record],
  );
  const pair = Pair.established({ initiator: { crypto } });
  pair.initiator.renewEpoch();
  pair.run();
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_FRAME');
});

test('an offer that carries a payload is refused', () => {
  const crypto = testCrypto(seededRandom('payload'));
  const seal: Crypto['aes256gcm']['seal'] = (key, iv, aad, plaintext, engine) =>
    crypto.aes256gcm.seal(key, iv, aad, plaintext.length > 0 ? plaintext : Uint8Array.of(1), engine);
  const pair = Pair.established({
    initiator: { crypto: { ...crypto, aes256gcm: { ...crypto.aes256gcm, seal } } },
  });
  pair.initiator.renewEpoch();
  pair.run();
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_FRAME');
});

test('control records with content that is not theirs are refused', () => {
  const add = (plaintext: Uint8Array) => concat(plaintext, Uint8Array.of(1));
  const request = liar('responder', FRAME.epochRequest, add, 'responder');
  is(request.closedBy('initiator'), 'OOTO_CHANNEL_FRAME');
  ok(liar('responder', FRAME.epochSwitched, add).closedBy('initiator') === 'OOTO_CHANNEL_FRAME');
  ok(liar('responder', FRAME.epochAnswer, add).closedBy('initiator') !== undefined);
  ok(liar('initiator', FRAME.epochOffer, add).closedBy('responder') !== undefined);
  ok(liar('initiator', FRAME.epochConfirmation, add).closedBy('responder') !== undefined);
});

test('every epoch has its own keys, hash and exported values', () => {
  const pair = Pair.established();
  const seen = new Set<string>();
  for (let i = 0; i < 4; i++) {
    seen.add(String(pair.initiator.export('attestation-exporter')));
    pair.initiator.renewEpoch();
    pair.run();
  }
  is(seen.size, 4);
});

test('four hours of epochs: no key is used twice with one counter', () => {
  const used = new Set<string>();
  let uses = 0;
  const onNonce = (keyId: string, counter: bigint) => {
    uses++;
    used.add(`${keyId} ${counter}`);
  };
  const delegation = { notAfter: START.wall + 24 * 3_600_000 };
  const pair = Pair.established({
    both: { onNonce },
    parties: (crypto) => ({
      alice: makeParty(crypto, 'alice', { delegation }),
      bob: makeParty(crypto, 'bob', { delegation }),
    }),
  });
  for (let i = 0; i < 240; i++) {
    pair.advance(60_000);
    pair.initiator.send(MESSAGE);
    pair.responder.send(MESSAGE);
    pair.run();
    pair.takeMessages('initiator');
    pair.takeMessages('responder');
  }
  is(pair.initiator.status.epoch, 240);
  ok(uses > 5 * 240);
  is(used.size, uses);
});

/** Remembers every key given to the record cipher and every value expanded. */
function remembering(crypto: Crypto, keys: Uint8Array[]): Crypto {
  return {
    ...crypto,
    recordCipher(key) {
      keys.push(key);
      return crypto.recordCipher(key);
    },
    hkdf256Expand(prk, info, length) {
      const value = crypto.hkdf256Expand(prk, info, length);
      keys.push(prk, value);
      return value;
    },
  };
}

test('an offer that is refused leaves no secret of the change behind', () => {
  const crypto = testCrypto(seededRandom('refused'));
  const seal: Crypto['aes256gcm']['seal'] = (key, iv, aad, plaintext, engine) =>
    crypto.aes256gcm.seal(key, iv, aad, plaintext.length > 0 ? plaintext : Uint8Array.of(1), engine);
  const noting = notingSecrets(testCrypto(seededRandom('noting')));
  const pair = Pair.established({
    initiator: { crypto: { ...crypto, aes256gcm: { ...crypto.aes256gcm, seal } } },
    responder: { crypto: noting.crypto },
  });
  pair.initiator.renewEpoch();
  pair.run();
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_FRAME');
  // The message of one HMAC is a public key: the initiator's ephemeral, mixed into ck because a psk is in use.
  equal(noting.left(), ['hmac message (32)']);
});

test('keys of an epoch are overwritten when it is left, and all of them when the channel ends', () => {
  const keys: Uint8Array[] = [];
  const crypto = remembering(testCrypto(seededRandom('remember')), keys);
  const pair = Pair.established({ initiator: { crypto } });
  const first = [...new Set(keys)];
  ok(first.length >= 6);
  pair.initiator.renewEpoch();
  pair.run();
  const alive = first.filter((key) => key.some((byte) => byte !== 0));
  is(alive.length, 1, 'only the exported value of the epoch before is kept');
  pair.initiator.close(pair.now);
  for (const key of keys) bytes(key, new Uint8Array(key.length));
  not.equal(keys.length, first.length);
});

test('close() seals nothing in an epoch 90 s old or for a peer whose delegation has lapsed', () => {
  for (const [ms, code] of [
    [89_999, 'clean'],
    [90_000, 'OOTO_CHANNEL_EPOCH_OVERDUE'],
    [3_600_000, 'OOTO_CHANNEL_LAPSED'],
  ] as const) {
    const pair = Pair.established();
    pair.initiator.send(MESSAGE);
    pair.now = later(pair.now, ms);
    pair.initiator.close(pair.now);
    is(pair.initiator.flush(pair.now).length > 0, code === 'clean');
    pair.collect('initiator');
    is(pair.closedBy('initiator'), code);
  }
});

test('a channel that is disposed of seals nothing more, and the peer does not take that for an agreed end', () => {
  const pair = Pair.established();
  pair.initiator.send(MESSAGE);
  pair.initiator[Symbol.dispose]();
  is(pair.initiator.flush(pair.now).length, 0);
  pair.responder.receiveEnd();
  pair.collect('responder');
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_TRUNCATED');
});

test('a peer that begins epochs without end loses the channel, whichever role it has', () => {
  for (const side of ['initiator', 'responder'] as const) {
    const pair = Pair.established();
    const other = side === 'initiator' ? 'responder' : 'initiator';
    for (let i = 0; i < EPOCH_BURST; i++) {
      pair[side].renewEpoch();
      pair.run();
      is(pair.closedBy(other), undefined);
    }
    is(pair[side].status.epoch, EPOCH_BURST);
    pair[side].renewEpoch();
    pair.run();
    is(pair.closedBy(other), 'OOTO_CHANNEL_EPOCH_RATE');
    is(pair[side].status.epoch, EPOCH_BURST, 'no key was agreed upon for it');
  }
});

test('property: of a peer so many changes are taken at once, and one a second after that', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3_000), { minLength: 40, maxLength: 200 }), (pauses) => {
      const pace = new EpochPace(0);
      const taken: number[] = [];
      let now = 0;
      for (const pause of pauses) {
        now += pause;
        const before = [...taken];
        try {
          pace.take(now);
          taken.push(now);
        } catch (error) {
          is((error as { code: string }).code, 'OOTO_CHANNEL_EPOCH_RATE');
          equal(taken, before);
        }
      }
      for (const [i, from] of taken.entries())
        for (const [n, to] of taken.slice(i).entries())
          ok(n + 1 <= EPOCH_BURST + (to - from) / EPOCH_LEAST_MS + 1, `${n + 1} in ${to - from} ms`);
      for (let at = now + 1; at < now + 100_000; at += EPOCH_LEAST_MS) pace.take(at + EPOCH_LEAST_MS);
    }),
  );
});
