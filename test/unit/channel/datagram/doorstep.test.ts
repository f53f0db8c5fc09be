/** T34: what strangers cost before they have shown their address: one MAC each, nothing kept, no answer larger than the question. */
import { concat } from '../../../../src/base/bytes.ts';
import { FIRST_MESSAGE_BYTES } from '../../../../src/channel/datagram/handshake.ts';
import {
  DatagramHost,
  MOST_COOKIES_A_TURN,
  MOST_HALF_OPEN,
  MOST_HELD_BYTES,
} from '../../../../src/channel/datagram/host.ts';
import {
  COOKIE_DATAGRAM_BYTES,
  DATAGRAM,
  encodeFinish,
  encodeFirst,
  encodeHello,
  readCookie,
  readReply,
  typeOf,
} from '../../../../src/channel/datagram/packet.ts';
import { encodePreamble, NO_COOKIE } from '../../../../src/channel/preamble.ts';
import { bytes, equal, is, ok } from '../../../support/assert.ts';
import { countingAgreements } from '../../../support/counting-crypto.ts';
import { testCrypto } from '../../../support/crypto.ts';
import { DatagramPair } from '../../../support/datagram-network.ts';
import { later, MESH_ID, makeParty, START, seededRandom, verifierOf } from '../../../support/network.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('the doorstep of datagrams', { timeout: 30_000 });

function hostUnderAttack() {
  const watched = countingAgreements(testCrypto(seededRandom('doorstep')));
  const bob = makeParty(watched.crypto, 'bob');
  const host = new DatagramHost({
    ...{ crypto: watched.crypto, meshId: MESH_ID, own: () => bob.own, verifier: verifierOf(bob) },
  });
  const before = watched.work();
  return { host, crypto: watched.crypto, work: () => watched.work() - before };
}

const hello = (sender: number) => encodeHello({ sender, preamble: encodePreamble(MESH_ID, NO_COOKIE) });
const first = (sender: number, cookie: Uint8Array, index = 0, count = 2, length = 1_100) =>
  encodeFirst(
    { sender, preamble: encodePreamble(MESH_ID, cookie) },
    { index, count, bytes: new Uint8Array(length) },
  );

test('50,000 strangers cost no state, no Diffie-Hellman and no KEM; every answer is shorter than the question', () => {
  const { host, work } = hostUnderAttack();
  const idle = host.status;
  let [asked, answered] = [0, 0];
  for (let i = 0; i < 50_000; i++) {
    const from = `${(i >>> 16) + 1}.${(i >>> 8) & 255}.${i & 255}.1:${1_024 + (i % 60_000)}`;
    const kind = i % 4;
    const datagram = [
      hello(i + 1),
      first(i + 1, NO_COOKIE),
      first(i + 1, NO_COOKIE.with(3, 9), 1),
      hello(i + 1).fill(7),
    ][kind];
    host.serveStrangers(START);
    host.receive(datagram, from, START);
    const output = host.takeOutput();
    asked += datagram.length;
    for (const { bytes: answer, to } of output) {
      is(to, from);
      ok(answer.length <= datagram.length, `${answer.length} for ${datagram.length}`);
      is(answer.length, COOKIE_DATAGRAM_BYTES);
      answered += answer.length;
    }
  }
  host.turn(START);
  is(work(), 0);
  ok(answered < asked);
  const { cookiesAsked, refused, ...rest } = host.status;
  const { cookiesAsked: _, refused: __, ...idleRest } = idle;
  equal(rest, idleRest);
  is(cookiesAsked + refused, 50_000);
  is(host.deadline(), Number.POSITIVE_INFINITY);
});

test('a cookie is good for its address and port alone, and for one to two periods', () => {
  const { host } = hostUnderAttack();
  const cookieAt = (from: string, now = START) => {
    host.receive(hello(1), from, now);
    return readCookie(host.takeOutput()[0].bytes);
  };
  const takes = (from: string, cookie: Uint8Array, now = START) => {
    const { refused } = host.status;
    host.receive(first(1, cookie), from, now);
    return host.status.refused === refused;
  };
  const cookie = cookieAt('192.0.2.1:1');
  bytes(cookieAt('192.0.2.1:1'), cookie);
  ok(!takes('192.0.2.1:2', cookie));
  ok(!takes('192.0.2.2:1', cookie));
  ok(takes('192.0.2.1:1', cookie));
  ok(takes('192.0.2.1:1', cookie, later(START, 230_000)));
  ok(!takes('192.0.2.1:1', cookie, later(START, 250_000)));
});

test('whoever has shown its address begins 5 handshakes at once and 20 a second; resent pieces cost nothing', () => {
  const { host } = hostUnderAttack();
  const from = '192.0.2.1:1';
  host.receive(hello(1), from, START);
  const cookie = readCookie(host.takeOutput()[0].bytes);
  for (let i = 1; i <= 50; i++) for (let n = 0; n < 3; n++) host.receive(first(i, cookie), from, START);
  is(host.status.halfOpen, 5);
  for (let i = 51; i <= 100; i++) host.receive(first(i, cookie), from, later(START, 1_000));
  is(host.status.halfOpen, 10);
  host.tick(later(START, 6_400));
  host.turn(later(START, 6_400));
  equal(
    [host.status.halfOpen, host.status.channels, host.status.indexes, host.status.heldBytes],
    [0, 0, 0, 0],
  );
});

test('half-open handshakes are bounded in number and bytes; the oldest gives way', () => {
  const { host } = hostUnderAttack();
  for (let i = 1; i <= MOST_HALF_OPEN + 100; i++) {
    const from = `10.${i >>> 8}.${i & 255}.1:7`;
    host.serveStrangers(START);
    host.receive(hello(i), from, START);
    const cookie = readCookie(host.takeOutput()[0].bytes);
    host.receive(first(i, cookie), from, START);
    host.turn(START);
    host.takeTouched();
  }
  is(host.status.halfOpen, MOST_HALF_OPEN);
  ok(host.status.heldBytes <= MOST_HELD_BYTES);
  is(host.status.channels, MOST_HALF_OPEN);
});

test('strangers that begin well and then heap up pieces hold so many bytes together, and no more', () => {
  const { host, crypto } = hostUnderAttack();
  const { ek } = crypto.mlkem768.keygen(new Uint8Array(64).fill(1));
  const message = concat(crypto.x25519.publicKey(new Uint8Array(32).fill(2)), ek);
  const [firstHalf, secondHalf] = [message.subarray(0, 1_100), message.subarray(1_100)];
  let most = 0;
  for (let i = 1; i <= 140; i++) {
    const from = `10.${i >>> 8}.${i & 255}.1:7`;
    host.receive(hello(i), from, START);
    const preamble = encodePreamble(MESH_ID, readCookie(host.takeOutput()[0].bytes));
    for (const [index, bytes] of [firstHalf, secondHalf].entries())
      host.receive(encodeFirst({ sender: i, preamble }, { index, count: 2, bytes }), from, START);
    host.serveStrangers(START);
    host.turn(START);
    const { sender } = readReply(host.takeOutput()[0].bytes);
    for (let index = 0; index < 63; index++)
      host.receive(encodeFinish(sender, { index, count: 64, bytes: new Uint8Array(1_024) }), from, START);
    host.turn(START);
    host.takeTouched();
    most = Math.max(most, host.status.heldBytes);
  }
  ok(most > MOST_HELD_BYTES - 2 ** 16, `${most} bytes`);
  ok(most <= MOST_HELD_BYTES, `${most} bytes`);
  ok(host.status.halfOpen < 140);
  is(host.status.indexes, host.status.halfOpen);
});

/** Strangers of as many addresses whose first messages are whole and wait. */
function knocking(count: number) {
  const attacked = hostUnderAttack();
  const { host, crypto } = attacked;
  const { ek } = crypto.mlkem768.keygen(new Uint8Array(64).fill(1));
  const message = concat(crypto.x25519.publicKey(new Uint8Array(32).fill(2)), ek);
  const strangers = Array.from({ length: count }, (_, i) => {
    const from = `10.${i >>> 8}.${i & 255}.1:7`;
    host.serveStrangers(START);
    host.receive(hello(i + 1), from, START);
    return { from, sender: i + 1, preamble: encodePreamble(MESH_ID, readCookie(host.takeOutput()[0].bytes)) };
  });
  for (const { from, ...introduction } of strangers)
    for (const [index, bytes] of [message.subarray(0, 1_100), message.subarray(1_100)].entries())
      host.receive(encodeFirst(introduction, { index, count: 2, bytes }), from, START);
  return attacked;
}

const typesOf = (host: DatagramHost) => host.takeOutput().map(({ bytes: datagram }) => typeOf(datagram));

test('T34: of hellos that come in one turn so many are answered; the next turn answers again', () => {
  const { host } = hostUnderAttack();
  for (const turn of [1, 2]) {
    for (let i = 1; i <= 32; i++) host.receive(hello(i), `192.0.2.${i}:1`, START);
    is(host.takeOutput().length, MOST_COOKIES_A_TURN);
    is(host.status.cookiesAsked, turn * MOST_COOKIES_A_TURN);
    host.serveStrangers(START);
    host.turn(START);
  }
});

test('T34: strangers who all show their address get one first message a turn worked on, in their order', () => {
  const { host, work } = knocking(20);
  const before = work();
  host.turn(START);
  is(work(), before, 'what waits costs nothing');
  ok(host.status.heldBytes >= 20 * FIRST_MESSAGE_BYTES);
  let each = 0;
  for (let turn = 1; turn <= 20; turn++) {
    ok(host.hasKnocking);
    host.serveStrangers(START);
    host.turn(START);
    each ||= work() - before;
    is(work() - before, turn * each);
    ok(typesOf(host).every((type) => type === DATAGRAM.reply));
  }
  ok(each > 0);
  is(host.hasKnocking, false);
  host.serveStrangers(START);
  is(work() - before, 20 * each);
});

test('T34: whoever waits and is given up meanwhile takes no turn from another', () => {
  const { host, work } = knocking(3);
  const late = later(START, 6_000);
  host.tick(late);
  host.turn(late);
  is(host.status.halfOpen, 0);
  const before = work();
  host.receive(hello(9), '192.0.2.9:9', late);
  host.serveStrangers(late);
  host.turn(late);
  is(work(), before);
  is(host.hasKnocking, false);
});

test('a host that only dials answers no stranger', () => {
  const pair = new DatagramPair({ responder: { listens: false } });
  pair.dial();
  pair.run(2_000);
  is(pair.hosts.responder.status.cookiesAsked, 0);
  is(pair.initiator.state, 'handshake');
});

test('nothing of ephemerals is sent before the cookie came, and a peer that gives cookies for ever gets three tries', () => {
  const pair = new DatagramPair();
  let made = 0;
  let hellos = 0;
  pair.tamper = (datagram, from) => {
    const type = typeOf(datagram.bytes);
    if (from === 'initiator' && type === DATAGRAM.hello) hellos++;
    if (from === 'responder' && type === DATAGRAM.cookie)
      return [{ ...datagram, bytes: datagram.bytes.with(9, made++) }];
    return [datagram];
  };
  pair.dial();
  is(hellos, 1);
  pair.run(4_900);
  ok(made <= 30, `${made} cookies`);
  is(pair.initiator.state, 'handshake');
});
