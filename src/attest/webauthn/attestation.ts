/**
 * Attestation of an authenticator (WebAuthn Level 3, sections 6.5.4, 8.2 and 8.3). What flows through here: the
 * attestation object becomes authenticator data and a statement; a `packed` or `tpm` statement is signed by a key whose
 * certificate must lead to a pinned root, or be pinned itself. `none` and self attestation prove nothing, so they
 * are not accepted.
 */
import { concat, equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { DerReader, TAG } from '../../cert/der.ts';
import {
  basicConstraints,
  EXTENSION,
  extendedKeyUsage,
  readVendorCertificate,
  type SignatureScheme,
  type VendorCertificate,
} from '../../cert/vendor-certificate.ts';
import { MAX_OTHERS, requireSignature, requireVendorPath } from '../../cert/vendor-path.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { decode } from '../../envelope/cbor.ts';
import { anything, bytesBetween, fields, list, literal, object } from '../../envelope/fields.ts';
import { nameOf, type PublicArea, readPublicArea, requireBoundKey } from '../tpm/public-area.ts';
import { readSized, readStructure } from '../tpm/wire.ts';
import {
  type AuthenticatorData,
  type Credential,
  malformed,
  readAuthenticatorData,
} from './authenticator-data.ts';

const MAX_OBJECT_BYTES = 16 * 1024;
const blob = bytesBetween(1, 8192);
const x5c = list(blob, { min: 1, max: MAX_OTHERS + 1 });
const objectShape = { fmt: anything, attStmt: anything, authData: bytesBetween(37, 4096) } as const;
const packedShape = { alg: literal(-7), sig: blob, x5c } as const;
const readTpmStatement = object({
  ver: literal('2.0'),
  alg: anything,
  sig: blob,
  x5c,
  certInfo: blob,
  pubArea: blob,
});
/** COSE algorithms: ES256, RS256. */
const SCHEMES: Readonly<Record<string, SignatureScheme>> = {
  '-7': { padding: 'ecdsa', hash: 'sha256' },
  '-257': { padding: 'pkcs1', hash: 'sha256' },
};
/** id-fido-gen-ce-aaguid. */
const AAGUID = '1.3.6.1.4.1.45724.1.1.4';
/** tcg-kp-AIKCertificate. */
const AIK_PURPOSE = '2.23.133.8.3';
const [TPM_GENERATED, CERTIFY] = [0xff544347, 0x8017];
const CLOCK_BYTES = 8 + 4 + 4 + 1;
const FIRMWARE_BYTES = 8;

export interface Registration {
  readonly data: AuthenticatorData;
  readonly credential: Credential;
  readonly format: 'packed' | 'tpm';
  /** SHA-256 of the certificate that is pinned. */
  readonly root: Uint8Array;
}

/**
 * Verifies an attestation object over this client data at `time`.
 * @throws OOTO_ATTEST_WEBAUTHN_FORM, _FORMAT, _STATEMENT, _ROOT, OOTO_ENVELOPE_*, OOTO_CERT_* (peer).
 */
export function verifyAttestation(
  crypto: Crypto,
  { attestationObject, clientData }: { attestationObject: Uint8Array; clientData: Uint8Array },
  { roots, time }: { roots: readonly Uint8Array[]; time: number },
): Registration {
  const read = fields(decode(attestationObject, { maxBytes: MAX_OBJECT_BYTES }), objectShape, 'attestation');
  const data = readAuthenticatorData(read.authData);
  if (!data.credential) throw malformed('an attestation without credential');
  const { credential } = data;
  const signed = concat(data.encoded, crypto.sha256(clientData));
  const certificates = statementBy(crypto, read, signed, credential);
  return {
    data,
    credential,
    format: read.fmt as 'packed' | 'tpm',
    root: pinnedRoot(crypto, certificates, roots, time),
  };
}

/** The credential of an attestation object that this side made itself: nothing is verified. @throws as {@link verifyAttestation}. */
export function readAuthenticatorCredential(attestationObject: Uint8Array): Credential {
  const read = fields(decode(attestationObject, { maxBytes: MAX_OBJECT_BYTES }), objectShape, 'attestation');
  const { credential } = readAuthenticatorData(read.authData);
  if (!credential) throw malformed('an attestation without credential');
  return credential;
}

function statementBy(
  crypto: Crypto,
  { fmt, attStmt }: { fmt: unknown; attStmt: unknown },
  signed: Uint8Array,
  credential: Credential,
): VendorCertificate[] {
  if (fmt === 'packed') return verifyPacked(crypto, attStmt, signed, credential);
  if (fmt === 'tpm') return verifyTpm(crypto, attStmt, signed, credential);
  throw refuse('FORMAT', 'the authenticator is not attested in a format that proves anything here');
}

function verifyPacked(
  crypto: Crypto,
  statement: unknown,
  signed: Uint8Array,
  { aaguid }: Credential,
): VendorCertificate[] {
  if (typeof statement === 'object' && statement !== null && !('x5c' in statement))
    throw refuse('FORMAT', 'the credential attests itself, which proves nothing');
  const { sig, x5c: chain } = fields(statement, packedShape, 'packed');
  const certificates = chain.map(readVendorCertificate);
  requireSigned(crypto, signed, sig, SCHEMES['-7'], certificates[0]);
  requireModel(certificates[0], aaguid);
  return certificates;
}

/** The TPM of the platform has certified the credential's key. */
function verifyTpm(
  crypto: Crypto,
  statement: unknown,
  signed: Uint8Array,
  { publicKey, aaguid }: Credential,
): VendorCertificate[] {
  const { alg, sig, x5c: chain, certInfo, pubArea } = readTpmStatement(statement, 'tpm');
  const scheme = SCHEMES[String(alg)];
  if (!scheme) throw refuse('FORMAT', 'the TPM signs with an algorithm that is not accepted');
  const area = readPublicArea(pubArea);
  if (!equal(area.key, publicKey))
    throw refuse('STATEMENT', 'the TPM certifies another key than the credential’s');
  requireOwn(area);
  const certificates = chain.map(readVendorCertificate);
  requireSigned(crypto, certInfo, sig, scheme, certificates[0]);
  const { extraData, name } = readCertification(certInfo);
  if (!equal(extraData, crypto.sha256(signed)))
    throw refuse('STATEMENT', 'the TPM answers another registration');
  if (!equal(name, nameOf(crypto, area))) throw refuse('STATEMENT', 'the TPM certifies another key');
  if (!extendedKeyUsage(certificates[0])?.includes(AIK_PURPOSE))
    throw refuse('STATEMENT', 'the certificate is of no attestation key');
  requireModel(certificates[0], aaguid);
  return certificates;
}

/** A TPM certifies keys that were brought into it too. */
function requireOwn(area: PublicArea): void {
  try {
    requireBoundKey(area);
  } catch (cause) {
    throw refuse('STATEMENT', 'the key was not made in the TPM, or may leave it', cause);
  }
}

function readCertification(certInfo: Uint8Array): { extraData: Uint8Array; name: Uint8Array } {
  return readStructure(certInfo, 'TPMS_ATTEST', (reader) => {
    if (reader.u32() !== TPM_GENERATED || reader.u16() !== CERTIFY)
      throw refuse('STATEMENT', 'the statement is no certification by a TPM');
    readSized(reader, 66);
    const extraData = readSized(reader, 64);
    reader.bytes(CLOCK_BYTES + FIRMWARE_BYTES);
    const name = readSized(reader, 66);
    readSized(reader, 66);
    return { extraData, name };
  });
}

function requireSigned(
  crypto: Crypto,
  signed: Uint8Array,
  signature: Uint8Array,
  scheme: SignatureScheme,
  certificate: VendorCertificate,
): void {
  try {
    requireSignature(crypto, { tbs: signed, scheme, signature }, certificate);
  } catch (cause) {
    throw refuse('STATEMENT', 'the attestation is not signed by the key of its certificate', cause);
  }
}

/** No authority, and where the certificate names a model, of this one. */
function requireModel(certificate: VendorCertificate, aaguid: Uint8Array): void {
  if (basicConstraints(certificate).ca) throw refuse('STATEMENT', 'an authority attests');
  const named = certificate.extensions.get(AAGUID);
  if (!named) return;
  const reader = new DerReader(named.value);
  const model = reader.contents(TAG.octetString);
  reader.end();
  if (named.critical || !equal(model, aaguid))
    throw refuse('STATEMENT', 'the certificate is of another model of authenticator');
}

/** A maker may also be pinned by the very certificate that attests. */
function pinnedRoot(
  crypto: Crypto,
  [certificate, ...others]: readonly VendorCertificate[],
  roots: readonly Uint8Array[],
  time: number,
): Uint8Array {
  if (roots.some((root) => equal(root, certificate.der))) return crypto.sha256(certificate.der);
  try {
    const path = requireVendorPath(crypto, {
      ...{ certificate, others, time },
      roots: roots.map(readVendorCertificate),
      judged: [EXTENSION.subjectAlternativeName],
    });
    return crypto.sha256(path[path.length - 1].der);
  } catch (cause) {
    throw refuse('ROOT', 'no pinned root vouches for the authenticator', cause);
  }
}

function refuse(what: string, message: string, cause?: unknown): OotoError {
  return new OotoError(`OOTO_ATTEST_WEBAUTHN_${what}`, 'peer', message, { cause });
}
