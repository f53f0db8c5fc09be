/**
 * Certificates as they are read. What flows through here: DER from outside is taken apart by the strict reader;
 * the shape must be the profile's, member by member; out comes what the certificate claims. Nothing here says
 * that any of it is true: that is validation.
 */
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import { DerReader, malformed, TAG } from './der.ts';
import {
  EXTENSION_OIDS,
  type ExtensionName,
  type ExtensionRule,
  KEY_IDENTIFIER_BYTES,
  MAX_CERTIFICATE_BYTES,
  MAX_TRUST_DOMAIN_BYTES,
  OIDS,
  PROFILE,
  SERIAL_BYTES,
  SIGNATURE_BYTES,
} from './profile.ts';
import { parseSpiffeId, type SpiffeId } from './spiffe-id.ts';
import { isTier, type Tier } from './tier.ts';

/** Ed25519: 32 bytes. P-256: 65 bytes, uncompressed. */
export interface SubjectKey {
  readonly algorithm: 'ed25519' | 'p256';
  readonly bytes: Uint8Array;
}

interface CommonTbs {
  /** 16 bytes, as in the INTEGER. */
  readonly serial: Uint8Array;
  /** Common name of the issuer: its trust domain. */
  readonly issuer: string;
  /** Milliseconds since 1970, whole seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: SubjectKey;
  readonly subjectKeyIdentifier: Uint8Array;
  /** The one URI. */
  readonly id: string;
  readonly trustDomain: string;
  readonly path: string;
}

export interface RootTbs extends CommonTbs {
  readonly kind: 'root';
}

export interface LeafTbs extends CommonTbs {
  readonly kind: 'leaf';
  readonly authorityKeyIdentifier: Uint8Array;
  readonly tier: Tier;
}

/** What a to-be-signed certificate claims. */
export type Tbs = RootTbs | LeafTbs;

/** A certificate as read, unverified. */
export interface Certificate {
  readonly der: Uint8Array;
  /** The bytes that are signed. */
  readonly tbs: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
  readonly claims: Tbs;
}

const VERSION_3 = 2;
const CONTEXT_VERSION = 0xa0;
const CONTEXT_EXTENSIONS = 0xa3;
const CONTEXT_KEY_IDENTIFIER = 0x80;
const CONTEXT_URI = 0x86;

/**
 * Reads a certificate of this project's profile.
 * @throws OOTO_CERT_DER for what is not strict DER, OOTO_CERT_PROFILE for what the profile does not have,
 * OOTO_CERT_NAME for a URI that is no SPIFFE ID (all peer).
 */
export function readCertificate(der: Uint8Array): Certificate {
  requireBounded(der);
  return DerReader.whole(der, TAG.sequence, (certificate) => {
    const tbs = certificate.element(TAG.sequence);
    const claims = readTbs(tbs);
    requireEd25519(certificate);
    const signature = certificate.bitString();
    if (signature.length !== SIGNATURE_BYTES) throw misfit('the signature has not 64 bytes');
    return { der, tbs, signature, claims };
  });
}

/**
 * Reads the part that is signed, as members of the authority do before they sign.
 * @throws OOTO_CERT_DER, OOTO_CERT_PROFILE, OOTO_CERT_NAME (peer).
 */
export function readTbs(der: Uint8Array): Tbs {
  requireBounded(der);
  return DerReader.whole(der, TAG.sequence, (tbs) => {
    requireVersion(tbs);
    const serial = readSerial(tbs);
    requireEd25519(tbs);
    const issuer = tbs.within(TAG.sequence, readCommonName);
    const validity = tbs.within(TAG.sequence, readValidity);
    const subject = tbs.within(TAG.sequence, (name) => (name.has() ? readCommonName(name) : undefined));
    const publicKey = tbs.within(TAG.sequence, readPublicKey);
    const kind = subject === undefined ? 'leaf' : 'root';
    const extensions = readExtensions(tbs, PROFILE[kind]);
    const common = { serial, issuer, ...validity, publicKey, ...readNames(extensions) };
    if (kind === 'leaf') return { kind, ...common, ...readLeafExtensions(extensions) };
    if (subject !== common.trustDomain || issuer !== subject || common.path !== '')
      throw misfit('a root names its trust domain as subject, issuer and URI, and nothing else');
    return { kind, ...common };
  });
}

function requireBounded(der: Uint8Array): void {
  if (der.length > MAX_CERTIFICATE_BYTES) throw malformed(`more than ${MAX_CERTIFICATE_BYTES} bytes`);
}

function requireVersion(tbs: DerReader): void {
  const version = tbs.within(CONTEXT_VERSION, (explicit) => explicit.positiveInteger());
  if (version.length !== 1 || version[0] !== VERSION_3) throw misfit('the version is not 3');
}

function readSerial(tbs: DerReader): Uint8Array {
  const serial = tbs.positiveInteger();
  if (serial.length !== SERIAL_BYTES) throw misfit(`the serial number has not ${SERIAL_BYTES} bytes`);
  return serial;
}

/** AlgorithmIdentifier id-Ed25519 without parameters (RFC 8410 section 3). */
function requireEd25519(reader: DerReader): void {
  const algorithm = reader.within(TAG.sequence, readAlgorithm);
  if (algorithm !== OIDS.ed25519) throw misfit('the signature algorithm is not Ed25519 without parameters');
}

/** The algorithm with its parameters behind a space; parameters other than an object identifier are not of the profile. */
function readAlgorithm(identifier: DerReader): string {
  const algorithm = identifier.objectIdentifier();
  if (!identifier.has()) return algorithm;
  if (!identifier.has(TAG.objectIdentifier))
    throw misfit('an algorithm has parameters the profile does not have');
  return `${algorithm} ${identifier.objectIdentifier()}`;
}

/** A name of exactly one common name, as UTF8String. */
function readCommonName(name: DerReader): string {
  return name.within(TAG.set, (set) =>
    set.within(TAG.sequence, (attribute) => {
      if (attribute.objectIdentifier() !== OIDS.commonName)
        throw misfit('a name holds more than a common name');
      const text = attribute.utf8String();
      if (text.length < 1 || text.length > MAX_TRUST_DOMAIN_BYTES) throw misfit('a common name is too long');
      return text;
    }),
  );
}

function readValidity(validity: DerReader): { notBefore: number; notAfter: number } {
  const [notBefore, notAfter] = [validity.time(), validity.time()];
  if (notAfter < notBefore) throw misfit('the validity ends before it begins');
  return { notBefore, notAfter };
}

/** SubjectPublicKeyInfo of Ed25519 (RFC 8410) or of an uncompressed point of P-256 (RFC 5480). */
function readPublicKey(info: DerReader): SubjectKey {
  const algorithm = info.within(TAG.sequence, readAlgorithm);
  const bytes = info.bitString();
  if (algorithm === OIDS.ed25519 && bytes.length === 32) return { algorithm: 'ed25519', bytes };
  if (algorithm === `${OIDS.ecPublicKey} ${OIDS.prime256v1}` && bytes.length === 65 && bytes[0] === 4)
    return { algorithm: 'p256', bytes };
  throw misfit('the public key is neither Ed25519 nor an uncompressed point of P-256');
}

/** The extension values by name: exactly those of `rules`, in their order, with their criticality and constants. */
function readExtensions(tbs: DerReader, rules: readonly ExtensionRule[]): Map<ExtensionName, Uint8Array> {
  const found = tbs.within(CONTEXT_EXTENSIONS, (explicit) =>
    explicit.within(TAG.sequence, readExtensionList),
  );
  if (found.length !== rules.length)
    throw misfit(`${found.length} extensions where the profile has ${rules.length}`);
  return new Map(rules.map((rule, i) => [rule.name, requireRule(found[i], rule)]));
}

interface Extension {
  oid: string;
  critical: boolean;
  value: Uint8Array;
}

function readExtensionList(list: DerReader): Extension[] {
  const extensions: Extension[] = [];
  while (list.has()) extensions.push(list.within(TAG.sequence, readExtension));
  return extensions;
}

function readExtension(extension: DerReader): Extension {
  const oid = extension.objectIdentifier();
  const critical = extension.has(TAG.boolean);
  if (critical && !extension.boolean()) throw malformed('a default value is written out');
  return { oid, critical, value: extension.contents(TAG.octetString) };
}

function requireRule(extension: Extension, rule: ExtensionRule): Uint8Array {
  if (extension.oid !== EXTENSION_OIDS[rule.name])
    throw misfit(`extension ${extension.oid} where the profile has ${rule.name}`);
  if (extension.critical !== rule.critical)
    throw misfit(`${rule.name} is ${extension.critical ? '' : 'not '}marked critical`);
  if (rule.value !== undefined && hex(extension.value) !== rule.value)
    throw misfit(`${rule.name} has another value than the profile`);
  return extension.value;
}

function readNames(
  extensions: Map<ExtensionName, Uint8Array>,
): SpiffeId & { id: string; subjectKeyIdentifier: Uint8Array } {
  const id = DerReader.whole(extensions.get('subjectAlternativeName')!, TAG.sequence, readOneUri);
  const identifier = new DerReader(extensions.get('subjectKeyIdentifier')!);
  const subjectKeyIdentifier = requireIdentifier(identifier.contents(TAG.octetString));
  identifier.end();
  return { id, ...parseSpiffeId(id), subjectKeyIdentifier };
}

function readOneUri(names: DerReader): string {
  if (!names.has(CONTEXT_URI)) throw misfit('the alternative name is no URI');
  const uri = String.fromCharCode(...names.contents(CONTEXT_URI));
  if (names.has()) throw misfit('there is more than one alternative name');
  return uri;
}

function readLeafExtensions(
  extensions: Map<ExtensionName, Uint8Array>,
): Pick<LeafTbs, 'authorityKeyIdentifier' | 'tier'> {
  const authorityKeyIdentifier = DerReader.whole(
    extensions.get('authorityKeyIdentifier')!,
    TAG.sequence,
    (value) => requireIdentifier(value.contents(CONTEXT_KEY_IDENTIFIER)),
  );
  const value = new DerReader(extensions.get('tier')!);
  const tier = value.utf8String();
  value.end();
  if (!isTier(tier)) throw misfit('the tier is none that this version knows');
  return { authorityKeyIdentifier, tier };
}

function requireIdentifier(identifier: Uint8Array): Uint8Array {
  if (identifier.length !== KEY_IDENTIFIER_BYTES) throw misfit('a key identifier has not 20 bytes');
  return identifier;
}

function misfit(what: string): OotoError {
  return new OotoError('OOTO_CERT_PROFILE', 'peer', `not of the certificate profile: ${what}`);
}
