/**
 * libsodium compiled to WebAssembly. Its AES-256-GCM needs instructions that WebAssembly does not have, so its AEAD
 * here is ChaCha20-Poly1305, which it recommends instead; noble says what that must give.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import sodium from 'libsodium-wrappers-sumo';
import type { Engine, GcmKey } from '../engine.ts';
import { hashingWith } from './hashing.ts';
import { verifyEach } from './verify-each.ts';

await sodium.ready;

const chacha = (key: Uint8Array): GcmKey => ({
  seal: (iv, aad, plaintext, sealed) =>
    sealed.set(sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, aad, null, iv, key)),
  open: (iv, aad, sealed, plaintext) =>
    plaintext.set(sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, sealed, aad, iv, key)),
});

/** Its own name, so that nobody takes one cipher for the other. */
export const libsodiumChacha: Engine = {
  name: 'libsodium-chacha20poly1305',
  gcm: chacha,
  reference: (key) => ({
    seal: (iv, aad, plaintext, sealed) => void chacha20poly1305(key, iv, aad).encrypt(plaintext, sealed),
  }),
};

export const libsodium: Engine = {
  name: 'libsodium',
  ...hashingWith((message, to, at) => to.set(sodium.crypto_hash_sha256(message), at)),
  ed25519Sign(seed) {
    const { privateKey } = sodium.crypto_sign_seed_keypair(seed);
    return (message, signature) => signature.set(sodium.crypto_sign_detached(message, privateKey));
  },
  ed25519Verify: (publicKey) => (message, signature) =>
    sodium.crypto_sign_verify_detached(signature, message, publicKey),
  ed25519VerifyBatch: verifyEach((publicKey, message, signature) =>
    sodium.crypto_sign_verify_detached(signature, message, publicKey),
  ),
  x25519: (scalar) => (point, secret) => secret.set(sodium.crypto_scalarmult(scalar, point)),
  mlkem768: {
    keygen(seed, ek, dk) {
      const { publicKey, privateKey } = sodium.crypto_kem_mlkem768_seed_keypair(seed);
      ek.set(publicKey);
      dk.set(privateKey);
    },
    encaps(ek, coins, ciphertext, secret) {
      const made = sodium.crypto_kem_mlkem768_enc_deterministic(ek, coins);
      ciphertext.set(made.ciphertext);
      secret.set(made.sharedSecret);
    },
    decaps: (dk, ciphertext, secret) => secret.set(sodium.crypto_kem_mlkem768_dec(ciphertext, dk)),
  },
};
