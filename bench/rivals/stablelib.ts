/** StableLib: pure TypeScript, portable, no platform engines. */
import { AES } from '@stablelib/aes';
import { generateKeyPairFromSeed, sign, verify } from '@stablelib/ed25519';
import { GCM } from '@stablelib/gcm';
import { SHA256 } from '@stablelib/sha256';
import { scalarMult } from '@stablelib/x25519';
import type { Engine, GcmKey } from '../engine.ts';
import { hashingWith } from './hashing.ts';

const gcmKey = (key: Uint8Array): GcmKey => {
  const gcm = new GCM(new AES(key));
  return {
    // It adds the tag up in place, and is right only where nothing stands there yet.
    seal: (iv, aad, plaintext, sealed) => void gcm.seal(iv, plaintext, aad, sealed.fill(0, plaintext.length)),
    open(iv, aad, sealed, plaintext) {
      if (gcm.open(iv, sealed, aad, plaintext) === null) throw new Error('not authentic');
    },
  };
};

const hasher = new SHA256();
const digest = new Uint8Array(hasher.digestLength);

export const stablelib: Engine = {
  name: 'stablelib',
  gcm: gcmKey,
  ...hashingWith((message, to, at) => {
    hasher.reset().update(message).finish(digest);
    to.set(digest, at);
  }),
  ed25519Sign(seed) {
    const { secretKey } = generateKeyPairFromSeed(seed);
    return (message, signature) => signature.set(sign(secretKey, message));
  },
  ed25519Verify: (publicKey) => (message, signature) => verify(publicKey, message, signature),
  x25519: (scalar) => (point, secret) => secret.set(scalarMult(scalar, point)),
};
