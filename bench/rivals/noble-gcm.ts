/** noble's AES-256-GCM by itself: a rival, and the one who makes what others open. */
import { gcm } from '@noble/ciphers/aes.js';
import type { GcmKey } from '../engine.ts';

export function nobleGcm(key: Uint8Array): GcmKey {
  return {
    seal: (iv, aad, plaintext, sealed) => sealed.set(gcm(key, iv, aad).encrypt(plaintext)),
    open: (iv, aad, sealed, plaintext) => plaintext.set(gcm(key, iv, aad).decrypt(sealed)),
  };
}
