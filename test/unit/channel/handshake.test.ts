/** Attacks on the handshake: every one ends it, no side keeps state, and the error says precisely why. */
import { concat, utf8 } from '../../../src/base/bytes.ts';
import { Channel, type ChannelOptions } from '../../../src/channel/channel.ts';
import type { OwnCredential } from '../../../src/channel/credential.ts';
import { delegationMessage, encodeDelegation } from '../../../src/channel/delegation.ts';
import { HANDSHAKE_PROTOCOL } from '../../../src/channel/handshake.ts';
import { encodePreamble, NO_COOKIE } from '../../../src/channel/preamble.ts';
import { encodeFrame, FRAME } from '../../../src/channel/wire.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { HandshakeState } from '../../../src/noise/handshake-state.ts';
import { is, ok, throwsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import {
  framesOf,
  MESH_ID,
  makeParty,
  Pair,
  type PairOptions,
  rogueCrypto,
  type Side,
  START,
  verifierOf,
} from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('channel handshake', { timeout: 60_000 });

/** Runs a handshake that must fail; returns the pair with every side closed or never established. */
function refused(options: PairOptions, prepare: (pair: Pair) => void = () => {}): Pair {
  const pair = new Pair(options);
  prepare(pair);
  pair.start();
  pair.run();
  ok(pair.initiator.state !== 'established', 'the initiator came to a session');
  pair.advance(5_000);
  is(pair.initiator.state, 'closed');
  is(pair.responder.state, 'closed');
  return pair;
}

/** Changes the nth flight (0 hello, 1 reply, 2 finish, 3 confirmation). */
function alterFlight(pair: Pair, nth: number, alter: (bytes: Uint8Array) => Uint8Array[]): void {
  let flight = 0;
  pair.tamper = (bytes) => (flight++ === nth ? alter(bytes) : [bytes]);
}

const PREFIX_AND_PREAMBLE = 5 + 66;
const STRIDE = 19;

test('any changed byte of any handshake message ends the handshake', () => {
  const flights: number[] = [];
  const probe = new Pair();
  probe.tamper = (bytes) => {
    flights.push(bytes.length);
    return [bytes];
  };
  probe.start();
  probe.run();
  for (let nth = 0; nth < 3; nth++)
    for (let at = 0; at < flights[nth]; at += at < PREFIX_AND_PREAMBLE ? 1 : STRIDE) {
      const pair = refused({}, (tampered) =>
        alterFlight(tampered, nth, (bytes) => [bytes.with(at, bytes[at] ^ (1 << (at % 8)))]),
      );
      ok(!pair.events.responder.some(({ type }) => type === 'established'), `flight ${nth} byte ${at}`);
    }
});

test('any changed byte of the confirmation closes the initiator before it sends anything', () => {
  for (let at = 0; at < 98; at += 5) {
    const pair = new Pair();
    alterFlight(pair, 3, (bytes) => [bytes.with(at, bytes[at] ^ 4)]);
    pair.start();
    pair.run();
    ok(pair.initiator.state !== 'established', `byte ${at}`);
    pair.advance(5_000);
    is(pair.initiator.state, 'closed');
  }
});

test('a handshake message cut short, dropped or doubled ends the handshake', () => {
  for (let nth = 0; nth < 3; nth++) {
    refused({}, (pair) => alterFlight(pair, nth, (bytes) => [bytes.subarray(0, bytes.length - 1)]));
    refused({}, (pair) => alterFlight(pair, nth, () => []));
    if (nth < 2) refused({}, (pair) => alterFlight(pair, nth, (bytes) => [bytes, bytes]));
  }
});

test('a recorded handshake replayed to the responder comes to nothing', () => {
  const recorded: Record<Side, Uint8Array[]> = { initiator: [], responder: [] };
  const first = new Pair({ seed: 'first' });
  first.tamper = (bytes, from) => {
    recorded[from].push(bytes);
    return [bytes];
  };
  first.start();
  first.run();
  const second = new Pair({ seed: 'second', parties: () => first });
  second.start();
  for (const bytes of recorded.initiator) {
    second.inject('initiator', bytes);
    second.responder.flush(second.now);
  }
  is(second.closedBy('responder'), 'OOTO_CRYPTO_AUTHENTICATION');
});

test('messages out of order are refused', () => {
  const pair = new Pair();
  pair.start();
  pair.inject('responder', concat(Uint8Array.of(0, 0, 0, 33, FRAME.finish), new Uint8Array(32)));
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_FRAME');
  pair.inject('initiator', concat(Uint8Array.of(0, 0, 0, 33, FRAME.finish), new Uint8Array(32)));
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_FRAME');
});

test('reflection: a side that hears its own words closes', () => {
  const pair = new Pair();
  pair.start();
  const hello = pair.initiator.flush(pair.now);
  pair.inject('responder', hello);
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_FRAME');
});

test('selfie: a node that reaches itself refuses its own id', () => {
  const pair = refused({
    parties: (crypto) => {
      const alice = makeParty(crypto, 'alice');
      return { alice, bob: alice };
    },
  });
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_SELF');
});

test('a peer with keys of its own that presents our id is refused', () => {
  const pair = refused({
    parties: (crypto) => ({ alice: makeParty(crypto, 'alice'), bob: makeParty(crypto, 'alice') }),
  });
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_SELF');
});

test('a first message that carries something in the clear is refused', () => {
  const pair = new Pair();
  pair.start();
  const preamble = encodePreamble(MESH_ID, NO_COOKIE);
  const noise = new HandshakeState(pair.crypto, {
    protocolName: HANDSHAKE_PROTOCOL,
    role: 'initiator',
    prologue: preamble,
    staticKey: pair.alice.own.noiseStatic,
  });
  pair.inject('initiator', encodeFrame(FRAME.hello, preamble, noise.writeMessage(utf8('clear'))));
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_FRAME');
});

test('what was not yet sent when a side fails is never sent', () => {
  const pair = new Pair();
  pair.start();
  pair.inject('initiator', pair.initiator.flush(pair.now));
  pair.inject('initiator', new Uint8Array(4));
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_FRAME');
  is(pair.responder.flush(pair.now).length, 0);
});

test('a peer that presents our message key or Noise static under another id is refused', () => {
  for (const stolen of ['messageKey', 'noiseStatic'] as const) {
    const pair = refused({
      parties: (crypto) => {
        const alice = makeParty(crypto, 'alice');
        const bob = makeParty(crypto, 'bob', { delegation: { [stolen]: alice.delegation[stolen] } });
        const own = { ...bob.own, [stolen]: alice.own[stolen] } as OwnCredential;
        return { alice, bob: { ...bob, own } };
      },
    });
    is(pair.closedBy('initiator'), 'OOTO_CHANNEL_SELF');
  }
});

test('role confusion: two initiators, and two responders, come to nothing', () => {
  const crypto = testCrypto();
  const [alice, bob] = [makeParty(crypto, 'alice'), makeParty(crypto, 'bob')];
  const common = { crypto, meshId: MESH_ID, verifier: verifierOf(alice, bob) };
  const one = new Channel({ ...common, role: 'initiator', own: alice.own, expectedId: bob.own.id });
  const two = new Channel({ ...common, role: 'initiator', own: bob.own, expectedId: alice.own.id });
  one.start(START);
  two.start(START);
  one.receive(two.flush(START), START);
  is(one.state, 'closed');
});

test('a signature made in the other role does not verify', () => {
  const pair = refused({
    parties: (crypto) => {
      const bob = makeParty(crypto, 'bob');
      const { messageKey } = bob.own;
      const roleAt = utf8('ooto/1 transcript\0').length;
      const sign = (message: Uint8Array) =>
        messageKey.sign(message[roleAt] === 2 ? message.with(roleAt, 1) : message);
      const own = { ...bob.own, messageKey: { publicKey: messageKey.publicKey, sign } };
      return { alice: makeParty(crypto, 'alice'), bob: { ...bob, own } };
    },
  });
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_TRANSCRIPT');
});

for (const liar of ['alice', 'bob'] as const)
  test(`a forged transcript signature of ${liar} is refused`, () => {
    const pair = refused({
      parties: (crypto) => {
        const [alice, bob] = [makeParty(crypto, 'alice'), makeParty(crypto, 'bob')];
        const thief = Ed25519SigningKey.generate(crypto);
        const forged = (own: OwnCredential): OwnCredential => ({
          ...own,
          messageKey: { publicKey: own.messageKey.publicKey, sign: (message) => thief.sign(message) },
        });
        return liar === 'alice'
          ? { alice: { ...alice, own: forged(alice.own) }, bob }
          : { alice, bob: { ...bob, own: forged(bob.own) } };
      },
    });
    is(pair.closedBy(liar === 'alice' ? 'responder' : 'initiator'), 'OOTO_CHANNEL_TRANSCRIPT');
  });

test('another mesh is refused before any Diffie-Hellman', () => {
  let operations = 0;
  const crypto = testCrypto();
  const counted = {
    ...crypto,
    x25519: {
      ...crypto.x25519,
      sharedSecret: (scalar: Uint8Array, point: Uint8Array) => {
        operations++;
        return crypto.x25519.sharedSecret(scalar, point);
      },
    },
  };
  const pair = refused({ initiator: { meshId: new Uint8Array(32) }, responder: { crypto: counted } });
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_MESH');
  is(operations, 0);
});

test('another version is refused', () => {
  const pair = refused({}, (altered) => alterFlight(altered, 0, (bytes) => [bytes.with(6, 2)]));
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_VERSION');
});

test('whoever answers must be the one that was dialled', () => {
  const pair = refused({ initiator: { expectedId: 'spiffe://test/node/carol' } });
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_PEER_ID');
});

const BAD_DELEGATIONS = {
  'for another mesh': { meshId: new Uint8Array(32) },
  'for another certificate': { subject: new Uint8Array(32) },
  'for another Noise static': { noiseStatic: new Uint8Array(32).fill(9) },
  'not valid yet': { notBefore: START.wall + 120_001 },
  expired: { notAfter: START.wall },
  'longer than the identity': { notAfter: START.wall + 49 * 3_600_000 },
} as const;

for (const [what, delegation] of Object.entries(BAD_DELEGATIONS))
  for (const side of ['alice', 'bob'] as const)
    test(`a delegation of ${side} ${what} is refused`, () => {
      const pair = refused({
        parties: (crypto) => ({
          alice: makeParty(crypto, 'alice', side === 'alice' ? { delegation } : {}),
          bob: makeParty(crypto, 'bob', side === 'bob' ? { delegation } : {}),
        }),
      });
      is(pair.closedBy(side === 'alice' ? 'responder' : 'initiator'), 'OOTO_CHANNEL_DELEGATION');
    });

test('a delegation signed by another identity key is refused', () => {
  const pair = refused({
    parties: (crypto) => {
      const bob = makeParty(crypto, 'bob');
      const thief = Ed25519SigningKey.generate(crypto);
      const delegation = encodeDelegation(bob.delegation, thief.sign(delegationMessage(bob.delegation)));
      return { alice: makeParty(crypto, 'alice'), bob: { ...bob, own: { ...bob.own, delegation } } };
    },
  });
  is(pair.closedBy('initiator'), 'OOTO_ENVELOPE_SIGNATURE');
});

test('a delegation to a message key of small order is refused', () => {
  const pair = refused({
    parties: (crypto) => ({
      alice: makeParty(crypto, 'alice'),
      bob: makeParty(crypto, 'bob', { delegation: { messageKey: new Uint8Array(32).with(0, 1) } }),
    }),
  });
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_TRANSCRIPT');
});

const EVIL_VERIFIERS: Record<string, ChannelOptions['verifier']> = {
  throws: () => {
    throw new Error('out of order');
  },
  'returns undefined': () => undefined as never,
  'returns a promise': (async () => ({})) as never,
  'rejects later': (() => Promise.reject(new Error('late')).catch(() => {})) as never,
  'returns true': (() => true) as never,
  'returns another id': (presented) => ({
    id: `${presented.id}x`,
    kind: presented.kind,
    identityKey: { algorithm: 'ed25519', bytes: new Uint8Array(32) },
    subject: new Uint8Array(32),
    notAfter: START.wall + 1,
  }),
};

for (const [what, verifier] of Object.entries(EVIL_VERIFIERS))
  for (const side of ['initiator', 'responder'] as const)
    test(`fails closed at the ${side} when the verifier ${what}`, () => {
      const pair = refused({ [side]: { verifier } });
      is(pair.closedBy(side), 'OOTO_CHANNEL_CREDENTIAL');
    });

test('an identity that has ended is refused', () => {
  const pair = refused({
    responder: {
      verifier: (presented, now) => ({
        ...pairVerifier(presented, now),
        notAfter: now.wall,
      }),
    },
    parties: () => PARTIES,
  });
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_CREDENTIAL');
});
const PARTIES = { alice: makeParty(testCrypto(), 'alice'), bob: makeParty(testCrypto(), 'bob') };
const pairVerifier = verifierOf(PARTIES.alice, PARTIES.bob);

test('the code that a verifier gives comes through', () => {
  const pair = refused({ responder: { verifier: verifierOf() } });
  is(pair.closedBy('responder'), 'OOTO_TEST_UNKNOWN_PARTY');
});

test('kinds of peers must be asked for', () => {
  const parties = (crypto: ReturnType<typeof testCrypto>) => ({
    alice: makeParty(crypto, 'alice', { kind: 'enrol' as const }),
    bob: makeParty(crypto, 'bob'),
  });
  is(refused({ parties }).closedBy('responder'), 'OOTO_CHANNEL_KIND');
  const pair = Pair.established({ parties, responder: { accept: ['member', 'enrol'] } });
  is(pair.responder.peer?.identity.kind, 'enrol');
});

test('an all-zero Diffie-Hellman result ends the handshake', () => {
  const pair = refused({}, (altered) =>
    alterFlight(altered, 0, (bytes) => [
      bytes.slice().fill(0, PREFIX_AND_PREAMBLE, PREFIX_AND_PREAMBLE + 32),
    ]),
  );
  is(pair.closedBy('responder'), 'OOTO_CRYPTO_KEY');
});

test('no data before the peer is verified: neither side may send it', () => {
  const pair = new Pair();
  throwsCode(() => pair.initiator.send(utf8('early')), 'OOTO_CHANNEL_STATE');
  pair.start();
  throwsCode(() => pair.initiator.send(utf8('early')), 'OOTO_CHANNEL_STATE');
  pair.move('initiator');
  pair.move('responder');
  throwsCode(() => pair.responder.send(utf8('early')), 'OOTO_CHANNEL_STATE');
  is(pair.initiator.flush(pair.now).length > 0, true);
  throwsCode(() => pair.initiator.send(utf8('early')), 'OOTO_CHANNEL_STATE');
});

test('no data before the peer is verified: records that come early close the channel', () => {
  const donor = Pair.established({ seed: 'donor' });
  donor.initiator.send(utf8('early'));
  donor.responder.send(utf8('early'));
  const [fromInitiator, fromResponder] = [donor.initiator.flush(START), donor.responder.flush(START)];
  const pair = new Pair();
  pair.start();
  pair.move('initiator');
  pair.inject('initiator', fromInitiator);
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_FRAME');
  pair.inject('responder', fromResponder);
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_FRAME');
});

test('data in place of the confirmation closes the initiator', () => {
  const pair = new Pair();
  pair.start();
  pair.move('initiator');
  pair.move('responder');
  pair.move('initiator');
  pair.responder.send(utf8('no confirmation before this'));
  const [confirmation, data] = framesOf(pair.responder.flush(pair.now));
  ok(confirmation[4] === FRAME.confirmation && data[4] === FRAME.batch);
  pair.inject('responder', data);
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_COUNTER');
});

test('a responder that sends data instead of its confirmation is refused', () => {
  const crypto = rogueCrypto(testCrypto(), (record) => {
    if (record.type === FRAME.confirmation) return [];
    return [{ ...record, counter: record.counter - 1n }];
  });
  const pair = new Pair({ responder: { crypto } });
  pair.start();
  for (const side of ['initiator', 'responder', 'initiator'] as const) pair.move(side);
  pair.responder.send(utf8('unconfirmed'));
  pair.run();
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_ORDER');
  is(pair.takeMessages('initiator').length, 0);
});

test('a confirmation by another key closes the initiator', () => {
  const pair = new Pair({
    parties: (crypto) => {
      const bob = makeParty(crypto, 'bob');
      const thief = Ed25519SigningKey.generate(crypto);
      const { messageKey } = bob.own;
      const begin = utf8('ooto/1 confirmation\0');
      const sign = (message: Uint8Array) =>
        (begin.every((byte, i) => message[i] === byte) ? thief : messageKey).sign(message);
      const own = { ...bob.own, messageKey: { publicKey: messageKey.publicKey, sign } };
      return { alice: makeParty(crypto, 'alice'), bob: { ...bob, own } };
    },
  });
  pair.start();
  pair.run();
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_CONFIRMATION');
});

test('a handshake that is not finished in time is given up by both sides', () => {
  const pair = new Pair();
  pair.start();
  pair.move('initiator');
  is(pair.initiator.deadline(), START.monotonic + 5_000);
  pair.advance(4_999);
  is(pair.responder.state, 'handshake');
  pair.advance(1);
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_HANDSHAKE_TIMEOUT');
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_HANDSHAKE_TIMEOUT');
});

test('a frame too long for a handshake is refused at its length', () => {
  const pair = new Pair();
  pair.start();
  pair.inject('initiator', Uint8Array.of(0, 2, 0, 0));
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_FRAME');
  pair.inject('responder', new Uint8Array(4));
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_FRAME');
});

test('the peer learns nothing of the reason: a side that fails sends no byte more', () => {
  const pair = refused({ responder: { verifier: verifierOf() } });
  is(pair.responder.flush(pair.now).length, 0);
});

test('options that do not fit together are refused', () => {
  const crypto = testCrypto();
  const alice = makeParty(crypto, 'alice');
  const sound: ChannelOptions = {
    crypto,
    role: 'initiator',
    meshId: MESH_ID,
    own: alice.own,
    expectedId: 'x',
    verifier: verifierOf(),
  };
  for (const wrong of [
    { meshId: new Uint8Array(31) },
    { expectedId: undefined },
    { own: { ...alice.own, noiseStatic: new Uint8Array(31) } },
    { cookies: { secrets: [], address: '', isLoaded: () => false } },
  ])
    throwsCode(() => new Channel({ ...sound, ...wrong }), 'OOTO_CHANNEL_OPTIONS');
});
