/**
 * Keys in hardware other than a TPM: tokens behind PKCS#11. What flows through here: the public key, and the certificates
 * with which the token's maker says that it was made there and cannot leave; the first must be of this very key, and
 * lead to a pinned root. Whatever else the token says of itself is its own word: then the tier is `software`.
 */
import { equal } from '../base/bytes.ts';
import { hex } from '../base/hex.ts';
import type { Tier } from '../cert/tier.ts';
import { readVendorCertificate } from '../cert/vendor-certificate.ts';
import { requireVendorPath } from '../cert/vendor-path.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { VerificationKey } from '../envelope/keys.ts';

export interface PresentedKey {
  readonly key: VerificationKey;
  /** DER: the attestation of the key first, then authorities, in any order. Empty where the token cannot attest. */
  readonly certificates: readonly Uint8Array[];
}

export interface KeyTier {
  readonly tier: Extract<Tier, 'hardware' | 'software'>;
  readonly reasons: readonly string[];
}

/**
 * The tier of a key at `time` (milliseconds since 1970), by makers whose certificates are pinned: never more than
 * `software` without an attestation that holds.
 */
export function tierOfKey(
  crypto: Crypto,
  { key, certificates: [own, ...others] }: PresentedKey,
  roots: readonly Uint8Array[],
  time: number,
): KeyTier {
  if (!own) return software('the key is not attested');
  try {
    const certificate = readVendorCertificate(own);
    if (certificate.key.algorithm !== key.algorithm || !equal(certificate.key.bytes, key.bytes))
      return software('the attestation is of another key');
    const path = requireVendorPath(crypto, {
      certificate,
      others: others.map(readVendorCertificate),
      roots: roots.map(readVendorCertificate),
      time,
    });
    const root = hex(crypto.sha256(path[path.length - 1].der));
    return { tier: 'hardware', reasons: [`the key is attested under the pinned root with SHA-256 ${root}`] };
  } catch (error) {
    return software(
      `the attestation does not hold: ${error instanceof Error ? error.message : 'unreadable'}`,
    );
  }
}

function software(reason: string): KeyTier {
  return { tier: 'software', reasons: [reason] };
}
