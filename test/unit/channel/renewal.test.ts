/** A credential replaced while the channel lives: lifetimes, keys, traffic around it, and who may do it. */
import fc from 'fast-check';
import { utf8 } from '../../../src/base/bytes.ts';
import type { CredentialVerifier, OwnCredential } from '../../../src/channel/credential.ts';
import { type Delegation, delegationMessage, encodeDelegation } from '../../../src/channel/delegation.ts';
import { FRAME } from '../../../src/channel/wire.ts';
import type { Crypto } from '../../../src/crypto/crypto.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { bytes, equal, is, throwsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import {
  makeParty,
  Pair,
  type Party,
  rogueCrypto,
  type Side,
  START,
  seededRandom,
  verifierOf,
} from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('channel renewal', { timeout: 30_000 });
const MINUTE = 60_000;

/** A credential of the same party with a new message key and a later end. */
function renewed(
  pair: Pair,
  party: Party,
  change: Partial<Delegation> = {},
  signer = party.identity,
): OwnCredential {
  const messageKey = Ed25519SigningKey.generate(pair.crypto);
  const delegation: Delegation = {
    ...party.delegation,
    messageKey: messageKey.publicKey,
    notBefore: pair.now.wall,
    notAfter: pair.now.wall + 10 * MINUTE,
    ...change,
  };
  const encoded = encodeDelegation(delegation, signer.sign(delegationMessage(delegation)));
  return { ...party.own, delegation: encoded, messageKey };
}

function shortLived(): Pair {
  const delegation = { notAfter: START.wall + 5 * MINUTE };
  return Pair.established({
    parties: (crypto) => ({
      alice: makeParty(crypto, 'alice', { delegation }),
      bob: makeParty(crypto, 'bob', { delegation }),
    }),
  });
}

/** Lets a minute pass at a time, so that epochs change. */
function live(pair: Pair, minutes: number): void {
  for (let i = 0; i < minutes && pair.initiator.state === 'established'; i++) {
    pair.advance(MINUTE);
    pair.run();
  }
}

test('a channel closes when the peer’s delegation lapses', () => {
  const pair = shortLived();
  live(pair, 4);
  is(pair.initiator.state, 'established');
  live(pair, 1);
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_LAPSED');
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_LAPSED');
});

test('what arrives after the lapse is not delivered, ticked or not', () => {
  for (const [wall, monotonic] of [
    [5, 0],
    [0, 5],
    [5, 5],
  ]) {
    const pair = shortLived();
    for (let minute = 0; minute < 4; minute++) live(pair, 1);
    pair.initiator.send(utf8('too late'));
    const flight = pair.initiator.flush(pair.now);
    pair.now = {
      wall: pair.now.wall + wall * 12_000,
      monotonic: pair.now.monotonic + monotonic * 12_000,
    };
    pair.inject('initiator', flight);
    is(pair.closedBy('responder'), 'OOTO_CHANNEL_LAPSED');
    is(pair.takeMessages('responder').length, 0);
  }
});

test('the lapse comes by either clock, whatever the other one does', () => {
  for (const jump of [{ wall: 5 * MINUTE }, { wall: -10 * MINUTE, steps: 5 }]) {
    const pair = shortLived();
    pair.now = { ...pair.now, wall: pair.now.wall + jump.wall };
    pair.advance(0);
    live(pair, jump.steps ?? 0);
    is(pair.closedBy('initiator'), 'OOTO_CHANNEL_LAPSED');
  }
});

test('the deadline names the lapse', () => {
  const pair = shortLived();
  live(pair, 4);
  pair.advance(10_000);
  pair.run();
  is(pair.initiator.deadline() <= START.monotonic + 5 * MINUTE, true);
});

test('the verifier is told what is a renewal on a live channel and what begins one', () => {
  const seen: (boolean | undefined)[] = [];
  const alice = makeParty(testCrypto(seededRandom('renewal')), 'alice');
  const verifier: CredentialVerifier = (presented, now) => {
    seen.push(presented.isRenewal);
    return verifierOf(alice)(presented, now);
  };
  const parties = (crypto: Crypto) => ({ alice, bob: makeParty(crypto, 'bob') });
  const pair = new Pair({ parties, responder: { verifier } });
  pair.start();
  pair.run();
  pair.initiator.renewCredential(renewed(pair, pair.alice));
  pair.run();
  equal(seen, [false, true]);
});

test('with renewals the channel lives on, and messages are signed by the new key', () => {
  const pair = shortLived();
  for (let i = 0; i < 4; i++) {
    live(pair, 4);
    const own = renewed(pair, pair.alice);
    pair.initiator.renewCredential(own);
    pair.responder.renewCredential(renewed(pair, pair.bob));
    pair.initiator.send(utf8('hello'));
    pair.responder.send(utf8('hello'));
    pair.run();
    bytes(pair.responder.peer!.delegation.messageKey, own.messageKey.publicKey);
    equal(pair.takeMessages('responder'), [utf8('hello')]);
    equal(pair.takeMessages('initiator'), [utf8('hello')]);
  }
  is(pair.events.responder.filter(({ type }) => type === 'renewed').length, 4);
});

test('property: renewals, epoch changes and messages in any order harm nothing', () => {
  const steps = fc.constantFrom(
    'move-i',
    'move-r',
    'send-i',
    'send-r',
    'own-i',
    'own-r',
    'epoch-i',
    'epoch-r',
  );
  fc.assert(
    fc.property(fc.array(steps, { minLength: 10, maxLength: 50 }), (sequence) => {
      const pair = Pair.established();
      const sent = { initiator: [] as Uint8Array[], responder: [] as Uint8Array[] };
      for (const step of sequence) {
        const side: Side = step.endsWith('i') ? 'initiator' : 'responder';
        if (step.startsWith('move')) pair.move(side);
        else if (step.startsWith('epoch')) pair[side].renewEpoch();
        else if (step.startsWith('own'))
          pair[side].renewCredential(renewed(pair, side === 'initiator' ? pair.alice : pair.bob));
        else {
          const message = utf8(`${side} ${sent[side].length}`);
          pair[side].send(message);
          sent[side].push(message);
        }
      }
      pair.run();
      is(pair.closedBy('initiator'), undefined);
      is(pair.closedBy('responder'), undefined);
      equal(pair.takeMessages('responder'), sent.initiator);
      equal(pair.takeMessages('initiator'), sent.responder);
    }),
    { numRuns: 25 },
  );
});

test('a renewal for another id or kind is refused by this side', () => {
  const pair = Pair.established();
  const own = renewed(pair, pair.alice);
  throwsCode(() => pair.initiator.renewCredential({ ...own, id: 'x' }), 'OOTO_CHANNEL_OPTIONS');
  throwsCode(() => pair.initiator.renewCredential({ ...own, kind: 'founder' }), 'OOTO_CHANNEL_OPTIONS');
});

/** The code with which the responder answers a renewal of the initiator. */
function answerTo(make: (pair: Pair) => OwnCredential, pair = Pair.established()): string | undefined {
  pair.initiator.renewCredential(make(pair));
  pair.run();
  return pair.closedBy('responder');
}

test('a renewal is judged like a handshake', () => {
  const thief = Ed25519SigningKey.generate(testCrypto());
  is(
    answerTo((pair) => renewed(pair, pair.alice, {}, thief)),
    'OOTO_ENVELOPE_SIGNATURE',
  );
  is(
    answerTo((pair) => renewed(pair, pair.alice, { notAfter: START.wall })),
    'OOTO_CHANNEL_DELEGATION',
  );
  is(
    answerTo((pair) => renewed(pair, pair.alice, { subject: new Uint8Array(32) })),
    'OOTO_CHANNEL_DELEGATION',
  );
  is(
    answerTo((pair) => renewed(pair, pair.alice, { meshId: new Uint8Array(32) })),
    'OOTO_CHANNEL_DELEGATION',
  );
  is(
    answerTo((pair) => renewed(pair, pair.alice, { messageKey: pair.bob.delegation.messageKey })),
    'OOTO_CHANNEL_TRANSCRIPT',
  );
  is(
    answerTo((pair) => ({ ...renewed(pair, pair.alice), credential: utf8('nobody') })),
    'OOTO_TEST_UNKNOWN_PARTY',
  );
});

test('a renewal for another node is refused by the peer', () => {
  const home = new Pair({ seed: 'home' });
  const carol = makeParty(home.crypto, 'carol');
  const verifier = verifierOf(home.alice, home.bob, carol);
  const pair = Pair.established({ parties: () => home, both: { verifier } });
  let asked = 0;
  const own = {
    ...renewed(pair, carol),
    get id() {
      return asked++ === 0 ? pair.alice.own.id : carol.own.id;
    },
  };
  is(
    answerTo(() => own, pair),
    'OOTO_CHANNEL_PEER_ID',
  );
});

test('an acknowledgement and an end carry nothing', () => {
  for (const type of [FRAME.credentialAccepted, FRAME.close]) {
    const crypto = rogueCrypto(testCrypto(seededRandom('content')), (record) => [
      record.type === type ? { ...record, plaintext: utf8('x') } : record,
    ]);
    const pair = Pair.established({ responder: { crypto } });
    pair.initiator.renewCredential(renewed(pair, pair.alice));
    pair.run();
    pair.responder.close(pair.now);
    pair.run();
    is(pair.closedBy('initiator'), 'OOTO_CHANNEL_FRAME');
  }
});

test('a renewal recorded in one session says nothing in another', () => {
  let recorded: Uint8Array | undefined;
  const recorder = (replay: boolean) =>
    rogueCrypto(testCrypto(seededRandom('renewal')), (record) => {
      if (record.type !== FRAME.credential) return [record];
      recorded ??= record.plaintext;
      return [replay ? { ...record, plaintext: recorded } : record];
    });
  const parties = new Pair();
  const first = Pair.established({
    seed: 'a',
    parties: () => parties,
    initiator: { crypto: recorder(false) },
  });
  is(
    answerTo((pair) => renewed(pair, pair.alice), first),
    undefined,
  );
  const second = Pair.established({
    seed: 'b',
    parties: () => parties,
    initiator: { crypto: recorder(true) },
  });
  is(
    answerTo((pair) => renewed(pair, pair.alice), second),
    'OOTO_CHANNEL_TRANSCRIPT',
  );
});

test('an acknowledgement of nothing closes the channel', () => {
  const crypto = rogueCrypto(testCrypto(seededRandom('ack')), (record) => [
    record.type === FRAME.batch
      ? { ...record, type: FRAME.credentialAccepted, plaintext: new Uint8Array() }
      : record,
  ]);
  const pair = Pair.established({ initiator: { crypto } });
  pair.initiator.send(utf8('x'));
  pair.run();
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_FRAME');
});

test('a peer that enrols does not renew: its channel is for one enrolment, and short', () => {
  const pair = Pair.established({
    parties: (crypto) => ({
      alice: makeParty(crypto, 'alice', { kind: 'enrol' }),
      bob: makeParty(crypto, 'bob'),
    }),
    responder: { accept: ['enrol'] },
  });
  pair.initiator.renewCredential(renewed(pair, pair.alice));
  pair.run();
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_KIND');
});
