/**
 * RSA with a public key: encryption with OAEP (RFC 8017 section 7.1), which credentials for the RSA endorsement keys
 * of TPMs need. What flows through here: message, label and seed become one padded number, which is raised to the
 * public exponent. Its time depends on the number; each is random and used once.
 */
import { concat, u32be } from '../base/bytes.ts';
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import { hex, unhex } from '../base/hex.ts';
import type { Core } from '../core/index.ts';
import type { Rsa, RsaPublicKey } from './crypto.ts';

const HASH_BYTES = 32;
const [LEAST_MODULUS_BYTES, MOST_MODULUS_BYTES] = [256, 512];
const EXPONENT = 65537n;

export function createRsa({ core }: { core: Core }): Rsa {
  const { hash } = core.sha256;

  /** MGF1 with SHA-256 (RFC 8017 appendix B.2.1). */
  function mask(seed: Uint8Array, length: number): Uint8Array {
    const blocks = Array.from({ length: Math.ceil(length / HASH_BYTES) }, (_, i) => hash(seed, u32be(i)));
    return concat(...blocks).slice(0, length);
  }

  return {
    encryptOaep256(key, message, label, seed) {
      const size = modulusBytes(key);
      const room = size - 2 * HASH_BYTES - 2;
      if (message.length > room || seed.length !== HASH_BYTES)
        throw new OotoError('OOTO_CRYPTO_RSA', 'caller', `OAEP takes ${room} bytes and a seed of 32`);
      const padding = new Uint8Array(room - message.length);
      const block = concat(hash(label), padding, Uint8Array.of(1), message);
      xor(block, mask(seed, block.length));
      const maskedSeed = seed.slice();
      xor(maskedSeed, mask(block, HASH_BYTES));
      const padded = concat(Uint8Array.of(0), maskedSeed, block);
      const sealed = power(numberOf(padded), numberOf(key.modulus));
      wipe(padded, block);
      return unhex(sealed.toString(16).padStart(2 * size, '0'));
    },
  };
}

/** @throws OOTO_CRYPTO_KEY (peer) for a modulus that is even or not of 2048 to 4096 bits. */
function modulusBytes({ modulus }: RsaPublicKey): number {
  const size = modulus.length;
  const fits = size >= LEAST_MODULUS_BYTES && size <= MOST_MODULUS_BYTES;
  if (!fits || modulus[0] < 0x80 || modulus[size - 1] % 2 === 0)
    throw new OotoError('OOTO_CRYPTO_KEY', 'peer', 'not an RSA public key of 2048 to 4096 bits');
  return size;
}

/** base^65537 modulo `modulus`: sixteen squarings and one product. */
function power(base: bigint, modulus: bigint): bigint {
  let result = base;
  for (let bit = EXPONENT >> 1n; bit > 0n; bit >>= 1n) result = (result * result) % modulus;
  return (result * base) % modulus;
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(bytes)}`);
}

function xor(into: Uint8Array, mask: Uint8Array): void {
  for (let i = 0; i < into.length; i++) into[i] ^= mask[i];
}
