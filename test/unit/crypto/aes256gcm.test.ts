/** AES-256-GCM of `Crypto`: who computes what, what is refused, and that a batch is opened whole or not at all. */

import fc from 'fast-check';
import { concat } from '../../../src/base/bytes.ts';
import { createAes256Gcm } from '../../../src/crypto/aes256gcm.ts';
import { CROSSOVERS, usesHardware } from '../../../src/crypto/crossover.ts';
import type { EngineName, GcmMessage, SealedGcmMessage } from '../../../src/crypto/crypto.ts';
import { nodeHardware } from '../../../src/platform/node/hardware.ts';
import type { Hardware } from '../../../src/ports.ts';
import { bytes, equal, is, throwsCode } from '../../support/assert.ts';
import { testCore } from '../../support/core.ts';
import { nobleCrypto } from '../../support/noble-crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('crypto AES-256-GCM');
const core = testCore();
const [KEY, IV, AAD] = [new Uint8Array(32).fill(1), new Uint8Array(12).fill(2), new Uint8Array(13).fill(3)];

/** Node's hardware that counts its calls and remembers what it opened. */
function watched() {
  const real = nodeHardware();
  const seen = { sealed: 0, opened: [] as Uint8Array[] };
  const hardware: Hardware = {
    aes256gcmSeal: (...input) => {
      seen.sealed++;
      return real.aes256gcmSeal(...input);
    },
    aes256gcmOpen: (...input) => {
      const opened = real.aes256gcmOpen(...input);
      if (opened) seen.opened.push(opened);
      return opened;
    },
  };
  return { seen, gcm: createAes256Gcm({ core, hardware }) };
}

test('the crossover decides, unless an engine is named or the platform has none', () => {
  const cases: [boolean, EngineName | undefined, number, boolean][] = [
    [true, undefined, 99, false],
    [true, undefined, 100, true],
    [true, 'auto', 99, false],
    [true, 'auto', 100, true],
    [true, 'wasm', 100, false],
    [true, 'hardware', 0, true],
    [false, 'hardware', 1000, false],
    [false, 'auto', 1000, false],
  ];
  for (const [available, engine, size, expected] of cases)
    is(usesHardware(available, engine, size, 100), expected, `${available} ${engine} ${size}`);
});

test('short messages are sealed and opened by the core, long ones by the hardware', () => {
  const { seen, gcm } = watched();
  for (const [size, calls] of [
    [CROSSOVERS.aes256gcmSingle - 1, 0],
    [CROSSOVERS.aes256gcmSingle, 1],
  ]) {
    const text = new Uint8Array(size).fill(7);
    bytes(gcm.open(KEY, IV, AAD, gcm.seal(KEY, IV, AAD, text)), text);
    equal([seen.sealed, seen.opened.length], [calls, calls]);
  }
});

test('a batch of sealed messages goes each to its engine and comes back in order', () => {
  const { seen, gcm } = watched();
  const texts = [3, 5000, 10, 6000, 0].map((size, i) => new Uint8Array(size).fill(i));
  const sealed = gcm.sealMany(
    KEY,
    texts.map((plaintext) => ({ iv: IV, aad: AAD, plaintext })),
  );
  const opened = gcm.openMany(
    KEY,
    sealed.map((bytes) => ({ iv: IV, aad: AAD, sealed: bytes })),
  );
  opened.forEach((text, i) => void bytes(text, texts[i]));
  equal([seen.sealed, seen.opened.length], [2, 2]);
});

test('when one of a batch is altered nothing is returned and what was opened is wiped', () => {
  const { seen, gcm } = watched();
  const sealed = gcm.sealMany(
    KEY,
    [5000, 20].map((size) => ({ iv: IV, aad: AAD, plaintext: new Uint8Array(size).fill(9) })),
  );
  sealed[1][4] ^= 1;
  throwsCode(
    () =>
      gcm.openMany(
        KEY,
        sealed.map((bytes) => ({ iv: IV, aad: AAD, sealed: bytes })),
      ),
    'OOTO_CRYPTO_AUTHENTICATION',
  );
  is(seen.opened.length, 1);
  is(
    seen.opened[0].every((byte) => byte === 0),
    true,
  );
});

test('keys and ivs of another length are refused on every engine', () => {
  const { gcm } = watched();
  for (const engine of ['wasm', 'hardware', 'auto'] as const) {
    for (const length of [0, 16, 24, 31, 33])
      throwsCode(() => gcm.seal(new Uint8Array(length), IV, AAD, AAD, engine), 'OOTO_CRYPTO_KEY');
    for (const length of [0, 8, 11, 13, 16]) {
      throwsCode(() => gcm.seal(KEY, new Uint8Array(length), AAD, AAD, engine), 'OOTO_CRYPTO_IV');
      throwsCode(() => gcm.open(KEY, new Uint8Array(length), AAD, AAD, engine), 'OOTO_CRYPTO_IV');
    }
    for (let length = 0; length < 16; length++)
      throwsCode(() => gcm.open(KEY, IV, AAD, new Uint8Array(length), engine), 'OOTO_CRYPTO_AUTHENTICATION');
  }
});

const engines: readonly EngineName[] = ['wasm', 'hardware', 'auto'];
const judge = nobleCrypto().aes256gcm;

for (const engine of engines) {
  test(`${engine}: a prepared key seals and opens into the caller's arrays, byte for byte as node:crypto`, () => {
    const { gcm } = watched();
    const key = gcm.key(KEY, engine);
    for (const size of [0, 1, 64, 128, 256, 1000, 5000, 300_000, 1_500_000]) {
      const text = new Uint8Array(size).map((_, i) => i * 13 + (i >> 9));
      const iv = IV.map((byte, i) => byte + i + size);
      const [sealed, opened] = [new Uint8Array(size + 16), new Uint8Array(size)];
      is(key.seal(iv, AAD, text, sealed), sealed);
      bytes(sealed, judge.seal(KEY, iv, AAD, text), `${size} bytes`);
      is(key.open(iv, AAD, sealed, opened), opened);
      bytes(opened, text, `${size} bytes`);
      bytes(key.open(iv, AAD, key.seal(iv, AAD, text)), text);
    }
    key[Symbol.dispose]();
  });

  test(`${engine}: a text is sealed and opened where it stands`, () => {
    const { gcm } = watched();
    const key = gcm.key(KEY, engine);
    for (const size of [40, 900, 5000, 1_500_000]) {
      const text = new Uint8Array(size).map((_, i) => i * 7);
      const buffer = new Uint8Array(size + 16);
      buffer.set(text);
      key.seal(IV, AAD, buffer.subarray(0, size), buffer);
      bytes(buffer, judge.seal(KEY, IV, AAD, text));
      key.open(IV, AAD, buffer, buffer.subarray(0, size));
      bytes(buffer.subarray(0, size), text);
    }
  });

  test(`${engine}: nothing of a message with a wrong tag reaches the caller's array`, () => {
    const { gcm } = watched();
    const key = gcm.key(KEY, engine);
    for (const size of [0, 40, 5000, 300_000, 1_500_000]) {
      const sealed = key.seal(IV, AAD, new Uint8Array(size).fill(0x5a));
      sealed[sealed.length - 1] ^= 1;
      const into = new Uint8Array(size);
      throwsCode(() => key.open(IV, AAD, sealed, into), 'OOTO_CRYPTO_AUTHENTICATION');
      is(into.includes(0x5a), false, `${size} bytes`);
    }
  });

  test(`${engine}: many messages are sealed and opened one after the other`, () => {
    const message = fc.record({
      iv: fc.uint8Array({ minLength: 12, maxLength: 12 }),
      aad: fc.uint8Array({ maxLength: 40 }),
      plaintext: fc.oneof(
        { weight: 6, arbitrary: fc.uint8Array({ maxLength: 200 }) },
        { weight: 1, arbitrary: fc.nat({ max: 9000 }).map((length) => new Uint8Array(length).fill(length)) },
      ),
    });
    const key = watched().gcm.key(KEY, engine);
    fc.assert(
      fc.property(fc.array(message, { maxLength: 60 }), (messages) => {
        const all = key.sealMany(messages);
        bytes(all, concat(...judge.sealMany(KEY, messages)));
        const plaintexts = concat(...messages.map(({ plaintext }) => plaintext));
        const into = new Uint8Array(plaintexts.length);
        is(key.openMany(sealedOf(messages, all), into), into);
        bytes(into, plaintexts);
      }),
      { numRuns: 60 },
    );
  });

  test(`${engine}: one altered message of many, and nothing of any is left`, () => {
    const key = watched().gcm.key(KEY, engine);
    const sizes = [64, 0, 5000, 64, 4080, 4081, 30];
    const messages = sizes.map((size, i) => ({
      iv: IV.map((byte) => byte + i),
      aad: AAD,
      plaintext: new Uint8Array(size).fill(0x5a),
    }));
    const all = key.sealMany(messages);
    for (const [i] of sizes.entries()) {
      const list = sealedOf(messages, all.slice());
      list[i].sealed[list[i].sealed.length - 3] ^= 4;
      const into = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
      throwsCode(() => key.openMany(list, into), 'OOTO_CRYPTO_AUTHENTICATION');
      is(into.includes(0x5a), false, `message ${i}`);
    }
    const [first] = sealedOf(messages, all);
    throwsCode(
      () => key.openMany([{ ...first, sealed: first.sealed.subarray(0, 15) }]),
      'OOTO_CRYPTO_AUTHENTICATION',
    );
  });

  test(`${engine}: what is not as long as it must be is refused, and so is a key that was disposed of`, () => {
    const key = watched().gcm.key(KEY, engine);
    const [text, sealed] = [new Uint8Array(20), key.seal(IV, AAD, new Uint8Array(20))];
    for (const length of [0, 20, 35, 37])
      throwsCode(() => key.seal(IV, AAD, text, new Uint8Array(length)), 'OOTO_CRYPTO_LENGTH');
    for (const length of [0, 19, 21, 36]) {
      throwsCode(() => key.open(IV, AAD, sealed, new Uint8Array(length)), 'OOTO_CRYPTO_LENGTH');
      throwsCode(
        () => key.openMany([{ iv: IV, aad: AAD, sealed }], new Uint8Array(length)),
        'OOTO_CRYPTO_LENGTH',
      );
    }
    const one = { iv: IV.subarray(1), aad: AAD, plaintext: text };
    throwsCode(() => key.sealMany([one]), 'OOTO_CRYPTO_IV');
    throwsCode(() => key.seal(one.iv, AAD, text), 'OOTO_CRYPTO_IV');
    throwsCode(() => key.open(IV, AAD, sealed.subarray(0, 15)), 'OOTO_CRYPTO_AUTHENTICATION');
    key[Symbol.dispose]();
    key[Symbol.dispose]();
    throwsCode(() => key.seal(IV, AAD, text), 'OOTO_CRYPTO_RELEASED');
    throwsCode(() => key.open(IV, AAD, sealed), 'OOTO_CRYPTO_RELEASED');
    throwsCode(() => key.sealMany([{ ...one, iv: IV }]), 'OOTO_CRYPTO_RELEASED');
    throwsCode(() => key.openMany([{ iv: IV, aad: AAD, sealed }]), 'OOTO_CRYPTO_RELEASED');
  });
}

test('more messages than one call takes, and more keys than there are slots', () => {
  const { gcm } = watched();
  const keys = Array.from({ length: 70 }, (_, i) => KEY.map((byte) => byte + i));
  const prepared = keys.map((key) => gcm.key(key, 'wasm'));
  const messages = Array.from({ length: 3000 }, (_, i) => ({
    iv: Uint8Array.from([...IV.subarray(2), i >> 8, i]),
    aad: AAD,
    plaintext: new Uint8Array(i % 500).fill(i),
  }));
  for (const round of [0, 1])
    for (const [i, key] of prepared.entries())
      bytes(key.seal(IV, AAD, KEY), judge.seal(keys[i], IV, AAD, KEY), `round ${round}, key ${i}`);
  bytes(prepared[0].sealMany(messages), concat(...judge.sealMany(keys[0], messages)));
  bytes(
    prepared[0].openMany(sealedOf(messages, prepared[0].sealMany(messages))),
    concat(...messages.map(({ plaintext }) => plaintext)),
  );
});

/** `all`, the results of sealing `messages`, as messages to open. */
function sealedOf(messages: readonly GcmMessage[], all: Uint8Array): SealedGcmMessage[] {
  let end = 0;
  return messages.map(({ iv, aad, plaintext: { length } }) => {
    end += length + 16;
    return { iv, aad, sealed: all.subarray(end - length - 16, end) };
  });
}
