/**
 * The Schnorr signatures of COCKTAIL-DKG ("Schnorr Signature Scheme"), for its proofs of possession and certificates.
 * What flows through here: a scalar and a message become 64 bytes, the same every time; hashes of this scheme begin
 * with names of their own, so that no signature of it is one of Ed25519.
 */
import { concat, equal, utf8 } from '../base/bytes.ts';
import { withSecrets } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { scalarOf } from './frost.ts';

export const SCHNORR_SIGNATURE_BYTES = 64;
const NONCE = utf8('COCKTAIL-DKG-Ed25519-SHA512-NONCE');
const CHALLENGE = utf8('COCKTAIL-DKG-Ed25519-SHA512-H7');

/** @param secretKey a scalar other than zero; that the nonce is zero is as likely as a guessed key, and is refused */
export function schnorrSign(crypto: Crypto, secretKey: Uint8Array, message: Uint8Array): Uint8Array {
  const { multiplyBase, scalarMultiplyAdd } = crypto.edwards25519;
  const publicKey = multiplyBase(secretKey);
  const input = concat(NONCE, secretKey, message);
  const nonce = withSecrets([input], () => hashToScalar(crypto, input));
  return withSecrets([nonce], () => {
    const commitment = multiplyBase(nonce);
    crypto.edwards25519.admitElement(commitment);
    const challenge = hashToScalar(crypto, concat(CHALLENGE, commitment, publicKey, message));
    return concat(commitment, scalarMultiplyAdd(challenge, secretKey, nonce));
  });
}

/** @throws OOTO_CRYPTO_SIGNATURE (peer). */
export function schnorrVerify(
  crypto: Crypto,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): void {
  const { admitElement, admitScalar, multiplyBase, sumOfPublicMultiples } = crypto.edwards25519;
  const [commitment, response] = [signature.subarray(0, 32), signature.subarray(32)];
  try {
    admitElement(commitment);
    admitScalar(response);
    const challenge = hashToScalar(crypto, concat(CHALLENGE, commitment, publicKey, message));
    const right = sumOfPublicMultiples([
      { scalar: scalarOf(1), point: commitment },
      { scalar: challenge, point: publicKey },
    ]);
    if (!equal(multiplyBase(response), right)) throw new Error('the sides differ');
  } catch (cause) {
    throw new OotoError('OOTO_CRYPTO_SIGNATURE', 'peer', 'the signature does not hold', { cause });
  }
}

function hashToScalar(crypto: Crypto, input: Uint8Array): Uint8Array {
  const digest = crypto.sha512(input);
  return withSecrets([digest], () => crypto.edwards25519.scalarReduce(digest));
}
