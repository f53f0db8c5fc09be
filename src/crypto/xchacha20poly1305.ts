/**
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), computed by noble: what key generation seals shares with. Keys and
 * nonces are derived there, each pair for one text.
 */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from './crypto.ts';

export function createXChaCha20Poly1305(): Crypto['xchacha20poly1305'] {
  return {
    seal: (key, nonce, plaintext) => xchacha20poly1305(key, nonce).encrypt(plaintext),
    open(key, nonce, sealed) {
      try {
        return xchacha20poly1305(key, nonce).decrypt(sealed);
      } catch (cause) {
        throw new OotoError('OOTO_CRYPTO_AUTHENTICATION', 'peer', 'the text was not sealed with this key', {
          cause,
        });
      }
    },
  };
}
