/**
 * Certificates that others write: of TPM vendors and of makers of authenticators (RFC 5280). What flows through here:
 * DER from outside is taken apart by the strict reader, whatever its profile; out come names, times, key, extensions
 * and the signature, all of it unverified. Keys and signatures of other kinds than listed here are refused unread.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { CertificateHash } from '../crypto/crypto.ts';
import { DerReader, malformed, TAG } from './der.ts';

export const MAX_VENDOR_CERTIFICATE_BYTES = 8192;
const MAX_EXTENSIONS = 32;
const NULL = 0x05;
const ENUMERATION = 0x80;
const EXPLICIT = 0xa0;
const VERSION_3 = 2;
const RSA_EXPONENT = '010001';

/** RSA: the modulus. The curves: the uncompressed point. */
export interface VendorKey {
  readonly algorithm: 'rsa' | 'p256' | 'p384';
  readonly bytes: Uint8Array;
}

export interface SignatureScheme {
  readonly padding: 'pkcs1' | 'pss' | 'ecdsa';
  readonly hash: CertificateHash;
}

export interface VendorExtension {
  readonly critical: boolean;
  /** DER. */
  readonly value: Uint8Array;
}

/** A certificate as read, unverified. */
export interface VendorCertificate {
  readonly der: Uint8Array;
  /** The bytes that are signed. */
  readonly tbs: Uint8Array;
  readonly scheme: SignatureScheme;
  readonly signature: Uint8Array;
  /** Names in DER: they are the same where their bytes are. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly key: VendorKey;
  /** By object identifier. */
  readonly extensions: ReadonlyMap<string, VendorExtension>;
}

const OID = {
  rsa: '1.2.840.113549.1.1.1',
  pss: '1.2.840.113549.1.1.10',
  mgf1: '1.2.840.113549.1.1.8',
  ecPublicKey: '1.2.840.10045.2.1',
} as const;
const CURVES: Readonly<Record<string, { algorithm: 'p256' | 'p384'; bytes: number }>> = {
  '1.2.840.10045.3.1.7': { algorithm: 'p256', bytes: 65 },
  '1.3.132.0.34': { algorithm: 'p384', bytes: 97 },
};
const SCHEMES: Readonly<Record<string, SignatureScheme>> = {
  '1.2.840.113549.1.1.11': { padding: 'pkcs1', hash: 'sha256' },
  '1.2.840.113549.1.1.12': { padding: 'pkcs1', hash: 'sha384' },
  '1.2.840.113549.1.1.13': { padding: 'pkcs1', hash: 'sha512' },
  '1.2.840.10045.4.3.2': { padding: 'ecdsa', hash: 'sha256' },
  '1.2.840.10045.4.3.3': { padding: 'ecdsa', hash: 'sha384' },
};
const HASHES: Readonly<Record<string, { hash: CertificateHash; bytes: number }>> = {
  '2.16.840.1.101.3.4.2.1': { hash: 'sha256', bytes: 32 },
  '2.16.840.1.101.3.4.2.2': { hash: 'sha384', bytes: 48 },
  '2.16.840.1.101.3.4.2.3': { hash: 'sha512', bytes: 64 },
};

/**
 * Reads a certificate.
 * @throws OOTO_CERT_DER for what is not strict DER, OOTO_CERT_ALGORITHM for a key or signature of another kind,
 * OOTO_CERT_VENDOR for what RFC 5280 does not allow (all peer).
 */
export function readVendorCertificate(der: Uint8Array): VendorCertificate {
  if (der.length > MAX_VENDOR_CERTIFICATE_BYTES)
    throw malformed(`more than ${MAX_VENDOR_CERTIFICATE_BYTES} bytes`);
  return DerReader.whole(der, TAG.sequence, (certificate) => {
    const tbs = certificate.element(TAG.sequence);
    const algorithm = certificate.element(TAG.sequence);
    const signature = certificate.bitString();
    const { signed, ...claims } = DerReader.whole(tbs, TAG.sequence, readTbs);
    if (!equal(signed, algorithm)) throw unlawful('it names two signature algorithms');
    const scheme = DerReader.whole(algorithm, TAG.sequence, readScheme);
    return { der, tbs, scheme, signature, ...claims };
  });
}

function readTbs(tbs: DerReader) {
  const version = tbs.within(EXPLICIT, (explicit) => explicit.positiveInteger());
  if (version.length !== 1 || version[0] !== VERSION_3) throw unlawful('the version is not 3');
  tbs.positiveInteger();
  const signed = tbs.element(TAG.sequence);
  const issuer = tbs.element(TAG.sequence);
  const [notBefore, notAfter] = tbs.within(TAG.sequence, (validity) => [validity.time(), validity.time()]);
  const subject = tbs.element(TAG.sequence);
  const key = tbs.within(TAG.sequence, readKey);
  const extensions = tbs.within(EXPLICIT + 3, (explicit) => explicit.within(TAG.sequence, readExtensions));
  return { signed, issuer, notBefore, notAfter, subject, key, extensions };
}

function readKey(info: DerReader): VendorKey {
  const curve = info.within(TAG.sequence, (identifier) => {
    const algorithm = identifier.objectIdentifier();
    if (algorithm === OID.ecPublicKey) return identifier.objectIdentifier();
    if (algorithm !== OID.rsa) throw unsupported(`a key of algorithm ${algorithm}`);
    requireNull(identifier);
    return undefined;
  });
  const bytes = info.bitString();
  if (curve === undefined)
    return { algorithm: 'rsa', bytes: DerReader.whole(bytes, TAG.sequence, readModulus) };
  const known = CURVES[curve];
  if (!known || bytes.length !== known.bytes || bytes[0] !== 4)
    throw unsupported('a key on another curve than P-256 and P-384, or a compressed point');
  return { algorithm: known.algorithm, bytes };
}

function readModulus(key: DerReader): Uint8Array {
  const modulus = key.positiveInteger();
  if (hex(key.positiveInteger()) !== RSA_EXPONENT) throw unsupported('an RSA exponent other than 65537');
  return modulus[0] === 0 ? modulus.subarray(1) : modulus;
}

function readScheme(identifier: DerReader): SignatureScheme {
  const algorithm = identifier.objectIdentifier();
  if (algorithm === OID.pss) return identifier.within(TAG.sequence, readPss);
  const scheme = SCHEMES[algorithm];
  if (!scheme) throw unsupported(`a signature of algorithm ${algorithm}`);
  if (scheme.padding === 'pkcs1') requireNull(identifier);
  return scheme;
}

/** RSASSA-PSS-params (RFC 4055 section 3.1) with one hash for all, and a salt of its length. */
function readPss(parameters: DerReader): SignatureScheme {
  const [hashTag, maskTag, saltTag] = [0, 1, 2].map((tag) => EXPLICIT + tag);
  const hash = parameters.within(hashTag, readHash);
  const mask = parameters.within(maskTag, (explicit) =>
    explicit.within(TAG.sequence, (identifier) => {
      if (identifier.objectIdentifier() !== OID.mgf1) throw unsupported('another mask than MGF1');
      return readHash(identifier);
    }),
  );
  const salt = parameters.within(saltTag, (explicit) => explicit.positiveInteger());
  if (mask !== hash || salt.length !== 1 || salt[0] !== hash.bytes)
    throw unsupported('RSA-PSS with two hashes, or with a salt of another length');
  return { padding: 'pss', hash: hash.hash };
}

function readHash(within: DerReader): { hash: CertificateHash; bytes: number } {
  const algorithm = within.within(TAG.sequence, (identifier) => {
    const name = identifier.objectIdentifier();
    if (identifier.has()) requireNull(identifier);
    return name;
  });
  const known = HASHES[algorithm];
  if (!known) throw unsupported(`the hash ${algorithm}`);
  return known;
}

function requireNull(identifier: DerReader): void {
  if (identifier.contents(NULL).length !== 0) throw malformed('a NULL with contents');
}

function readExtensions(list: DerReader): Map<string, VendorExtension> {
  const extensions = new Map<string, VendorExtension>();
  while (list.has()) {
    const [oid, extension] = list.within(TAG.sequence, readExtension);
    if (extensions.has(oid)) throw unlawful(`extension ${oid} stands there twice`);
    if (extensions.size === MAX_EXTENSIONS) throw unlawful('it has too many extensions');
    extensions.set(oid, extension);
  }
  return extensions;
}

function readExtension(extension: DerReader): [string, VendorExtension] {
  const oid = extension.objectIdentifier();
  const critical = extension.has(TAG.boolean);
  if (critical && !extension.boolean()) throw malformed('a default value is written out');
  return [oid, { critical, value: extension.contents(TAG.octetString) }];
}

export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  certificatePolicies: '2.5.29.32',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** KeyUsage bits (RFC 5280 section 4.2.1.3). */
export const USAGE = { digitalSignature: 0, keyEncipherment: 2, keyAgreement: 4, keyCertSign: 5 } as const;

/** Absent: no authority. */
export function basicConstraints({ extensions }: VendorCertificate): { ca: boolean; pathLength: number } {
  const found = extensions.get(EXTENSION.basicConstraints);
  if (!found) return { ca: false, pathLength: 0 };
  return DerReader.whole(found.value, TAG.sequence, (constraints) => {
    const ca = constraints.has(TAG.boolean);
    if (ca && !constraints.boolean()) throw malformed('a default value is written out');
    if (!constraints.has()) return { ca, pathLength: Number.POSITIVE_INFINITY };
    const length = constraints.contents(TAG.integer);
    if (!ca || length.length !== 1 || length[0] >= 0x80) throw unlawful('a path length that cannot be');
    return { ca, pathLength: length[0] };
  });
}

/** The bits that are set; undefined where the extension is absent, which allows every use. */
export function keyUsage({ extensions }: VendorCertificate): ReadonlySet<number> | undefined {
  const found = extensions.get(EXTENSION.keyUsage);
  if (!found) return undefined;
  const reader = new DerReader(found.value);
  const [unused, ...octets] = reader.contents(TAG.bitString);
  reader.end();
  const last = octets.at(-1) ?? 0;
  // A named bit list ends with a bit that is set (X.690 section 11.2.2).
  if (octets.length > 2 || unused > 7 || ((last >> unused) & 1) !== 1 || (last & ((1 << unused) - 1)) !== 0)
    throw malformed('a list of key usages in another spelling');
  const bits = Array.from({ length: octets.length * 8 }, (_, bit) => bit);
  return new Set(bits.filter((bit) => (octets[bit >> 3] & (ENUMERATION >> (bit & 7))) !== 0));
}

/** Object identifiers of purposes; undefined where the extension is absent. */
export function extendedKeyUsage({ extensions }: VendorCertificate): readonly string[] | undefined {
  const found = extensions.get(EXTENSION.extendedKeyUsage);
  if (!found) return undefined;
  return DerReader.whole(found.value, TAG.sequence, (list) => {
    const purposes: string[] = [];
    while (list.has()) purposes.push(list.objectIdentifier());
    return purposes;
  });
}

/** As the issuer wrote it into its own certificate; undefined where absent. */
export function subjectKeyIdentifier({ extensions }: VendorCertificate): Uint8Array | undefined {
  const found = extensions.get(EXTENSION.subjectKeyIdentifier);
  if (!found) return undefined;
  const reader = new DerReader(found.value);
  const identifier = reader.contents(TAG.octetString);
  reader.end();
  return identifier;
}

/** The key identifier alone; issuer and serial beside it are passed over. */
export function authorityKeyIdentifier({ extensions }: VendorCertificate): Uint8Array | undefined {
  const found = extensions.get(EXTENSION.authorityKeyIdentifier);
  if (!found) return undefined;
  return DerReader.whole(found.value, TAG.sequence, (identifier) => {
    const key = identifier.has(0x80) ? identifier.contents(0x80) : undefined;
    for (const tag of [0xa1, 0x82]) if (identifier.has(tag)) identifier.contents(tag);
    return key;
  });
}

export function unlawful(what: string): OotoError {
  return new OotoError(
    'OOTO_CERT_VENDOR',
    'peer',
    `not a certificate of RFC 5280 as it is accepted: ${what}`,
  );
}

function unsupported(what: string): OotoError {
  return new OotoError('OOTO_CERT_ALGORITHM', 'peer', `a certificate with ${what}, which is not accepted`);
}
