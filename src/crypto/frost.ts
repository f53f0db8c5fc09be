/**
 * FROST(Ed25519, SHA-512), RFC 9591, and the few point operations that its protocols need beside it. What flows
 * through here: the threshold room hands over bytes of scalars and points and gets bytes back; noble does the
 * arithmetic. Key generation follows the split rounds of frost-rs, whose hashes noble shares.
 */
import type {
  FROST,
  FrostPublic,
  FrostSecret,
  NonceCommitments,
  Nonces,
} from '@noble/curves/abstract/frost.js';
import { ed25519, ed25519_FROST } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concat, utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';

export type { DKG_Round1, DKG_Round2, DKG_Secret } from '@noble/curves/abstract/frost.js';
export type { FROST, FrostPublic, FrostSecret, NonceCommitments, Nonces };

type Point = ReturnType<typeof ed25519.Point.fromBytes>;

const KNOWLEDGE_LABEL = utf8('FROST-ED25519-SHA512-v1dkg');
const SCALARS = ed25519_FROST.utils.Fn;

/** RFC 9591 signing and the key generation of frost-rs; identifiers are hexadecimal scalars. */
export const frost = ed25519_FROST as FROST;

/**
 * Checks one element from outside (RFC 9591 section 3.1, DeserializeElement).
 * @throws OOTO_CRYPTO_KEY (peer) unless it is canonical, of prime order and not the identity.
 */
export function admitElement(bytes: Uint8Array): void {
  element(bytes);
}

/**
 * Checks one scalar from outside (RFC 9591 section 3.1, DeserializeScalar).
 * @throws OOTO_CRYPTO_KEY (peer) unless it is 32 bytes of a number below the order.
 */
export function admitScalar(bytes: Uint8Array): void {
  scalar(bytes);
}

/**
 * The values in the exponent of the polynomial committed to, at `identifiers`: the members' verifying shares
 * (RFC 9591 appendix C.2).
 * @throws OOTO_CRYPTO_KEY (peer) for a commitment that is no element.
 */
export function evaluateCommitment(
  commitment: readonly Uint8Array[],
  identifiers: readonly number[],
): Uint8Array[] {
  const descending = commitment.map(element).reverse();
  return identifiers.map((identifier) => {
    const at = BigInt(identifier);
    const value = descending.reduce((sum, point) => sum.multiplyUnsafe(at).add(point), ed25519.Point.ZERO);
    return value.toBytes();
  });
}

/**
 * Checks that the maker of a key-generation package knows the secret behind `commitment` (its constant term).
 * @throws OOTO_CRYPTO_SIGNATURE (peer) when the proof does not show it.
 */
export function verifyProofOfKnowledge(identifier: number, commitment: Uint8Array, proof: Uint8Array): void {
  const challenge = SCALARS.create(
    littleEndian(sha512(concat(KNOWLEDGE_LABEL, scalarOf(identifier), commitment, proof.subarray(0, 32)))),
  );
  const left = ed25519.Point.BASE.multiplyUnsafe(scalar(proof.subarray(32)));
  const right = element(proof.subarray(0, 32)).add(element(commitment).multiplyUnsafe(challenge));
  if (!left.equals(right))
    throw new OotoError('OOTO_CRYPTO_SIGNATURE', 'peer', 'the proof of knowledge does not hold');
}

/**
 * Checks an Ed25519 signature by the strictest rule in use: canonical encodings, R and A of prime order, for
 * which the cofactored and the cofactorless equation are the same. Whoever implements RFC 8032 accepts what
 * passes here.
 * @throws OOTO_CRYPTO_SIGNATURE (peer).
 */
export function verifyCofactorless(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): void {
  let holds = false;
  let cause: unknown;
  try {
    holds = signature.length === 64 && frost.verify(signature, message, publicKey);
  } catch (error) {
    cause = error;
  }
  if (!holds)
    throw new OotoError('OOTO_CRYPTO_SIGNATURE', 'peer', 'the cofactorless equation does not hold', {
      cause,
    });
}

function element(bytes: Uint8Array): Point {
  try {
    const point = ed25519.Point.fromBytes(bytes);
    if (point.is0() || !point.isTorsionFree()) throw new Error('not of prime order');
    return point;
  } catch (cause) {
    throw new OotoError('OOTO_CRYPTO_KEY', 'peer', 'not an element of the group', { cause });
  }
}

function scalar(bytes: Uint8Array): bigint {
  try {
    return SCALARS.fromBytes(bytes);
  } catch (cause) {
    throw new OotoError('OOTO_CRYPTO_KEY', 'peer', 'not a scalar', { cause });
  }
}

function scalarOf(identifier: number): Uint8Array {
  return SCALARS.toBytes(BigInt(identifier));
}

function littleEndian(bytes: Uint8Array): bigint {
  let number = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) number = (number << 8n) | BigInt(bytes[i]);
  return number;
}
