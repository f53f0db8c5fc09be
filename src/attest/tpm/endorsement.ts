/**
 * Endorsement keys that operators trust. What flows through here: the public area that a node presents, with the
 * certificates that it has; the key must stand in the operators' list by its fingerprint, or be certified by a vendor
 * whose root the operators have pinned. It is matched as a key: serial numbers and names are not looked at, anybody can
 * write them into a certificate.
 */
import { concat, lengthPrefixed, utf8 } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import { EXTENSION, readVendorCertificate } from '../../cert/vendor-certificate.ts';
import { requireVendorPath } from '../../cert/vendor-path.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { label } from '../../envelope/labels.ts';
import {
  ENDORSEMENT_PURPOSE,
  readEndorsementCertificate,
  type TpmMaker,
  unpadded,
} from './endorsement-certificate.ts';
import { type PublicArea, requireEndorsementKey } from './public-area.ts';

/** What a node shows of its TPM. */
export interface PresentedEndorsement {
  readonly key: PublicArea;
  /** DER: the key's own certificate first, if it has one, then authorities between it and the root, in any order. */
  readonly certificates: readonly Uint8Array[];
}

/** Which TPMs operators trust. */
export interface EndorsementPolicy {
  /** Single keys, as {@link endorsementFingerprint} names them. */
  readonly fingerprints: readonly string[];
  /** Certificates of vendors' authorities, DER. */
  readonly roots: readonly Uint8Array[];
}

/** Why a TPM is trusted. */
export interface Endorsement {
  readonly fingerprint: string;
  readonly basis: 'listed' | 'certified';
  /** As the vendor says, where one has certified the key. */
  readonly maker?: TpmMaker;
  /** One sentence each. */
  readonly reasons: readonly string[];
}

/** SHA-256(label ‖ algorithm ‖ key) in hexadecimal: what operators write into their list. */
export function endorsementFingerprint(crypto: Crypto, { algorithm, key }: PublicArea): string {
  const parts = [utf8(algorithm), key].map(lengthPrefixed);
  return hex(crypto.sha256(concat(label('endorsement-key'), ...parts)));
}

/**
 * Judges the endorsement key of a TPM at `time` (milliseconds since 1970).
 * @throws OOTO_ATTEST_TPM_ENDORSEMENT where the key is neither listed nor certified, its cause saying why the
 * certificates do not do; and as `requireEndorsementKey` (all peer).
 */
export function requireEndorsement(
  crypto: Crypto,
  presented: PresentedEndorsement,
  policy: EndorsementPolicy,
  time: number,
): Endorsement {
  requireEndorsementKey(crypto, presented.key);
  const fingerprint = endorsementFingerprint(crypto, presented.key);
  if (policy.fingerprints.includes(fingerprint)) {
    const reasons = [`endorsement key ${fingerprint} is one that the operators list`];
    return { fingerprint, basis: 'listed', reasons };
  }
  try {
    return { fingerprint, basis: 'certified', ...requireCertified(crypto, presented, policy, time) };
  } catch (cause) {
    const message = `the endorsement key ${fingerprint} is none that the operators trust`;
    throw new OotoError('OOTO_ATTEST_TPM_ENDORSEMENT', 'peer', message, { cause });
  }
}

function requireCertified(
  crypto: Crypto,
  { key, certificates: [own, ...others] }: PresentedEndorsement,
  { roots }: EndorsementPolicy,
  time: number,
): Pick<Endorsement, 'maker' | 'reasons'> {
  if (roots.length === 0 || !own)
    throw new OotoError(
      'OOTO_ATTEST_TPM_CERTIFICATE',
      'peer',
      'there is no certificate, or no root to judge it by',
    );
  const { certificate, maker } = readEndorsementCertificate(own, key);
  const path = requireVendorPath(crypto, {
    certificate,
    others: others.map((encoded) => readVendorCertificate(unpadded(encoded))),
    roots: roots.map(readVendorCertificate),
    time,
    purpose: ENDORSEMENT_PURPOSE,
    judged: [EXTENSION.subjectAlternativeName],
  });
  const root = hex(crypto.sha256(path[path.length - 1].der));
  const { manufacturer, model, version } = maker;
  return {
    maker,
    reasons: [
      `the endorsement key is certified: TPM ${model} of ${manufacturer}, version ${version}`,
      `${path.length - 1} signatures lead to the pinned root with SHA-256 ${root}`,
    ],
  };
}
