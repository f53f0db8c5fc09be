/**
 * One member's share of the group key. What flows through here: key generation makes it, the caller stores its
 * bytes where only this node reads, and the signing member holds it until it is disposed. It has no text form.
 */
import { concat, equal, u16be } from '../base/bytes.ts';
import { wipe, withSecrets } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import { ByteReader } from '../base/reader.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { requireLabel } from './committee.ts';
import { LABELS } from './labels.ts';
import { checkShare } from './polynomial.ts';
import { type PublicPackage, publicPackageDigest } from './public-package.ts';

const SCALAR_BYTES = 32;
const DIGEST_BYTES = 32;

/** A share, bound to the public package it belongs to. Dispose of it when it is no longer needed. */
export class SecretShare implements Disposable {
  readonly identifier: number;
  readonly publicDigest: Uint8Array;
  readonly #scalar: Uint8Array;
  #disposed = false;

  /** Takes over `scalar` (32 bytes, little-endian) and wipes it in the end. */
  constructor(identifier: number, publicDigest: Uint8Array, scalar: Uint8Array) {
    this.identifier = identifier;
    this.publicDigest = publicDigest;
    this.#scalar = scalar;
  }

  /** Lends a copy of the scalar for one computation; it is wiped after it. */
  use<T>(compute: (scalar: Uint8Array) => T): T {
    if (this.#disposed)
      throw new OotoError('OOTO_THRESHOLD_STATE', 'caller', 'the secret share was disposed of');
    const scalar = this.#scalar.slice();
    return withSecrets([scalar], () => compute(scalar));
  }

  /** Bytes for the store. They are secret: wipe them once they are written. */
  encode(): Uint8Array {
    return this.use((scalar) =>
      concat(LABELS.secretShare, this.publicDigest, u16be(this.identifier), scalar),
    );
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    wipe(this.#scalar);
  }
}

/** The sum of what was dealt to one member; the parts are wiped, and what they add up to on the way. */
export function sumOfShares({ edwards25519 }: Crypto, shares: readonly Uint8Array[]): Uint8Array {
  return withSecrets(shares, () => {
    let sum: Uint8Array = new Uint8Array(SCALAR_BYTES);
    for (const share of shares) {
      const next = edwards25519.scalarAdd(sum, share);
      wipe(sum);
      sum = next;
    }
    return sum;
  });
}

/**
 * Reads a stored share and checks that it is the one that `publicPackage` has under its identifier.
 * @throws OOTO_THRESHOLD_KEY (local) when share and package do not fit; OOTO_THRESHOLD_ENCODING or OOTO_BASE_
 * errors for other bytes.
 */
export function decodeSecretShare(
  crypto: Crypto,
  publicPackage: PublicPackage,
  bytes: Uint8Array,
): SecretShare {
  const reader = new ByteReader(bytes);
  requireLabel(reader, LABELS.secretShare);
  const digest = reader.bytes(DIGEST_BYTES);
  const identifier = reader.u16();
  const share = new SecretShare(identifier, digest, reader.bytes(SCALAR_BYTES));
  try {
    reader.end();
    requireFitting(crypto, publicPackage, share);
  } catch (error) {
    share[Symbol.dispose]();
    throw error;
  }
  return share;
}

/** @throws OOTO_THRESHOLD_KEY (local) unless the share belongs to this package. */
export function requireFitting(crypto: Crypto, publicPackage: PublicPackage, share: SecretShare): void {
  const known = publicPackage.committee.members.some((member) => member.identifier === share.identifier);
  const expected = publicPackageDigest(crypto, publicPackage);
  if (!known || !equal(share.publicDigest, expected)) throw doesNotFit();
  try {
    share.use((scalar) => checkShare(crypto, publicPackage.commitment, share.identifier, scalar));
  } catch (cause) {
    throw doesNotFit(cause);
  }
}

function doesNotFit(cause?: unknown): OotoError {
  return new OotoError(
    'OOTO_THRESHOLD_KEY',
    'local',
    'secret share and public package do not belong together',
    {
      hint: 'restore both from the same backup, or repair the share',
      cause,
    },
  );
}
