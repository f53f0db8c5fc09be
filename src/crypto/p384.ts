/**
 * P-384: ECDSA, verification only (FIPS 186-5; certificates of TPM vendors). What flows through here: the signature is
 * brought into its one strict form, and noble answers on every platform: a chain is judged once for an enrolment, and
 * the answer is had without waiting (docs/decisions, 11).
 */
import { p384 as curve } from '@noble/curves/nist.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { OotoError } from '../base/errors.ts';
import type { CertificateHash, P384 } from './crypto.ts';
import { fixedFromDer } from './ecdsa-signature.ts';

const KEY_BYTES = 97;
const UNCOMPRESSED = 4;
const NUMBER_BYTES = 48;

export const CERTIFICATE_HASHES: Readonly<Record<CertificateHash, (message: Uint8Array) => Uint8Array>> = {
  sha256,
  sha384,
  sha512,
};

export const p384: P384 = {
  verify(publicKey, message, signature, hash) {
    const fixed = fixedFromDer(signature, NUMBER_BYTES);
    if (!isUncompressed(publicKey) || !accepts(publicKey, CERTIFICATE_HASHES[hash](message), fixed))
      throw new OotoError('OOTO_CRYPTO_SIGNATURE', 'peer', 'the ECDSA signature is not valid');
  },
  admitKey(publicKey) {
    try {
      if (!isUncompressed(publicKey)) throw new Error('not an uncompressed point of 97 bytes');
      curve.Point.fromBytes(publicKey).assertValidity();
    } catch (cause) {
      throw new OotoError('OOTO_CRYPTO_KEY', 'peer', 'not a P-384 public key', { cause });
    }
  },
};

function isUncompressed(publicKey: Uint8Array): boolean {
  return publicKey.length === KEY_BYTES && publicKey[0] === UNCOMPRESSED;
}

/** noble refuses numbers out of range, and points that are none, by throwing. */
function accepts(publicKey: Uint8Array, digest: Uint8Array, fixed: Uint8Array): boolean {
  try {
    return curve.verify(fixed, digest, publicKey, { format: 'compact', lowS: false, prehash: false });
  } catch {
    return false;
  }
}
