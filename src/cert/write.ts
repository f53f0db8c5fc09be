/**
 * Certificates as they are written. What flows through here: who, which key, how long; out comes the part to be
 * signed, encoded by @peculiar's ASN.1 classes, which are loaded at the first call; the signature comes from
 * elsewhere (the group's threshold signature), and both together make the certificate. What is written is read
 * again by our own reader before anybody gets it.
 */
import { concat, u16be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { unhex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { Random } from '../ports.ts';
import { readCertificate, readTbs, type SubjectKey } from './certificate.ts';
import { TAG } from './der.ts';
import { keyIdentifier } from './key-identifier.ts';
import { EXTENSION_OIDS, type ExtensionName, OIDS, PROFILE, SERIAL_BYTES } from './profile.ts';
import { formatSpiffeId, parseSpiffeId } from './spiffe-id.ts';
import type { Tier } from './tier.ts';

/** SEQUENCE { id-Ed25519 } (RFC 8410). */
const ED25519_IDENTIFIER = unhex('300506032b6570');
/** Tag, length and unused bits of the signature's BIT STRING. */
const BIT_STRING_OF_64_BYTES = unhex('034100');

interface CommonRequest {
  /** 16 bytes, made by {@link randomSerial}. */
  serial: Uint8Array;
  /** Milliseconds since 1970; cut to whole seconds. */
  notBefore: number;
  notAfter: number;
}

export interface RootRequest extends CommonRequest {
  kind: 'root';
  /** The mesh id in hexadecimal. */
  trustDomain: string;
  /** The group key: Ed25519, 32 bytes. */
  publicKey: Uint8Array;
}

export interface LeafRequest extends CommonRequest {
  kind: 'leaf';
  /** The SPIFFE ID of the holder. */
  id: string;
  publicKey: SubjectKey;
  tier: Tier;
  /** The group key that will sign: Ed25519, 32 bytes. */
  issuerKey: Uint8Array;
}

export type TbsRequest = RootRequest | LeafRequest;

/** A serial number of 126 random bits: positive, and of the same length in every certificate. */
export function randomSerial(random: Random): Uint8Array {
  const serial = random.bytes(SERIAL_BYTES).slice();
  serial[0] = (serial[0] & 0x3f) | 0x40;
  return serial;
}

/**
 * The DER to be signed.
 * @throws OOTO_CERT_INPUT (caller) for a request that makes no certificate of the profile.
 */
export async function writeTbs(crypto: Crypto, request: TbsRequest): Promise<Uint8Array> {
  const asn = await loadAsn();
  try {
    const tbs = serialize(asn, composeTbs(asn, crypto, request));
    readTbs(tbs);
    return tbs;
  } catch (cause) {
    throw impossible(cause);
  }
}

/**
 * The certificate of `tbs` and the 64-byte Ed25519 signature over it. Whether that verifies is for validation.
 * @throws OOTO_CERT_INPUT (caller) for parts that make no certificate of the profile.
 */
export function assembleCertificate(tbs: Uint8Array, signature: Uint8Array): Uint8Array {
  const contents = concat(tbs, ED25519_IDENTIFIER, BIT_STRING_OF_64_BYTES, signature);
  const der = concat(Uint8Array.of(TAG.sequence, 0x82), u16be(contents.length), contents);
  try {
    readCertificate(der);
    return der;
  } catch (cause) {
    throw impossible(cause);
  }
}

async function loadAsn() {
  const [schema, x509] = await Promise.all([import('@peculiar/asn1-schema'), import('@peculiar/asn1-x509')]);
  return { schema, x509 };
}

type Asn = Awaited<ReturnType<typeof loadAsn>>;

function composeTbs(asn: Asn, crypto: Crypto, request: TbsRequest): unknown {
  const { x509 } = asn;
  const id =
    request.kind === 'root' ? formatSpiffeId({ trustDomain: request.trustDomain, path: '' }) : request.id;
  const { trustDomain } = parseSpiffeId(id);
  const key: SubjectKey =
    request.kind === 'root' ? { algorithm: 'ed25519', bytes: request.publicKey } : request.publicKey;
  const values = extensionValues(asn, crypto, request, id, key);
  return new x509.TBSCertificate({
    version: x509.Version.v3,
    serialNumber: bufferOf(request.serial),
    signature: new x509.AlgorithmIdentifier({ algorithm: OIDS.ed25519 }),
    issuer: commonName(asn, trustDomain),
    validity: new x509.Validity({
      notBefore: wholeSeconds(request.notBefore),
      notAfter: wholeSeconds(request.notAfter),
    }),
    subject: request.kind === 'root' ? commonName(asn, trustDomain) : new x509.Name(),
    subjectPublicKeyInfo: publicKeyInfo(asn, key),
    extensions: new x509.Extensions(
      PROFILE[request.kind].map(
        ({ name, critical }) =>
          new x509.Extension({
            extnID: EXTENSION_OIDS[name],
            critical,
            extnValue: new asn.schema.OctetString(serialize(asn, values[name])),
          }),
      ),
    ),
  });
}

/** The value of each extension, as the object whose encoding goes into the certificate. */
function extensionValues(
  { schema, x509 }: Asn,
  crypto: Crypto,
  request: TbsRequest,
  id: string,
  key: SubjectKey,
): Record<ExtensionName, unknown> {
  const leaf = request.kind === 'leaf';
  const identifierOf = (publicKey: Uint8Array) => bufferOf(keyIdentifier(crypto, publicKey));
  const issuerKey = leaf ? request.issuerKey : key.bytes;
  const usage = leaf ? x509.KeyUsageFlags.digitalSignature : x509.KeyUsageFlags.keyCertSign;
  return {
    authorityKeyIdentifier: new x509.AuthorityKeyIdentifier({
      keyIdentifier: new x509.KeyIdentifier(identifierOf(issuerKey)),
    }),
    subjectKeyIdentifier: new x509.SubjectKeyIdentifier(identifierOf(key.bytes)),
    keyUsage: new x509.KeyUsage(usage),
    basicConstraints: new x509.BasicConstraints(leaf ? {} : { cA: true, pathLenConstraint: 0 }),
    extendedKeyUsage: new x509.ExtendedKeyUsage([OIDS.serverAuth, OIDS.clientAuth]),
    subjectAlternativeName: new x509.SubjectAlternativeName([
      new x509.GeneralName({ uniformResourceIdentifier: id }),
    ]),
    tier: schema.AsnUtf8StringConverter.toASN(leaf ? request.tier : ''),
  };
}

function commonName({ x509 }: Asn, text: string) {
  const value = new x509.AttributeValue({ utf8String: text });
  const attribute = new x509.AttributeTypeAndValue({ type: OIDS.commonName, value });
  return new x509.Name([new x509.RelativeDistinguishedName([attribute])]);
}

function publicKeyInfo({ schema, x509 }: Asn, { algorithm, bytes }: SubjectKey) {
  const identifier =
    algorithm === 'ed25519'
      ? new x509.AlgorithmIdentifier({ algorithm: OIDS.ed25519 })
      : new x509.AlgorithmIdentifier({
          algorithm: OIDS.ecPublicKey,
          parameters: schema.AsnObjectIdentifierConverter.toASN(OIDS.prime256v1).toBER(),
        });
  return new x509.SubjectPublicKeyInfo({ algorithm: identifier, subjectPublicKey: bufferOf(bytes) });
}

function serialize({ schema }: Asn, value: unknown): Uint8Array {
  return new Uint8Array(schema.AsnSerializer.serialize(value));
}

/** @peculiar's classes take whole buffers only. */
function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer as ArrayBuffer;
}

function wholeSeconds(time: number): Date {
  return new Date(Math.floor(time / 1000) * 1000);
}

function impossible(cause: unknown): OotoError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new OotoError('OOTO_CERT_INPUT', 'caller', `no certificate can be made of this: ${why}`, { cause });
}
