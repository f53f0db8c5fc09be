/**
 * Sharing by polynomials (Shamir, Feldman; RFC 9591 appendix C). What flows through here: a member draws a secret
 * polynomial and commits to it, coefficient by coefficient; its values are the shares it deals; whoever has the
 * commitment can check a share, or compute what a share commits to, without the secret.
 */
import { equal } from '../base/bytes.ts';
import { wipe, withSecrets } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { scalarOf } from './frost.ts';

const WIDE_BYTES = 64;

/** One element for each coefficient of a polynomial, the constant one first. */
export type Commitment = readonly Uint8Array[];

/** A scalar that nobody can guess, and not zero. */
export function randomScalar(crypto: Crypto): Uint8Array {
  for (;;) {
    const wide = crypto.random.bytes(WIDE_BYTES);
    const scalar = withSecrets([wide], () => crypto.edwards25519.scalarReduce(wide));
    if (scalar.some((byte) => byte !== 0)) return scalar;
  }
}

/** A polynomial that one member keeps to itself. Dispose of it once its values are dealt. */
export class SecretPolynomial implements Disposable {
  readonly commitment: Commitment;
  readonly #crypto: Crypto;
  readonly #coefficients: readonly Uint8Array[];

  /** Takes over the coefficients, the constant one first, and wipes them in the end. */
  constructor(crypto: Crypto, coefficients: readonly Uint8Array[]) {
    this.#crypto = crypto;
    this.#coefficients = coefficients;
    this.commitment = coefficients.map((coefficient) => crypto.edwards25519.multiplyBase(coefficient));
  }

  /** A random one of `threshold` coefficients; `constant` is taken over when it is given. */
  static random(crypto: Crypto, threshold: number, constant = randomScalar(crypto)): SecretPolynomial {
    const higher = Array.from({ length: threshold - 1 }, () => randomScalar(crypto));
    return new SecretPolynomial(crypto, [constant, ...higher]);
  }

  /** The coefficient that stands for the secret; lent, not given. */
  get constant(): Uint8Array {
    return this.#coefficients[0];
  }

  /** The share of `identifier`: secret, the caller wipes it. */
  evaluate(identifier: number): Uint8Array {
    const { scalarMultiplyAdd } = this.#crypto.edwards25519;
    const at = scalarOf(identifier);
    let value: Uint8Array = new Uint8Array(32);
    for (const coefficient of [...this.#coefficients].reverse()) {
      const next = scalarMultiplyAdd(value, at, coefficient);
      wipe(value);
      value = next;
    }
    return value;
  }

  [Symbol.dispose](): void {
    wipe(...this.#coefficients);
  }
}

/** What the share of `identifier` commits to: the value of the polynomial in the exponent. */
export function evaluateCommitment(
  { edwards25519 }: Crypto,
  commitment: Commitment,
  identifier: number,
): Uint8Array {
  const at = scalarOf(identifier);
  let scalar = scalarOf(1);
  const terms = commitment.map((point) => {
    const term = { scalar, point };
    scalar = edwards25519.scalarMultiply(scalar, at);
    return term;
  });
  return edwards25519.sumOfPublicMultiples(terms);
}

/** The commitment to the sum of polynomials of the same length. */
export function sumOfCommitments({ edwards25519 }: Crypto, commitments: readonly Commitment[]): Uint8Array[] {
  const one = scalarOf(1);
  return commitments[0].map((_, k) =>
    edwards25519.sumOfPublicMultiples(
      commitments.map((commitment) => ({ scalar: one, point: commitment[k] })),
    ),
  );
}

/**
 * Checks a share against the commitment to the polynomial it is a value of (vss_verify, appendix C.2).
 * @throws OOTO_CRYPTO_KEY (peer) when it is no scalar or another value.
 */
export function checkShare(
  crypto: Crypto,
  commitment: Commitment,
  identifier: number,
  share: Uint8Array,
): void {
  const { multiplyBase, scalarMultiply } = crypto.edwards25519;
  const reduced = scalarMultiply(share, scalarOf(1));
  const isScalar = withSecrets([reduced], () => share.length === 32 && equal(reduced, share));
  if (!isScalar || !equal(multiplyBase(share), evaluateCommitment(crypto, commitment, identifier)))
    throw new OotoError('OOTO_CRYPTO_KEY', 'peer', 'the share is not what was committed to');
}
