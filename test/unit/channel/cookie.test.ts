/** Cookies: what a loaded responder spends on a stranger, and who gets through. */
import { concat } from '../../../src/base/bytes.ts';
import { isAdmitted, makeCookie } from '../../../src/channel/cookie.ts';
import { FRAME } from '../../../src/channel/wire.ts';
import type { Crypto } from '../../../src/crypto/crypto.ts';
import { is, ok } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { MESH_ID, Pair } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('channel cookies');
const [OLD, NEW, FUTURE] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));
const guard = (secrets: readonly Uint8Array[], address = '192.0.2.1', loaded = true) => ({
  secrets,
  address,
  isLoaded: () => loaded,
});

/** Counts what costs. */
function counted(crypto: Crypto, spent: string[]): Crypto {
  const { x25519, mlkem768, ed25519 } = crypto;
  const noting =
    <A extends unknown[], R>(name: string, run: (...args: A) => R) =>
    (...args: A): R => {
      spent.push(name);
      return run(...args);
    };
  return {
    ...crypto,
    x25519: {
      publicKey: noting('x25519', x25519.publicKey),
      sharedSecret: noting('x25519', x25519.sharedSecret),
    },
    mlkem768: {
      keygen: noting('kem', mlkem768.keygen),
      encaps: noting('kem', mlkem768.encaps),
      decaps: noting('kem', mlkem768.decaps),
    },
    ed25519: { ...ed25519, sign: noting('sign', ed25519.sign) },
  };
}

test('a loaded responder asks for a cookie, and whoever brings it gets through', () => {
  const pair = new Pair({ responder: { cookies: guard([NEW]) } });
  const types: number[] = [];
  pair.tamper = (bytes) => {
    types.push(bytes[4]);
    return [bytes];
  };
  pair.start();
  pair.run();
  is(pair.initiator.state, 'established');
  is(pair.responder.state, 'established');
  is(String(types.slice(0, 4)), String([FRAME.hello, FRAME.cookie, FRAME.hello, FRAME.reply]));
});

test('an idle responder asks for none', () => {
  const pair = new Pair({ responder: { cookies: guard([NEW], '192.0.2.1', false) } });
  const types: number[] = [];
  pair.tamper = (bytes) => {
    types.push(bytes[4]);
    return [bytes];
  };
  pair.start();
  pair.run();
  ok(!types.includes(FRAME.cookie));
});

test('before the cookie a loaded responder spends no DH, no KEM and no signature, and answers with less', () => {
  const spent: string[] = [];
  const crypto = counted(testCrypto(), spent);
  const pair = new Pair({ responder: { crypto, cookies: guard([NEW]) } });
  pair.start();
  const hello = pair.initiator.flush(pair.now);
  pair.inject('initiator', hello);
  const answer = pair.responder.flush(pair.now);
  is(answer[4], FRAME.cookie);
  is(spent.length, 0);
  ok(answer.length < hello.length);
});

test('a second first message without a valid cookie closes the connection', () => {
  const pair = new Pair({ responder: { cookies: guard([NEW]) } });
  pair.start();
  const hello = pair.initiator.flush(pair.now);
  pair.inject('initiator', hello);
  pair.inject('initiator', hello);
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_COOKIE');
});

test('an initiator follows one request for a cookie, not two', () => {
  const pair = new Pair();
  pair.start();
  pair.initiator.flush(pair.now);
  const request = concat(Uint8Array.of(0, 0, 0, 33, FRAME.cookie), new Uint8Array(32).fill(7));
  pair.inject('responder', request);
  is(pair.initiator.state, 'handshake');
  is(pair.initiator.flush(pair.now)[4], FRAME.hello);
  pair.inject('responder', request);
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_COOKIE');
});

test('a cookie of another length closes the initiator', () => {
  const pair = new Pair();
  pair.start();
  pair.inject('responder', concat(Uint8Array.of(0, 0, 0, 32, FRAME.cookie), new Uint8Array(31)));
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_COOKIE');
});

test('a request for a cookie changed on the way ends the handshake', () => {
  const pair = new Pair({ responder: { cookies: guard([NEW]) } });
  pair.tamper = (bytes) => [bytes[4] === FRAME.cookie ? bytes.with(20, bytes[20] ^ 1) : bytes];
  pair.start();
  pair.run();
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_COOKIE');
});

test('a cookie holds for its address, its mesh and one more period', () => {
  const crypto = testCrypto();
  const cookie = makeCookie(crypto, guard([OLD]), MESH_ID);
  ok(isAdmitted(crypto, guard([OLD]), MESH_ID, cookie));
  ok(isAdmitted(crypto, guard([NEW, OLD]), MESH_ID, cookie));
  ok(!isAdmitted(crypto, guard([FUTURE, NEW]), MESH_ID, cookie));
  ok(!isAdmitted(crypto, guard([OLD], '192.0.2.2'), MESH_ID, cookie));
  ok(!isAdmitted(crypto, guard([OLD]), new Uint8Array(32), cookie));
  ok(!isAdmitted(crypto, guard([OLD]), MESH_ID, new Uint8Array(32)));
});
