/**
 * Endorsement keys that operators trust. What flows through here: the public area that a node presents becomes the
 * fingerprint of its key, whatever stands around it; the operators' list must hold it. Serial numbers and names
 * are not looked at: anybody can write them into a certificate.
 */
import { concat, lengthPrefixed, utf8 } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { label } from '../../envelope/labels.ts';
import { type PublicArea, requireEndorsementKey } from './public-area.ts';

/** SHA-256(label ‖ algorithm ‖ key) in hexadecimal: what operators write into their list. */
export function endorsementFingerprint(crypto: Crypto, { algorithm, key }: PublicArea): string {
  const parts = [utf8(algorithm), key].map(lengthPrefixed);
  return hex(crypto.sha256(concat(label('endorsement-key'), ...parts)));
}

/**
 * Admits an endorsement key that the operators' list holds.
 * @throws OOTO_ATTEST_TPM_ENDORSEMENT, and as `requireEndorsementKey` (peer).
 */
export function requireEndorsed(crypto: Crypto, key: PublicArea, fingerprints: readonly string[]): void {
  requireEndorsementKey(crypto, key);
  const fingerprint = endorsementFingerprint(crypto, key);
  if (!fingerprints.includes(fingerprint))
    throw new OotoError(
      'OOTO_ATTEST_TPM_ENDORSEMENT',
      'peer',
      `the endorsement key ${fingerprint} is none that the operators trust`,
    );
}
