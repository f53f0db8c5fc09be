/** AES-256-GCM of `Crypto`: who computes what, what is refused, and that a batch is opened whole or not at all. */

import { createAes256Gcm } from '../../../src/crypto/aes256gcm.ts';
import { CROSSOVERS, usesHardware } from '../../../src/crypto/crossover.ts';
import type { EngineName } from '../../../src/crypto/crypto.ts';
import { nodeHardware } from '../../../src/platform/node/hardware.ts';
import type { Hardware } from '../../../src/ports.ts';
import { bytes, equal, is, throwsCode } from '../../support/assert.ts';
import { testCore } from '../../support/core.ts';
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
