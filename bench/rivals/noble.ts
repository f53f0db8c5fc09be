/** Paul Miller's noble libraries: audited, pure JavaScript. */
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import type { Engine } from '../engine.ts';
import { hashingWith } from './hashing.ts';
import { nobleGcm } from './noble-gcm.ts';
import { verifyEach } from './verify-each.ts';

/** The rule of RFC 8032, as in the other engines, not the laxer one that is noble's default. */
const verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) =>
  ed25519.verify(signature, message, publicKey, { zip215: false });

export const noble: Engine = {
  name: 'noble',
  gcm: nobleGcm,
  ...hashingWith((message, to, at) => to.set(sha256(message), at)),
  ed25519Sign: (seed) => (message, signature) => signature.set(ed25519.sign(message, seed)),
  ed25519Verify: (publicKey) => (message, signature) => verify(publicKey, message, signature),
  ed25519VerifyBatch: verifyEach(verify),
  x25519: (scalar) => (point, secret) => secret.set(x25519.getSharedSecret(scalar, point)),
  mlkem768: {
    keygen(seed, ek, dk) {
      const { publicKey, secretKey } = ml_kem768.keygen(seed);
      ek.set(publicKey);
      dk.set(secretKey);
    },
    encaps(ek, coins, ciphertext, secret) {
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(ek, coins);
      ciphertext.set(cipherText);
      secret.set(sharedSecret);
    },
    decaps: (dk, ciphertext, secret) => secret.set(ml_kem768.decapsulate(ciphertext, dk)),
  },
};
