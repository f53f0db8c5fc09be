/**
 * A path from a vendor's certificate to a root that an operator has pinned (RFC 5280 section 6, without policies and
 * name constraints). What flows through here: the certificate, whatever others came with it, and the roots; issuers are
 * tried depth first, all that is cheap is asked before a signature is checked, and the number of signatures is bounded;
 * out comes the path. The self-signature of a root says nothing and is not looked at.
 */
import { equal } from '../base/bytes.ts';
import { isOotoError, OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  EXTENSION,
  extendedKeyUsage,
  keyUsage,
  subjectKeyIdentifier,
  USAGE,
  unlawful,
  type VendorCertificate,
} from './vendor-certificate.ts';

export interface VendorPathRequest {
  readonly certificate: VendorCertificate;
  /** What came with it, in any order; none of it is trusted. */
  readonly others: readonly VendorCertificate[];
  /** Pinned: an operator trusts their keys under their names. */
  readonly roots: readonly VendorCertificate[];
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Object identifier that every authority on the way must allow, if it restricts purposes. */
  readonly purpose?: string | undefined;
  /** Critical extensions of the certificate itself that the caller judges. */
  readonly judged?: readonly string[];
}

/** Certificates on a path, root and end included. */
const MAX_PATH = 6;
/** Others that may come along. */
export const MAX_OTHERS = 8;
/** Signatures that one request may cost: some 30 ms if all are on P-384. */
const MAX_SIGNATURES = 8;
const ANY_PURPOSE = '2.5.29.37.0';
/** Known, and judged or without consequence here: no policy is asked for, so every policy will do. */
const KNOWN: readonly string[] = [
  EXTENSION.keyUsage,
  EXTENSION.basicConstraints,
  EXTENSION.extendedKeyUsage,
  EXTENSION.certificatePolicies,
];

interface Search {
  readonly crypto: Crypto;
  readonly request: VendorPathRequest;
  signatures: number;
  /** Why the first candidate did not do. */
  refusal: unknown;
}

/**
 * The path from the certificate to a pinned root, both included.
 * @throws OOTO_CERT_PATH where there is none, with why the first candidate failed as cause; OOTO_CERT_BUDGET where the
 * search costs too much; OOTO_CERT_EXPIRED, _NOT_YET_VALID, _VENDOR, _DER for the certificate itself (all peer).
 */
export function requireVendorPath(crypto: Crypto, request: VendorPathRequest): VendorCertificate[] {
  const { certificate, others, time, judged = [] } = request;
  if (others.length > MAX_OTHERS)
    throw refuse('BUDGET', `${others.length} certificates where ${MAX_OTHERS} may be`);
  requireKnownExtensions(certificate, judged);
  requireTime(certificate, time);
  const search: Search = { crypto, request, signatures: 0, refusal: undefined };
  const path = extended(search, [certificate]);
  if (path) return path;
  throw refuse('PATH', 'no path leads from the certificate to a pinned root', search.refusal);
}

function extended(search: Search, path: readonly VendorCertificate[]): VendorCertificate[] | undefined {
  const { roots, others } = search.request;
  const root = roots.find((candidate) => issues(search, candidate, path));
  if (root) return [...path, root];
  if (path.length + 1 >= MAX_PATH) return undefined;
  for (const candidate of others) {
    if (path.includes(candidate) || !issues(search, candidate, path)) continue;
    const found = extended(search, [...path, candidate]);
    if (found) return found;
  }
  return undefined;
}

/** Whether `issuer` may stand behind the path and has signed its end. */
function issues(search: Search, issuer: VendorCertificate, path: readonly VendorCertificate[]): boolean {
  const { request, crypto } = search;
  const signed = path[path.length - 1];
  if (!equal(issuer.subject, signed.issuer)) return false;
  try {
    requireSameKey(issuer, signed);
    requireTime(issuer, request.time);
    requireAuthority(issuer, path.length - 1, request.purpose);
    if (++search.signatures > MAX_SIGNATURES)
      throw refuse('BUDGET', 'the certificates need too many signatures');
    requireSignature(crypto, signed, issuer);
    return true;
  } catch (error) {
    if (isOotoError(error, 'OOTO_CERT_BUDGET')) throw error;
    search.refusal ??= error;
    return false;
  }
}

/** Authorities have several keys under one name. */
function requireSameKey(issuer: VendorCertificate, signed: VendorCertificate): void {
  const [named, own] = [authorityKeyIdentifier(signed), subjectKeyIdentifier(issuer)];
  if (named && own && !equal(named, own))
    throw refuse('ISSUER', 'the certificate names another key of its issuer');
}

/** May sign certificates, and stand so many authorities above the end of the path. */
function requireAuthority(issuer: VendorCertificate, below: number, purpose: string | undefined): void {
  requireKnownExtensions(issuer, []);
  const { ca, pathLength } = basicConstraints(issuer);
  if (!ca) throw refuse('AUTHORITY', 'the issuer is no authority');
  if (below > pathLength) throw refuse('AUTHORITY', `the issuer allows ${pathLength} authorities below it`);
  if (keyUsage(issuer)?.has(USAGE.keyCertSign) === false)
    throw refuse('AUTHORITY', 'the issuer may not sign certificates');
  const purposes = extendedKeyUsage(issuer);
  if (purpose && purposes && !purposes.includes(purpose) && !purposes.includes(ANY_PURPOSE))
    throw refuse('AUTHORITY', 'the issuer may not issue for this purpose');
}

function requireKnownExtensions({ extensions }: VendorCertificate, judged: readonly string[]): void {
  for (const [oid, { critical }] of extensions)
    if (critical && !KNOWN.includes(oid) && !judged.includes(oid))
      throw unlawful(`the critical extension ${oid} is not understood here`);
}

function requireTime({ notBefore, notAfter }: VendorCertificate, time: number): void {
  if (!(time >= notBefore))
    throw refuse('NOT_YET_VALID', `the certificate is valid only from ${new Date(notBefore).toISOString()}`);
  if (!(time <= notAfter))
    throw refuse('EXPIRED', `the certificate expired at ${new Date(notAfter).toISOString()}`);
}

/** @throws OOTO_CERT_SIGNATURE (peer). */
export function requireSignature(
  crypto: Crypto,
  { tbs, scheme, signature }: Pick<VendorCertificate, 'tbs' | 'scheme' | 'signature'>,
  { key }: Pick<VendorCertificate, 'key'>,
): void {
  const { padding, hash } = scheme;
  try {
    if (key.algorithm === 'rsa' && padding === 'pkcs1')
      crypto.rsa.verifyPkcs1({ modulus: key.bytes }, tbs, signature, hash);
    else if (key.algorithm === 'rsa' && padding === 'pss')
      crypto.rsa.verifyPss({ modulus: key.bytes }, tbs, signature, hash);
    else if (key.algorithm === 'p384' && padding === 'ecdsa')
      crypto.p384.verify(key.bytes, tbs, signature, hash);
    else if (key.algorithm === 'p256' && padding === 'ecdsa' && hash === 'sha256')
      crypto.p256.verify(key.bytes, tbs, signature, 'der');
    else throw unlawful(`a signature of ${padding} with ${hash} by a key of ${key.algorithm}`);
  } catch (cause) {
    throw refuse('SIGNATURE', 'the signature of the certificate does not verify', cause);
  }
}

function refuse(what: string, message: string, cause?: unknown): OotoError {
  return new OotoError(`OOTO_CERT_${what}`, 'peer', message, { cause });
}
