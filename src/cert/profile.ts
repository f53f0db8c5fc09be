/**
 * The certificate profile, in one table: writer and reader both go by it, and nothing outside it exists. X.509
 * version 3 (RFC 5280), SPIFFE X509-SVID, signed with Ed25519 (RFC 8410). The root is the group key's own
 * certificate: subject CN = trust domain. A leaf has no subject: its one name is the URI, hence critical.
 */

/** Members and order of an extension list; `value` where the DER of the value is always the same. */
export interface ExtensionRule {
  readonly name: ExtensionName;
  readonly critical: boolean;
  /** Hexadecimal DER. */
  readonly value?: string;
}

export type ExtensionName = keyof typeof EXTENSION_OIDS;

export const EXTENSION_OIDS = {
  authorityKeyIdentifier: '2.5.29.35',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  subjectAlternativeName: '2.5.29.17',
  /** The arc belongs to UUID e8f657f1-c18b-470b-887d-674f1478dd47 (ITU-T X.667); the value is a UTF8String. */
  tier: '2.25.309659983772821716828549614562354715975.1',
} as const;

export const OIDS = {
  commonName: '2.5.4.3',
  ed25519: '1.3.101.112',
  ecPublicKey: '1.2.840.10045.2.1',
  prime256v1: '1.2.840.10045.3.1.7',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

export const PROFILE: Readonly<Record<'root' | 'leaf', readonly ExtensionRule[]>> = {
  root: [
    { name: 'subjectKeyIdentifier', critical: false },
    // keyCertSign
    { name: 'keyUsage', critical: true, value: '03020204' },
    // cA TRUE, pathLenConstraint 0
    { name: 'basicConstraints', critical: true, value: '30060101ff020100' },
    { name: 'subjectAlternativeName', critical: false },
  ],
  leaf: [
    { name: 'authorityKeyIdentifier', critical: false },
    { name: 'subjectKeyIdentifier', critical: false },
    // digitalSignature
    { name: 'keyUsage', critical: true, value: '03020780' },
    // cA FALSE, which DER leaves out
    { name: 'basicConstraints', critical: true, value: '3000' },
    // serverAuth, clientAuth
    { name: 'extendedKeyUsage', critical: false, value: '301406082b0601050507030106082b06010505070302' },
    { name: 'subjectAlternativeName', critical: true },
    { name: 'tier', critical: false },
  ],
};

export const SERIAL_BYTES = 16;
export const SIGNATURE_BYTES = 64;
/** Leftmost 160 bits of SHA-256 of the public key (RFC 7093 section 2, method 1). */
export const KEY_IDENTIFIER_BYTES = 20;
/** A root's subject is a common name, which RFC 5280 bounds; a mesh id fits exactly. */
export const MAX_TRUST_DOMAIN_BYTES = 64;
export const MAX_CERTIFICATE_BYTES = 4096;
