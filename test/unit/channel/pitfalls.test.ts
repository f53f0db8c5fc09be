/**
 * Known pitfalls of channels that no other file here names: what a stolen static key is worth, the limits of
 * AES-GCM as they stand, counters past the places where numbers break.
 */
import { DEFAULT_LIMITS } from '../../../src/channel/limits.ts';
import { Ed25519SigningKey } from '../../../src/envelope/keys.ts';
import { bytes, equal, is, ok, throwsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { makeParty, Pair, type Party } from '../../support/network.ts';
import { suite } from '../../support/suite.ts';

const test = suite('channel pitfalls', { timeout: 30_000 });
const crypto = testCrypto();

/** A pair in which a thief stands in the place of one side. */
function posing(thief: Partial<Record<'alice' | 'bob', (party: Party) => Party['own']>>): Pair {
  const pair = new Pair({
    parties: (own) => {
      const [alice, bob] = [makeParty(own, 'alice'), makeParty(own, 'bob')];
      return {
        alice: { ...alice, own: thief.alice?.(alice) ?? alice.own },
        bob: { ...bob, own: thief.bob?.(bob) ?? bob.own },
      };
    },
  });
  pair.start();
  pair.run();
  return pair;
}

test('a stolen Noise static without the message key makes nobody its owner', () => {
  const stolen = ({ own }: Party) => ({ ...own, messageKey: Ed25519SigningKey.generate(crypto) });
  is(posing({ alice: stolen }).closedBy('responder'), 'OOTO_CHANNEL_TRANSCRIPT');
  is(posing({ bob: stolen }).closedBy('initiator'), 'OOTO_CHANNEL_TRANSCRIPT');
});

test('key-compromise impersonation: who stole the victim’s own keys cannot pose as its peer', () => {
  // Everything of alice is known; of bob only what everybody sees. Whoever dials or answers alice as bob needs both
  // keys that bob's delegation names.
  const withoutStatic = ({ own }: Party) => ({ ...own, noiseStatic: crypto.random.bytes(32) });
  is(posing({ bob: withoutStatic }).closedBy('initiator'), 'OOTO_CHANNEL_DELEGATION');
  is(posing({ alice: withoutStatic }).closedBy('responder'), 'OOTO_CHANNEL_DELEGATION');
});

test('the limits of AES-GCM: a new key at 60 s, 2^23 records or 2^36 bytes, and an end at 90 s or 2^24', () => {
  const { epochMs, epochLimitMs, epochRecords, epochBytes, keyRecords } = DEFAULT_LIMITS;
  equal([epochMs, epochLimitMs], [60_000, 90_000]);
  equal([epochRecords, epochBytes, keyRecords], [2 ** 23, 2 ** 36, 2 ** 24]);
  for (const limits of [{ keyRecords: 2 ** 24 + 1 }, { epochLimitMs: 90_001 }, { epochLimitMs: Number.NaN }])
    throwsCode(() => new Pair({ both: { limits } }), 'OOTO_CHANNEL_OPTIONS');
});

test('a record that is not authentic ends the channel at once: there are no tries to count', () => {
  const pair = Pair.established();
  pair.initiator.send(Uint8Array.of(1));
  const flight = pair.initiator.flush(pair.now);
  pair.inject('initiator', flight.with(-1, flight[flight.length - 1] ^ 1));
  is(pair.closedBy('responder'), 'OOTO_CRYPTO_AUTHENTICATION');
  pair.inject('initiator', flight);
  is(pair.takeMessages('responder').length, 0);
});

test('record counters pass 2^32 and 2^53 with a nonce of their own each', () => {
  const key = new Uint8Array(32).fill(7);
  const places = [0n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 2n];
  const plaintext = new Uint8Array(48);
  const seen = new Set<string>();
  for (const counter of places) {
    const cipher = crypto.recordCipher(key);
    const sealed = cipher.seal([{ type: 0x10, epoch: 1, counter, plaintext }]).slice();
    const iv = new Uint8Array(12);
    new DataView(iv.buffer).setBigUint64(4, counter);
    const alone = crypto.aes256gcm.seal(key, iv, sealed.subarray(4, 17), plaintext);
    bytes(sealed.subarray(17), alone, `counter ${counter}`);
    is(cipher.open([sealed])[0].counter, counter);
    seen.add(String(sealed.subarray(17, 33)));
    cipher[Symbol.dispose]();
  }
  is(seen.size, places.length);
});

test('the header selects the key: a record of one epoch never opens under the key of another', () => {
  // AES-GCM commits to no key: a text can be made that opens under two. Nothing here tries a second key.
  const opened: number[] = [];
  const watching = {
    ...crypto,
    recordCipher: (key: Uint8Array) => {
      const cipher = crypto.recordCipher(key);
      return {
        ...cipher,
        open: (frames: readonly Uint8Array[]) => {
          opened.push(frames.length);
          return cipher.open(frames);
        },
      };
    },
  };
  const pair = Pair.established({ responder: { crypto: watching } });
  pair.initiator.renewEpoch();
  pair.run();
  opened.length = 0;
  pair.initiator.send(Uint8Array.of(1));
  const flight = pair.initiator.flush(pair.now);
  pair.inject('initiator', flight.with(8, 0));
  is(pair.closedBy('responder'), 'OOTO_CHANNEL_EPOCH');
  equal(opened, []);
});

test('a key that is spent seals nothing more, whoever asks', () => {
  const pair = Pair.established({ both: { limits: { keyRecords: 3, epochRecords: 100 } } });
  for (let i = 0; i < 4 && pair.initiator.state === 'established'; i++) {
    pair.initiator.send(Uint8Array.of(i));
    pair.run();
  }
  is(pair.closedBy('initiator'), 'OOTO_CHANNEL_KEY_SPENT');
  throwsCode(() => pair.initiator.send(Uint8Array.of(9)), 'OOTO_CHANNEL_STATE');
  ok(pair.takeMessages('responder').length <= 3);
});
