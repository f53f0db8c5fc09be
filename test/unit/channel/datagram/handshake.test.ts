/** One attempt at a handshake over datagrams, machine against machine: what is out of place changes nothing. */
import { concat } from '../../../../src/base/bytes.ts';
import type { PeerContext } from '../../../../src/channel/credential.ts';
import {
  type AttemptContext,
  FIRST_MESSAGE_BYTES,
  Initiation,
  Reception,
} from '../../../../src/channel/datagram/handshake.ts';
import {
  encodeCookie,
  encodeFinish,
  encodeReply,
  readFirst,
  readReply,
} from '../../../../src/channel/datagram/packet.ts';
import { cutPieces } from '../../../../src/channel/datagram/pieces.ts';
import { COOKIE_BYTES, encodePreamble, NO_COOKIE } from '../../../../src/channel/preamble.ts';
import type { Crypto } from '../../../../src/crypto/crypto.ts';
import { bytes, equal, is, ok, throwsCode } from '../../../support/assert.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { MESH_ID, makeParty, START, seededRandom, verifierOf } from '../../../support/network.ts';
import { notingSecrets } from '../../../support/secret-arrays.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('attempts at a handshake over datagrams', { timeout: 30_000 });
const [NEAR, FAR] = [7, 9];
const DATAGRAM_BYTES = 600;
const cookie = (fill: number) => new Uint8Array(COOKIE_BYTES).fill(fill);

function contexts(crypto: Crypto): Record<'initiator' | 'responder', AttemptContext> {
  const [alice, bob] = [makeParty(crypto, 'alice'), makeParty(crypto, 'bob')];
  const common: Omit<PeerContext, 'role' | 'own' | 'expectedId'> = {
    ...{ crypto, meshId: MESH_ID, accept: ['member'], verifier: verifierOf(alice, bob) },
  };
  return {
    initiator: {
      ...{ ...common, role: 'initiator', own: alice.own, expectedId: bob.own.id },
      datagramBytes: DATAGRAM_BYTES,
    },
    responder: {
      ...{ ...common, role: 'responder', own: bob.own, expectedId: undefined },
      datagramBytes: DATAGRAM_BYTES,
    },
  };
}

function attempt(crypto = testCrypto(seededRandom('attempts'))) {
  const { initiator, responder } = contexts(crypto);
  const initiation = new Initiation(initiator, NEAR);
  const reception = new Reception(responder, FAR, {
    sender: NEAR,
    preamble: encodePreamble(MESH_ID, cookie(1)),
  });
  return {
    initiation,
    reception,
    takeCookie: (fill = 1) => initiation.receiveCookie(encodeCookie(NEAR, cookie(fill))),
    /** Message 1 to the responder, piece by piece. */
    sendFirst() {
      for (const datagram of initiation.flight) {
        const { preamble, piece } = readFirst(datagram);
        reception.receiveFirst({ preamble }, piece);
      }
      reception.answer();
    },
    receiveReply: (datagram: Uint8Array) => initiation.receiveReply(datagram, START),
    receiveFinish: (datagram: Uint8Array) => reception.receiveFinish(datagram, START),
  };
}

/** Up to where message 2 is due at the initiator. */
function answered(crypto?: Crypto) {
  const both = attempt(crypto);
  both.takeCookie();
  both.sendFirst();
  ok(both.reception.flight.length > 1, 'message 2 has pieces');
  return both;
}

function finished(both: ReturnType<typeof answered>) {
  const mets = both.reception.flight.map((datagram) => both.receiveReply(datagram));
  const [near] = mets.splice(-1);
  ok(mets.every((met) => met === undefined));
  const far = both.initiation.flight.map((datagram) => both.receiveFinish(datagram)).at(-1);
  ok(near && far);
  bytes(near.split.handshakeHash, far.split.handshakeHash);
  equal([near.remoteIndex, far.remoteIndex], [FAR, NEAR]);
  for (const { split } of [near, far]) {
    split[Symbol.dispose]();
    split.exporterSecret.fill(0);
  }
}

test('two machines come to the same session', () => finished(answered()));

test('a reply before any ephemerals were sent answers nothing', () => {
  const { initiation, receiveReply } = attempt();
  const reply = encodeReply(NEAR, FAR, { index: 0, count: 1, bytes: cookie(3) });
  throwsCode(() => receiveReply(reply), 'OOTO_CHANNEL_DATAGRAM');
  is(initiation.flight.length, 1);
});

test('a reply whose sender cannot be called, and one of a second sender, leave the first as it is', () => {
  const both = answered();
  const [begin, ...others] = both.reception.flight;
  const from = (sender: number, datagram: Uint8Array) => encodeReply(NEAR, sender, readReply(datagram).piece);
  throwsCode(() => both.receiveReply(from(0, begin)), 'OOTO_CHANNEL_DATAGRAM');
  is(both.receiveReply(begin), undefined);
  for (const other of others)
    throwsCode(() => both.receiveReply(from(FAR + 1, other)), 'OOTO_CHANNEL_DATAGRAM');
  finished(both);
});

test('a cookie that comes behind a piece of the reply does not begin anew', () => {
  const both = answered();
  both.receiveReply(both.reception.flight[0]);
  is(both.takeCookie(2), false);
  finished(both);
});

test('an attempt takes three cookies, each once; the prologue is that of the last', () => {
  const both = attempt();
  equal(
    [3, 3, 2, 1].map((fill) => both.takeCookie(fill)),
    [true, false, true, true],
  );
  is(both.takeCookie(4), false);
  both.sendFirst();
  finished(both);
});

test('a reply that is resent when the initiator has finished changes nothing', () => {
  const both = answered();
  for (const datagram of both.reception.flight) both.receiveReply(datagram);
  const { flight } = both.initiation;
  for (const datagram of both.reception.flight) is(both.receiveReply(datagram), undefined);
  is(both.initiation.flight, flight);
  ok(flight.map((datagram) => both.receiveFinish(datagram)).at(-1));
});

test('pieces of message 1 under different cookies are not put together', () => {
  const { initiation, reception, takeCookie } = attempt();
  takeCookie();
  const [begin, ...others] = initiation.flight.map(readFirst);
  reception.receiveFirst(begin, begin.piece);
  for (const preamble of [encodePreamble(MESH_ID, cookie(2)), encodePreamble(MESH_ID, NO_COOKIE)])
    for (const { piece } of others)
      throwsCode(() => reception.receiveFirst({ preamble }, piece), 'OOTO_CHANNEL_DATAGRAM');
  is(reception.awaitsAnswer, false);
  for (const { preamble, piece } of others) reception.receiveFirst({ preamble }, piece);
  is(reception.awaitsAnswer, true);
});

test('message 1 has one length: a payload in the clear has no room in it', () => {
  const { initiation, reception, takeCookie } = attempt();
  takeCookie();
  const pieces = initiation.flight.map((datagram) => readFirst(datagram).piece);
  const message = concat(...pieces.map((piece) => piece.bytes));
  is(message.length, FIRST_MESSAGE_BYTES);
  const introduction = { sender: NEAR, preamble: encodePreamble(MESH_ID, cookie(1)) };
  const [one, two] = cutPieces(concat(message, Uint8Array.of(1)), 1_000);
  reception.receiveFirst(introduction, one);
  throwsCode(() => reception.receiveFirst(introduction, two), 'OOTO_CHANNEL_DATAGRAM');
});

test('message 3 before message 1 is junk', () => {
  const { reception, receiveFinish, takeCookie, sendFirst } = attempt();
  const finish = encodeFinish(FAR, { index: 0, count: 1, bytes: cookie(5) });
  throwsCode(() => receiveFinish(finish), 'OOTO_CHANNEL_DATAGRAM');
  takeCookie();
  sendFirst();
  ok(reception.flight.length > 0);
});

test('whatever way an attempt ends, and when a newer cookie replaces its ephemerals, its secrets are overwritten', () => {
  const ends: ((both: ReturnType<typeof attempt>) => void)[] = [
    (both) => both.takeCookie(),
    (both) => {
      both.takeCookie(2);
      both.takeCookie(1);
    },
    (both) => {
      both.takeCookie();
      both.sendFirst();
      both.receiveReply(both.reception.flight[0]);
    },
    (both) => {
      both.takeCookie();
      both.sendFirst();
      finished(both);
    },
  ];
  for (const [number, end] of ends.entries()) {
    const noting = notingSecrets(testCrypto(seededRandom(`ends ${number}`)));
    const both = attempt(noting.crypto);
    const kept = noting.left();
    end(both);
    both.initiation[Symbol.dispose]();
    both.reception[Symbol.dispose]();
    equal(noting.left(), kept, `way ${number}`);
  }
});
