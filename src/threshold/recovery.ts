/**
 * A member's share from its backup (COCKTAIL-DKG, "Share Recovery"). What flows through here: the certificate of the
 * key generation, the shares that were sealed for the member, and its static key; out comes the share, checked
 * against what all members certified.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { openShare } from './cocktail.ts';
import { type GenerationCertificate, verifyGenerationCertificate } from './generation-certificate.ts';
import { createCeremony } from './generation-message.ts';
import type { KeyGenerationKey } from './key-generation-key.ts';
import { type PublicPackage, publicPackageDigest } from './public-package.ts';
import { requireFitting, SecretShare, sumOfShares } from './secret-share.ts';

/**
 * @param encryptedShares one by each member, in the order of the committee
 * @throws OOTO_THRESHOLD_CERTIFICATE (peer); OOTO_THRESHOLD_MEMBER (caller) when the key is of no member;
 * OOTO_CRYPTO_AUTHENTICATION or OOTO_CRYPTO_KEY (peer) for shares that are not those of this run.
 */
export function recoverShare(
  crypto: Crypto,
  publicPackage: PublicPackage,
  certificate: GenerationCertificate,
  key: KeyGenerationKey,
  encryptedShares: readonly Uint8Array[],
): SecretShare {
  verifyGenerationCertificate(crypto, publicPackage, certificate);
  const { members } = publicPackage.committee;
  const receiver = members.find(({ publicKey }) => equal(publicKey, key.publicKey))?.identifier;
  if (receiver === undefined || encryptedShares.length !== members.length)
    throw new OotoError(
      'OOTO_THRESHOLD_MEMBER',
      'caller',
      'this backup is not of a member of this committee',
    );
  const { setup } = createCeremony(crypto, publicPackage.committee, certificate.session);
  const shares = members.map(({ identifier: sender }, i) => {
    const contribution = certificate.contributions[i];
    return openShare(crypto, setup, { sender, receiver }, key, contribution, encryptedShares[i]).share;
  });
  const digest = publicPackageDigest(crypto, publicPackage);
  const share = new SecretShare(receiver, digest, sumOfShares(crypto, shares));
  requireFitting(crypto, publicPackage, share);
  return share;
}
