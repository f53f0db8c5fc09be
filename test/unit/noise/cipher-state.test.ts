/** CipherState: nonces advance after success alone, end before the reserved one, and are spelt as the suite says. */
import { createCipheriv } from 'node:crypto';
import { u64be } from '../../../src/base/bytes.ts';
import { noiseSuite } from '../../../src/crypto/noise-suite.ts';
import { CipherState } from '../../../src/noise/cipher-state.ts';
import { bytes, is, throwsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { suite } from '../../support/suite.ts';

const test = suite('cipher state');
const crypto = testCrypto();
const NONE = new Uint8Array();
const TEXT = new Uint8Array(40).fill(7);
const NONCE = 0x0102030405060708n;
const cipherOf = (cipher: 'AESGCM' | 'ChaChaPoly') =>
  noiseSuite(crypto, { dh: '25519', cipher, hash: 'SHA256' }).cipher;
const key = () => new Uint8Array(32).fill(9);

function native(algorithm: 'aes-256-gcm' | 'chacha20-poly1305', counter: Uint8Array): Uint8Array {
  const iv = Buffer.concat([Buffer.alloc(4), counter]);
  const cipher = createCipheriv(algorithm as 'aes-256-gcm', key(), iv, { authTagLength: 16 });
  return new Uint8Array(Buffer.concat([cipher.update(TEXT), cipher.final(), cipher.getAuthTag()]));
}

test('AESGCM nonces are big-endian, ChaChaPoly nonces little-endian, as OpenSSL confirms', () => {
  const gcm = new CipherState(cipherOf('AESGCM'), key(), NONCE);
  bytes(gcm.encryptWithAd(NONE, TEXT), native('aes-256-gcm', u64be(NONCE)));
  const chacha = new CipherState(cipherOf('ChaChaPoly'), key(), NONCE);
  bytes(chacha.encryptWithAd(NONE, TEXT), native('chacha20-poly1305', u64be(NONCE).reverse()));
});

for (const name of ['AESGCM', 'ChaChaPoly'] as const) {
  test(`${name}: a message that does not open leaves the nonce where it was`, () => {
    const sender = new CipherState(cipherOf(name), key());
    const receiver = new CipherState(cipherOf(name), key());
    const sealed = sender.encryptWithAd(NONE, TEXT);
    for (const junk of [sealed.with(3, sealed[3] ^ 1), sealed.subarray(1), new Uint8Array(15), NONE])
      throwsCode(() => receiver.decryptWithAd(NONE, junk), 'OOTO_CRYPTO_AUTHENTICATION');
    throwsCode(() => receiver.decryptWithAd(TEXT, sealed), 'OOTO_CRYPTO_AUTHENTICATION');
    is(receiver.nonce, 0n);
    bytes(receiver.decryptWithAd(NONE, sealed), TEXT);
    is(receiver.nonce, 1n);
    throwsCode(() => receiver.decryptWithAd(NONE, sealed), 'OOTO_CRYPTO_AUTHENTICATION');
  });
}

test('the last nonce used is 2^64 - 2; 2^64 - 1 never is', () => {
  const state = new CipherState(cipherOf('AESGCM'), key(), 2n ** 64n - 2n);
  state.encryptWithAd(NONE, TEXT);
  is(state.nonce, 2n ** 64n - 1n);
  throwsCode(() => state.encryptWithAd(NONE, TEXT), 'OOTO_NOISE_NONCE');
  throwsCode(() => state.decryptWithAd(NONE, TEXT), 'OOTO_NOISE_NONCE');
});

test('counters pass 2^32 and 2^53 without a repeat', () => {
  for (const at of [2n ** 32n, 2n ** 53n]) {
    const state = new CipherState(cipherOf('AESGCM'), key(), at - 1n);
    const [a, b, c] = [0, 1, 2].map(() => state.encryptWithAd(NONE, TEXT));
    is(state.nonce, at + 2n);
    is(new Set([a, b, c].map(String)).size, 3);
  }
});

test('a disposed state refuses and its key is overwritten', () => {
  const secret = key();
  const state = new CipherState(cipherOf('AESGCM'), secret);
  state[Symbol.dispose]();
  bytes(secret, new Uint8Array(32));
  throwsCode(() => state.encryptWithAd(NONE, TEXT), 'OOTO_NOISE_NONCE');
});
