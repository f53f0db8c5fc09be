/**
 * P-256: ECDSA with SHA-256, verification only (FIPS 186-5; keys of TPMs and authenticators), and key agreement with
 * the endorsement keys of TPMs (NIST SP 800-56A). What flows through here: signature and key are brought into one strict form by our own reader, so that every engine is asked the
 * same question; then the platform answers where it can, noble elsewhere. High S is accepted: TPMs write it.
 */
import { p256 } from '@noble/curves/nist.js';
import { compare } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { unhex } from '../base/hex.ts';
import type { Hardware } from '../ports.ts';
import type { P256 } from './crypto.ts';
import { fixedFromDer } from './ecdsa-signature.ts';

const KEY_BYTES = 65;
const UNCOMPRESSED = 4;
const NUMBER_BYTES = 32;
/** The order n of the group. */
const ORDER = unhex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
const ZERO = new Uint8Array(NUMBER_BYTES);

export function createP256({ hardware }: { hardware: Hardware }): P256 {
  return {
    verify(publicKey, message, signature, encoding) {
      const fixed = encoding === 'der' ? fixedFromDer(signature, NUMBER_BYTES) : signature;
      requireNumbers(fixed);
      const good =
        isUncompressed(publicKey) &&
        (hardware.p256Verify
          ? hardware.p256Verify(publicKey, message, fixed, 'p1363')
          : nobleAccepts(publicKey, message, fixed));
      if (!good) throw refused('the ECDSA signature is not valid');
    },
    admitKey,
    keygen(seed) {
      const secretKey = p256.utils.randomSecretKey(seed);
      return { secretKey, publicKey: p256.getPublicKey(secretKey, false) };
    },
    sharedSecret(secretKey, publicKey) {
      admitKey(publicKey);
      return p256.getSharedSecret(secretKey, publicKey, false).slice(1, 1 + NUMBER_BYTES);
    },
  };
}

function admitKey(publicKey: Uint8Array): void {
  try {
    if (!isUncompressed(publicKey)) throw new Error('not an uncompressed point of 65 bytes');
    p256.Point.fromBytes(publicKey).assertValidity();
  } catch (cause) {
    throw new OotoError('OOTO_CRYPTO_KEY', 'peer', 'not a P-256 public key', { cause });
  }
}

function isUncompressed(publicKey: Uint8Array): boolean {
  return publicKey.length === KEY_BYTES && publicKey[0] === UNCOMPRESSED;
}

/** Both numbers from 1 to n − 1 in exactly 64 bytes. */
function requireNumbers(signature: Uint8Array): void {
  if (signature.length !== 2 * NUMBER_BYTES) throw refused('an ECDSA signature has two numbers of 32 bytes');
  for (const number of [signature.subarray(0, NUMBER_BYTES), signature.subarray(NUMBER_BYTES)])
    if (compare(number, ZERO) === 0 || compare(number, ORDER) >= 0)
      throw refused('a number of the ECDSA signature is out of range');
}

function nobleAccepts(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return p256.verify(signature, message, publicKey, { format: 'compact', lowS: false });
  } catch {
    return false;
  }
}

function refused(message: string): OotoError {
  return new OotoError('OOTO_CRYPTO_SIGNATURE', 'peer', message);
}
