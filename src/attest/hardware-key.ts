/**
 * Keys in hardware other than a TPM: tokens behind PKCS#11. What flows through here: the public key, and the certificates
 * with which the token's maker says that it was made there and cannot leave; the first must be of this very key, bear
 * the mark of the maker's attestations, and lead to the pinned root: a maker certifies other keys too. Whatever else the token says of itself is its own word: then the tier is `software`.
 */
import { equal } from '../base/bytes.ts';
import { hex } from '../base/hex.ts';
import type { Tier } from '../cert/tier.ts';
import {
  basicConstraints,
  extendedKeyUsage,
  readVendorCertificate,
  type VendorCertificate,
} from '../cert/vendor-certificate.ts';
import { requireVendorPath } from '../cert/vendor-path.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { VerificationKey } from '../envelope/keys.ts';

export interface PresentedKey {
  readonly key: VerificationKey;
  /** DER: the attestation of the key first, then authorities, in any order. Empty where the token cannot attest. */
  readonly certificates: readonly Uint8Array[];
}

/** Who makes tokens, as an operator has pinned it. */
export interface Maker {
  /** DER. */
  readonly root: Uint8Array;
  /**
   * Object identifier of an extension or extended purpose that stands in its attestations of keys and in nothing else
   * that it certifies, such as 1.3.6.1.4.1.41482.3.3 (YubiKey PIV).
   */
  readonly mark: string;
}

export interface KeyTier {
  readonly tier: Extract<Tier, 'hardware' | 'software'>;
  readonly reasons: readonly string[];
}

/**
 * The tier of a key at `time` (milliseconds since 1970), by makers that are pinned: never more than
 * `software` without an attestation that holds.
 */
export function tierOfKey(
  crypto: Crypto,
  { key, certificates: [own, ...others] }: PresentedKey,
  makers: readonly Maker[],
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
      roots: makers.map(({ root }) => readVendorCertificate(root)),
      time,
      judged: makers.map(({ mark }) => mark),
    });
    const end = path[path.length - 1].der;
    if (!makers.some(({ root, mark }) => equal(root, end) && attests(certificate, mark)))
      return software('the certificate is none with which its maker attests keys');
    const root = hex(crypto.sha256(end));
    return { tier: 'hardware', reasons: [`the key is attested under the pinned root with SHA-256 ${root}`] };
  } catch (error) {
    return software(
      `the attestation does not hold: ${error instanceof Error ? error.message : 'unreadable'}`,
    );
  }
}

/** Of a key of its own, and for this purpose: no authority, and nothing else that the maker certifies. */
function attests(certificate: VendorCertificate, mark: string): boolean {
  if (basicConstraints(certificate).ca) return false;
  return certificate.extensions.has(mark) || (extendedKeyUsage(certificate)?.includes(mark) ?? false);
}

function software(reason: string): KeyTier {
  return { tier: 'software', reasons: [reason] };
}
