/**
 * Whom a certificate stands for, decided in one place. What flows through here: a root is checked once and
 * becomes what leaves are judged against; a leaf goes through one list of checks, each with its own code, and
 * out comes an identity that may be relied on until `notAfter`. Revocation, inclusion proofs and the mesh head
 * are judged by the authority room, on top of this.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type Certificate, type LeafTbs, readCertificate, type SubjectKey, type Tbs } from './certificate.ts';
import { keyIdentifier } from './key-identifier.ts';
import { meetsTier, type Tier } from './tier.ts';

/** A certificate of a group key that has been checked; kept, and used for many leaves. */
export interface Root {
  readonly trustDomain: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly keyIdentifier: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly der: Uint8Array;
}

/** Who a valid certificate says its holder is. */
export interface ValidCertificate {
  readonly id: string;
  readonly trustDomain: string;
  readonly path: string;
  readonly tier: Tier;
  readonly publicKey: SubjectKey;
  readonly tbsSha256: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly serial: Uint8Array;
  readonly der: Uint8Array;
}

export interface LeafExpectations {
  root: Root;
  /** Milliseconds since 1970. */
  time: number;
  /** How far this clock may be off, either way. */
  skewMs?: number;
  /** The SPIFFE ID that was dialled. */
  expectedId?: string;
  /** The weakest tier that will do. */
  minimumTier?: Tier;
}

/** Two minutes: more skew than this is an error of its own (see the mesh head). */
export const DEFAULT_SKEW_MS = 120_000;

/**
 * Checks the group key's own certificate. Its times are judged with each leaf.
 * @throws OOTO_CERT_DER, _PROFILE, _NAME, _TRUST_DOMAIN, _KEY, _SIGNATURE (peer).
 */
export function validateRoot(
  crypto: Crypto,
  { certificate, trustDomain }: { certificate: Uint8Array; trustDomain: string },
): Root {
  const read = readCertificate(certificate);
  const { claims } = read;
  if (claims.kind !== 'root') throw refuse('PROFILE', 'a leaf where a root is expected');
  requireTrustDomain(claims, trustDomain);
  requireAdmissibleKey(crypto, claims);
  if (claims.publicKey.algorithm !== 'ed25519') throw refuse('PROFILE', 'the key of a root is not Ed25519');
  requireSignature(crypto, read, claims.publicKey.bytes);
  return {
    trustDomain,
    publicKey: claims.publicKey.bytes,
    keyIdentifier: claims.subjectKeyIdentifier,
    notBefore: claims.notBefore,
    notAfter: claims.notAfter,
    der: certificate,
  };
}

/**
 * Judges a leaf: it is of the profile, belongs to this trust domain, was signed by this root's key, is valid now,
 * names the one expected, holds an admissible key, and is of a sufficient tier.
 * @throws OOTO_CERT_DER, _PROFILE, _NAME, _TRUST_DOMAIN, _ISSUER, _SIGNATURE, _NOT_YET_VALID, _EXPIRED, _ID, _KEY,
 * _TIER (peer), one for each check.
 */
export function validateCertificate(
  crypto: Crypto,
  { certificate, ...expected }: LeafExpectations & { certificate: Uint8Array },
): ValidCertificate {
  const { root, time, skewMs = DEFAULT_SKEW_MS, expectedId, minimumTier = 'software' } = expected;
  const read = readCertificate(certificate);
  const { claims } = read;
  if (claims.kind !== 'leaf') throw refuse('PROFILE', 'a root authenticates nobody');
  requireTrustDomain(claims, root.trustDomain);
  requireIssuer(claims, root);
  requireSignature(crypto, read, root.publicKey);
  requireWithinRoot(claims, root);
  requireTime(claims, time, skewMs);
  requireId(claims, expectedId);
  requireAdmissibleKey(crypto, claims);
  requireTier(claims, minimumTier);
  return {
    id: claims.id,
    trustDomain: claims.trustDomain,
    path: claims.path,
    tier: claims.tier,
    publicKey: claims.publicKey,
    tbsSha256: crypto.sha256(read.tbs),
    notBefore: claims.notBefore,
    notAfter: claims.notAfter,
    serial: claims.serial,
    der: certificate,
  };
}

function requireTrustDomain(claims: Tbs, trustDomain: string): void {
  if (claims.trustDomain !== trustDomain)
    throw refuse('TRUST_DOMAIN', `the certificate is for another mesh than ${trustDomain}`);
}

function requireIssuer(claims: LeafTbs, root: Root): void {
  if (claims.issuer !== root.trustDomain || !equal(claims.authorityKeyIdentifier, root.keyIdentifier))
    throw refuse('ISSUER', 'the certificate names another issuer than this root');
}

function requireSignature(crypto: Crypto, { tbs, signature }: Certificate, issuerKey: Uint8Array): void {
  try {
    crypto.ed25519.verify(issuerKey, tbs, signature);
  } catch (cause) {
    throw refuse('SIGNATURE', 'the signature of the certificate does not verify', cause);
  }
}

function requireWithinRoot(claims: LeafTbs, root: Root): void {
  if (claims.notBefore < root.notBefore || claims.notAfter > root.notAfter)
    throw refuse('PROFILE', 'the certificate is valid beyond its root');
}

function requireTime({ notBefore, notAfter }: Tbs, time: number, skewMs: number): void {
  if (!Number.isFinite(time) || !(skewMs >= 0))
    throw new OotoError('OOTO_CERT_INPUT', 'caller', 'time and skew must be numbers of milliseconds');
  if (time < notBefore - skewMs)
    throw refuse('NOT_YET_VALID', `the certificate is valid only from ${new Date(notBefore).toISOString()}`);
  if (time > notAfter + skewMs)
    throw refuse('EXPIRED', `the certificate expired at ${new Date(notAfter).toISOString()}`);
}

function requireId(claims: LeafTbs, expectedId: string | undefined): void {
  if (claims.path === '') throw refuse('ID', 'the certificate names a trust domain and nobody in it');
  if (expectedId !== undefined && claims.id !== expectedId)
    throw refuse('ID', `the certificate is for ${claims.id}, not for ${expectedId}`);
}

function requireAdmissibleKey(crypto: Crypto, { publicKey, subjectKeyIdentifier }: Tbs): void {
  if (!equal(subjectKeyIdentifier, keyIdentifier(crypto, publicKey.bytes)))
    throw refuse('KEY', 'the key identifier is not that of the key');
  try {
    crypto[publicKey.algorithm].admitKey(publicKey.bytes);
  } catch (cause) {
    throw refuse('KEY', 'the public key is not admissible', cause);
  }
}

function requireTier({ tier }: LeafTbs, minimumTier: Tier): void {
  if (!meetsTier(tier, minimumTier)) throw refuse('TIER', `tier ${tier} where ${minimumTier} is the least`);
}

function refuse(what: string, message: string, cause?: unknown): OotoError {
  return new OotoError(`OOTO_CERT_${what}`, 'peer', message, { cause });
}
