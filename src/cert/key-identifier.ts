/** Names of keys inside certificates. */
import type { Crypto } from '../crypto/crypto.ts';
import { KEY_IDENTIFIER_BYTES } from './profile.ts';

/** Leftmost 160 bits of SHA-256 of the public key (RFC 7093 section 2, method 1). */
export function keyIdentifier(crypto: Crypto, publicKey: Uint8Array): Uint8Array {
  return crypto.sha256(publicKey).slice(0, KEY_IDENTIFIER_BYTES);
}
