/**
 * FROST(Ed25519, SHA-512), RFC 9591, over the core's group: the arithmetic of signing without its messages. What
 * flows through here: nonces are drawn for a share; the commitments of all signers and the message become a signing
 * package, which holds what they all compute alike: binding factors, group commitment and challenge; from it each
 * signer's share is made and checked, and the shares become an Ed25519 signature. A list of commitments is in rising
 * order of identifier, and its elements are admitted before they come here.
 */
import { concat, equal, u16be, utf8 } from '../base/bytes.ts';
import { withSecrets } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';

const SUITE = utf8('FROST-ED25519-SHA512-v1');
const ONE = scalarOf(1);

/** The public halves of one signer's two nonces. */
export interface NonceCommitment {
  readonly identifier: number;
  readonly hiding: Uint8Array;
  readonly binding: Uint8Array;
}

/** The two secret nonces of one signer for one attempt, 32 bytes each. */
export interface Nonces {
  readonly hiding: Uint8Array;
  readonly binding: Uint8Array;
}

/** A small number as a scalar: 32 bytes, little-endian (SerializeScalar, section 6.1). */
export function scalarOf(number: number): Uint8Array {
  const bytes = new Uint8Array(32);
  bytes.set(u16be(number).reverse());
  return bytes;
}

/** Draws one nonce; the share of the key makes up for a weak source of randomness (section 4.1). */
export function generateNonce(crypto: Crypto, share: Uint8Array): Uint8Array {
  const random = crypto.random.bytes(32);
  return withSecrets([random], () => hashToScalar(crypto, 'nonce', random, share));
}

/**
 * The factor by which the value at `identifier` counts in the interpolation, at 0 unless said, of a polynomial that
 * is known at `identifiers` (derive_interpolating_value, section 4.2).
 */
export function interpolatingValue(
  { edwards25519 }: Crypto,
  identifiers: readonly number[],
  identifier: number,
  at = 0,
): Uint8Array {
  const { scalarInvert, scalarMultiply, scalarSubtract } = edwards25519;
  let [numerator, denominator] = [ONE, ONE];
  for (const other of identifiers) {
    if (other === identifier) continue;
    const root = scalarOf(other);
    numerator = scalarMultiply(numerator, scalarSubtract(root, scalarOf(at)));
    denominator = scalarMultiply(denominator, scalarSubtract(root, scalarOf(identifier)));
  }
  return scalarMultiply(numerator, scalarInvert(denominator));
}

/** What all signers of one attempt compute alike (sections 4.3 to 4.6). */
export class SigningPackage {
  /** Before its hash, of each signer: the input of H1 (rho_input_prefix and identifier). */
  readonly bindingFactorInputs: ReadonlyMap<number, Uint8Array>;
  readonly bindingFactors: ReadonlyMap<number, Uint8Array>;
  readonly groupCommitment: Uint8Array;
  readonly challenge: Uint8Array;
  readonly #crypto: Crypto;
  readonly #commitments: ReadonlyMap<number, NonceCommitment>;

  /** @throws OOTO_CRYPTO_KEY (peer) for a commitment that is no point. */
  constructor(
    crypto: Crypto,
    groupKey: Uint8Array,
    commitments: readonly NonceCommitment[],
    message: Uint8Array,
  ) {
    this.#crypto = crypto;
    this.#commitments = new Map(commitments.map((entry) => [entry.identifier, entry]));
    const prefix = concat(
      groupKey,
      crypto.sha512(concat(SUITE, utf8('msg'), message)),
      crypto.sha512(concat(SUITE, utf8('com'), encodeCommitments(commitments))),
    );
    this.bindingFactorInputs = this.#forEach(({ identifier }) => concat(prefix, scalarOf(identifier)));
    this.bindingFactors = this.#forEach(({ identifier }) =>
      hashToScalar(crypto, 'rho', this.bindingFactorInputs.get(identifier)!),
    );
    this.groupCommitment = crypto.edwards25519.sumOfPublicMultiples(
      commitments.flatMap((entry) => this.#commitmentTerms(entry)),
    );
    this.challenge = crypto.edwards25519.scalarReduce(
      crypto.sha512(concat(this.groupCommitment, groupKey, message)),
    );
  }

  /** One signer's share of the signature: d + e rho + lambda s c (section 5.2). */
  share(identifier: number, share: Uint8Array, { hiding, binding }: Nonces): Uint8Array {
    const { scalarMultiplyAdd } = this.#crypto.edwards25519;
    const bound = scalarMultiplyAdd(binding, this.#bindingFactor(identifier), hiding);
    return withSecrets([bound], () => scalarMultiplyAdd(share, this.#weight(identifier), bound));
  }

  /**
   * Checks a signer's share (section 5.4).
   * @param verifyingShare the element that this signer's share of the key commits to
   * @throws OOTO_CRYPTO_SIGNATURE (peer) when it does not hold.
   */
  verifyShare(identifier: number, verifyingShare: Uint8Array, share: Uint8Array): void {
    const { multiplyBase, sumOfPublicMultiples } = this.#crypto.edwards25519;
    const expected = sumOfPublicMultiples([
      ...this.#commitmentTerms(this.#commitments.get(identifier)!),
      { scalar: this.#weight(identifier), point: verifyingShare },
    ]);
    if (!equal(multiplyBase(share), expected))
      throw new OotoError('OOTO_CRYPTO_SIGNATURE', 'peer', 'the signature share does not hold');
  }

  /** The signature that the shares of all signers add up to; whether it holds is for the caller to check (section 5.3). */
  aggregate(shares: readonly Uint8Array[]): Uint8Array {
    const { scalarAdd } = this.#crypto.edwards25519;
    return concat(
      this.groupCommitment,
      shares.reduce((sum, share) => scalarAdd(sum, share)),
    );
  }

  /** lambda c: how much a share of the key counts in this signature. */
  #weight(identifier: number): Uint8Array {
    const lambda = interpolatingValue(this.#crypto, [...this.#commitments.keys()], identifier);
    return this.#crypto.edwards25519.scalarMultiply(lambda, this.challenge);
  }

  #commitmentTerms({ identifier, hiding, binding }: NonceCommitment) {
    return [
      { scalar: ONE, point: hiding },
      { scalar: this.#bindingFactor(identifier), point: binding },
    ];
  }

  #bindingFactor(identifier: number): Uint8Array {
    return this.bindingFactors.get(identifier)!;
  }

  #forEach(compute: (entry: NonceCommitment) => Uint8Array): Map<number, Uint8Array> {
    return new Map([...this.#commitments.values()].map((entry) => [entry.identifier, compute(entry)]));
  }
}

/**
 * Checks an Ed25519 signature by the strictest rule in use: canonical encodings, R and A of prime order, for which
 * the equations with and without the cofactor are the same. Whoever implements RFC 8032 accepts what passes here.
 * @throws OOTO_CRYPTO_SIGNATURE (peer).
 */
export function verifyCofactorless(
  crypto: Crypto,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): void {
  try {
    requireCofactorless(crypto, publicKey, message, signature);
  } catch (cause) {
    throw new OotoError('OOTO_CRYPTO_SIGNATURE', 'peer', 'the cofactorless equation does not hold', {
      cause,
    });
  }
}

/** S B = R + k A, as encodings. */
function requireCofactorless(
  { edwards25519, sha512 }: Crypto,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): void {
  const [commitment, response] = [signature.subarray(0, 32), signature.subarray(32)];
  edwards25519.admitElement(publicKey);
  edwards25519.admitElement(commitment);
  edwards25519.admitScalar(response);
  const challenge = edwards25519.scalarReduce(sha512(concat(commitment, publicKey, message)));
  const right = edwards25519.sumOfPublicMultiples([
    { scalar: ONE, point: commitment },
    { scalar: challenge, point: publicKey },
  ]);
  if (!equal(edwards25519.multiplyBase(response), right)) throw new Error('the sides differ');
}

/** encode_group_commitment_list (section 4.3). */
function encodeCommitments(list: readonly NonceCommitment[]): Uint8Array {
  return concat(
    ...list.flatMap(({ identifier, hiding, binding }) => [scalarOf(identifier), hiding, binding]),
  );
}

/** H1 (`rho`) and H3 (`nonce`) of section 6.1. */
function hashToScalar(crypto: Crypto, kind: 'rho' | 'nonce', ...parts: readonly Uint8Array[]): Uint8Array {
  const input = concat(SUITE, utf8(kind), ...parts);
  const digest = crypto.sha512(input);
  return withSecrets([input, digest], () => crypto.edwards25519.scalarReduce(digest));
}
