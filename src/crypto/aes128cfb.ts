/**
 * AES-128 in cipher feedback mode (NIST SP 800-38A section 6.3, full blocks), encryption only: what a TPM opens
 * credentials with. Computed by noble, for messages of a few blocks under keys that are used once.
 */
import { cfb } from '@noble/ciphers/aes.js';
import { OotoError } from '../base/errors.ts';

const [KEY_BYTES, IV_BYTES] = [16, 16];

/** @throws OOTO_CRYPTO_KEY (caller) unless key and iv are 16 bytes. */
export function aes128cfbEncrypt(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  if (key.length !== KEY_BYTES || iv.length !== IV_BYTES)
    throw new OotoError('OOTO_CRYPTO_KEY', 'caller', 'AES-128-CFB takes a key and an iv of 16 bytes');
  return cfb(key, iv).encrypt(plaintext);
}
