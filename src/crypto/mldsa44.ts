/**
 * ML-DSA-44 (FIPS 204), computed by noble: what witnesses cosign with beside Ed25519. A cosignature is made a few times
 * a minute at most, and its key signs nothing else.
 */
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js';
import { OotoError } from '../base/errors.ts';
import type { Random } from '../ports.ts';
import type { MlDsa44 } from './crypto.ts';

const HEDGE_BYTES = 32;
const { publicKey: PUBLIC_KEY_BYTES, signature: SIGNATURE_BYTES } = ml_dsa44.lengths;

export function createMlDsa44(random: Random): MlDsa44 {
  return {
    publicKey: (seed) => ml_dsa44.keygen(seed).publicKey,
    sign(seed, message) {
      const { secretKey } = ml_dsa44.keygen(seed);
      try {
        return ml_dsa44.sign(message, secretKey, { extraEntropy: random.bytes(HEDGE_BYTES) });
      } finally {
        secretKey.fill(0);
      }
    },
    verify(publicKey, message, signature) {
      const isWhole = publicKey.length === PUBLIC_KEY_BYTES && signature.length === SIGNATURE_BYTES;
      if (!isWhole || !ml_dsa44.verify(signature, message, publicKey))
        throw new OotoError('OOTO_CRYPTO_SIGNATURE', 'peer', 'the signature does not hold');
    },
  };
}
