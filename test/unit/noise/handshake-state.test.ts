/** HandshakeState: turns, lengths, tampering, keys that give no secret, and what is left after a failure. */
import fc from 'fast-check';
import { utf8 } from '../../../src/base/bytes.ts';
import { type HandshakeOptions, HandshakeState } from '../../../src/noise/handshake-state.ts';
import { bytes, equal, is, ok, throwsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { notingSecrets } from '../../support/secret-arrays.ts';
import { suite } from '../../support/suite.ts';

const test = suite('handshake state');
const crypto = testCrypto();
const XX = 'Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256';
const NN = 'Noise_NNhfs+psk0_25519+MLKEM768_AESGCM_SHA256';
const PROLOGUE = utf8('prologue');

function pairOf(
  name: string,
  initiator: Partial<HandshakeOptions> = {},
  responder: Partial<HandshakeOptions> = {},
): [HandshakeState, HandshakeState] {
  const keys = () =>
    name === XX ? { staticKey: crypto.random.bytes(32) } : { psks: [new Uint8Array(32).fill(5)] };
  const common = { protocolName: name, prologue: PROLOGUE };
  return [
    new HandshakeState(crypto, { ...common, ...keys(), role: 'initiator', ...initiator }),
    new HandshakeState(crypto, { ...common, ...keys(), role: 'responder', ...responder }),
  ];
}

/** Runs the handshake, letting `alter` change the message with this index. Errors come out as they are. */
function run(pair: readonly HandshakeState[], at = -1, alter = (message: Uint8Array) => message): void {
  pair[0].pattern.messages.forEach((_, i) => {
    const message = pair[i % 2].writeMessage(utf8(`payload ${i}`));
    const read = pair[1 - (i % 2)].readMessage(i === at ? alter(message) : message);
    bytes(read.payload, utf8(`payload ${i}`));
  });
}

for (const name of [XX, NN])
  test(`${name}: both sides come to the same keys, secret and hash`, () => {
    const pair = pairOf(name);
    run(pair);
    const [ours, theirs] = pair.map((side) => side.split());
    bytes(ours.handshakeHash, theirs.handshakeHash);
    bytes(ours.exporterSecret, theirs.exporterSecret);
    const sealed = ours.send.encryptWithAd(PROLOGUE, utf8('transport'));
    bytes(theirs.receive.decryptWithAd(PROLOGUE, sealed), utf8('transport'));
  });

test('a payload made from the transcript is read with the same transcript', () => {
  const [initiator, responder] = pairOf(XX);
  responder.readMessage(initiator.writeMessage());
  let written = new Uint8Array();
  const message = responder.writeMessage((transcript) => {
    written = transcript as Uint8Array<ArrayBuffer>;
    return PROLOGUE;
  });
  bytes(initiator.readMessage(message).transcript, written);
});

test('another prologue, another psk: the handshake fails', () => {
  throwsCode(() => run(pairOf(XX, { prologue: utf8('other') })), 'OOTO_CRYPTO_AUTHENTICATION');
  throwsCode(() => run(pairOf(NN, { psks: [new Uint8Array(32).fill(6)] })), 'OOTO_CRYPTO_AUTHENTICATION');
});

for (const name of [XX, NN])
  test(`property: ${name} fails when any byte of any message is changed, cut or added`, () => {
    const [probe] = pairOf(name);
    const messages = probe.pattern.messages.length;
    fc.assert(
      fc.property(
        fc.nat({ max: messages - 1 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 1, max: 255 }),
        fc.constantFrom('flip', 'cut', 'add'),
        (at, where, mask, how) => {
          let completed = false;
          const pair = pairOf(name);
          try {
            run(pair, at, (message) => {
              if (how === 'cut') return message.subarray(0, Math.floor(where * message.length));
              if (how === 'add') return new Uint8Array([...message, mask]);
              const index = Math.floor(where * message.length);
              return message.with(index, message[index] ^ mask);
            });
            completed = true;
          } catch {
            // Refused, as it should be: which check finds it depends on the byte.
          }
          ok(!completed, 'a changed handshake was completed');
        },
      ),
      { numRuns: 60 },
    );
  });

test('a peer key of all zeros, or one that gives all zeros, is refused', () => {
  for (const point of [0, 1]) {
    const [initiator, responder] = pairOf(XX);
    const message = initiator.writeMessage();
    message.fill(0, 0, 32);
    message[0] = point;
    responder.readMessage(message);
    throwsCode(() => responder.writeMessage(), 'OOTO_CRYPTO_KEY');
  }
});

test('a KEM key with a coefficient above the modulus is refused', () => {
  const [initiator, responder] = pairOf(XX);
  const message = initiator.writeMessage();
  message.fill(0xff, 32, 35);
  responder.readMessage(message);
  throwsCode(() => responder.writeMessage(), 'OOTO_CRYPTO_KEY');
});

test('after a failure every step is refused', () => {
  const [initiator, responder] = pairOf(XX);
  const first = initiator.writeMessage();
  throwsCode(() => responder.readMessage(first.subarray(0, 40)), 'OOTO_NOISE_LENGTH');
  throwsCode(() => responder.readMessage(first), 'OOTO_NOISE_TURN');
  throwsCode(() => responder.writeMessage(), 'OOTO_NOISE_TURN');
  throwsCode(() => responder.split(), 'OOTO_NOISE_TURN');
});

test('steps out of turn are refused and harm nothing', () => {
  const pair = pairOf(XX);
  const [initiator, responder] = pair;
  throwsCode(() => responder.writeMessage(), 'OOTO_NOISE_TURN');
  throwsCode(() => initiator.readMessage(PROLOGUE), 'OOTO_NOISE_TURN');
  throwsCode(() => initiator.split(), 'OOTO_NOISE_TURN');
  run(pair);
  initiator.split();
  throwsCode(() => initiator.split(), 'OOTO_NOISE_TURN');
});

test('messages beyond 65535 bytes are refused on both ways', () => {
  const [initiator, responder] = pairOf(XX);
  throwsCode(() => responder.readMessage(new Uint8Array(65536)), 'OOTO_NOISE_LENGTH');
  throwsCode(() => initiator.writeMessage(new Uint8Array(65535)), 'OOTO_NOISE_LENGTH');
});

test('keys must be exactly those the pattern takes', () => {
  const make = (name: string, keys: Partial<HandshakeOptions>) => () =>
    new HandshakeState(crypto, { protocolName: name, role: 'initiator', ...keys });
  const key = new Uint8Array(32).fill(1);
  for (const wrong of [
    make(XX, {}),
    make(XX, { staticKey: new Uint8Array(31) }),
    make(XX, { staticKey: key, remoteStatic: key }),
    make(XX, { staticKey: key, psks: [key] }),
    make(NN, {}),
    make(NN, { psks: [key, key] }),
    make(NN, { psks: [new Uint8Array(31)] }),
    make('Noise_IK_25519_AESGCM_SHA256', { staticKey: key }),
  ])
    throwsCode(wrong, 'OOTO_NOISE_KEYS');
});

test('the caller keeps its keys', () => {
  const staticKey = crypto.random.bytes(32);
  const copy = staticKey.slice();
  const pair = pairOf(XX, { staticKey });
  run(pair);
  pair[0].split();
  bytes(staticKey, copy);
  is(pair[0].isFinished, true);
});

test('every secret of a handshake is overwritten once its keys were taken, or once it has failed', () => {
  for (const fails of [false, true]) {
    const noting = notingSecrets(crypto);
    const [left, right] = (['initiator', 'responder'] as const).map(
      (role) =>
        new HandshakeState(noting.crypto, { protocolName: XX, role, staticKey: crypto.random.bytes(32) }),
    );
    try {
      run([left, right], fails ? 2 : -1, (message) => message.with(-1, message[message.length - 1] ^ 1));
      for (const side of [left, right]) side.split()[Symbol.dispose]();
    } catch {
      for (const side of [left, right]) side[Symbol.dispose]();
    }
    equal(noting.left(), []);
  }
});
