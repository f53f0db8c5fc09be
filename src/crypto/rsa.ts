/**
 * RSA with a public key (RFC 8017): encryption with OAEP, which credentials for the RSA endorsement keys of TPMs need,
 * and verification of signatures, as vendors' certificates have them. What flows through here: message, label and seed
 * become one padded number, which is raised to the public exponent; or a signature is raised to it, and must give
 * exactly the padding that its message has. The time depends on the numbers: what is encrypted is random and used once.
 */
import { concat, equal, u32be } from '../base/bytes.ts';
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import { hex, unhex } from '../base/hex.ts';
import type { Core } from '../core/index.ts';
import type { CertificateHash, Rsa, RsaPublicKey } from './crypto.ts';
import { CERTIFICATE_HASHES } from './p384.ts';

const HASH_BYTES = 32;
const [LEAST_MODULUS_BYTES, MOST_MODULUS_BYTES] = [256, 512];
const EXPONENT = 65537n;
/** DigestInfo up to the digest (RFC 8017 section 9.2, note 1). */
const DIGEST_INFO: Readonly<Record<CertificateHash, Uint8Array>> = {
  sha256: unhex('3031300d060960864801650304020105000420'),
  sha384: unhex('3041300d060960864801650304020205000430'),
  sha512: unhex('3051300d060960864801650304020305000440'),
};
const PSS_TRAILER = 0xbc;

export function createRsa({ core }: { core: Core }): Rsa {
  const { hash } = core.sha256;

  const mask = (seed: Uint8Array, length: number) => mgf1((block) => hash(block), HASH_BYTES, seed, length);

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
      return bytesOf(sealed, size);
    },
    verifyPkcs1(key, message, signature, name) {
      const padded = opened(key, signature);
      const info = concat(DIGEST_INFO[name], CERTIFICATE_HASHES[name](message));
      const filling = new Uint8Array(padded.length - info.length - 3).fill(0xff);
      if (!equal(padded, concat(Uint8Array.of(0, 1), filling, Uint8Array.of(0), info))) throw refused();
    },
    verifyPss(key, message, signature, name) {
      const digestOf = CERTIFICATE_HASHES[name];
      const digest = digestOf(message);
      const padded = opened(key, signature);
      const end = padded.length - digest.length - 1;
      const block = padded.slice(0, end);
      const proof = padded.subarray(end, end + digest.length);
      // The padded number has one bit less than the modulus, whose first bit is set.
      if (padded[padded.length - 1] !== PSS_TRAILER || block[0] >= 0x80) throw refused();
      xor(block, mgf1(digestOf, digest.length, proof, end));
      block[0] &= 0x7f;
      const salt = block.subarray(end - digest.length);
      const filling = concat(new Uint8Array(end - digest.length - 1), Uint8Array.of(1));
      const expected = digestOf(concat(new Uint8Array(8), digest, salt));
      if (!equal(block.subarray(0, filling.length), filling) || !equal(proof, expected)) throw refused();
    },
  };
}

/** MGF1 (RFC 8017 appendix B.2.1). */
function mgf1(
  digestOf: (block: Uint8Array) => Uint8Array,
  hashBytes: number,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / hashBytes) }, (_, i) =>
    digestOf(concat(seed, u32be(i))),
  );
  return concat(...blocks).slice(0, length);
}

/** The padded message under a signature, as long as the modulus. */
function opened(key: RsaPublicKey, signature: Uint8Array): Uint8Array {
  const size = modulusBytes(key);
  const [number, modulus] = [numberOf(signature), numberOf(key.modulus)];
  if (signature.length !== size || number >= modulus) throw refused();
  return bytesOf(power(number, modulus), size);
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
  return BigInt(`0x0${hex(bytes)}`);
}

function bytesOf(number: bigint, length: number): Uint8Array {
  return unhex(number.toString(16).padStart(2 * length, '0'));
}

function refused(): OotoError {
  return new OotoError('OOTO_CRYPTO_SIGNATURE', 'peer', 'the RSA signature is not valid');
}

function xor(into: Uint8Array, mask: Uint8Array): void {
  for (let i = 0; i < into.length; i++) into[i] ^= mask[i];
}
