/**
 * TPMT_PUBLIC: the public area of a key in a TPM (TPM 2.0 Library, part 2 section 12.2.4). What flows through here:
 * its bytes become algorithm, attributes, policy and key, or are refused; its name is computed over the same bytes;
 * and the three kinds of key that matter here are told by their attributes.
 */
import { concat, u16be, u32be } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import type { ByteReader } from '../../base/reader.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { ALG, malformed, readSized, readStructure } from './wire.ts';

/** TPMA_OBJECT (part 2 section 8.3). */
export const ATTRIBUTE = {
  fixedTPM: 1 << 1,
  stClear: 1 << 2,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  userWithAuth: 1 << 6,
  adminWithPolicy: 1 << 7,
  noDA: 1 << 10,
  encryptedDuplication: 1 << 11,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
  x509sign: 1 << 19,
} as const;
export type Attribute = keyof typeof ATTRIBUTE;

const KNOWN_ATTRIBUTES = Object.values(ATTRIBUTE).reduce((all, bit) => all | bit, 0);
const CURVES: Readonly<Record<number, { algorithm: 'p256' | 'p384'; bytes: number }>> = {
  3: { algorithm: 'p256', bytes: 32 },
  4: { algorithm: 'p384', bytes: 48 },
};
const RSA_BITS = 2048;
const RSA_EXPONENT = 65537;
const MAX_DIGEST_BYTES = 64;
const RH_ENDORSEMENT = 0x4000_000b;

export interface SymmetricScheme {
  /** TPM_ALG_ID; `ALG.null` for none, and then the other two are 0. */
  readonly algorithm: number;
  readonly bits: number;
  readonly mode: number;
}

export interface PublicArea {
  /** The bytes that were read: its name is over them. */
  readonly encoded: Uint8Array;
  readonly algorithm: 'p256' | 'p384' | 'rsa2048';
  /** TPM_ALG_ID. */
  readonly nameAlgorithm: number;
  readonly attributes: number;
  readonly authPolicy: Uint8Array;
  readonly symmetric: SymmetricScheme;
  /** TPM_ALG_IDs; `ALG.null` where the key has no scheme of its own. */
  readonly scheme: number;
  readonly schemeHash: number;
  /** Uncompressed point, or big-endian modulus. */
  readonly key: Uint8Array;
}

/** @throws OOTO_ATTEST_TPM_FORM (peer) for anything but one P-256, P-384 or RSA-2048 public area. */
export function readPublicArea(encoded: Uint8Array): PublicArea {
  return readStructure(encoded, 'TPMT_PUBLIC', (reader) => {
    const type = reader.u16();
    const nameAlgorithm = reader.u16();
    const attributes = reader.u32();
    if ((attributes & ~KNOWN_ATTRIBUTES) !== 0) throw malformed('reserved attributes are set');
    const authPolicy = readSized(reader, MAX_DIGEST_BYTES);
    const shared = { encoded, nameAlgorithm, attributes, authPolicy };
    if (type === ALG.ecc) return { ...shared, ...readEcc(reader) };
    if (type === ALG.rsa) return { ...shared, ...readRsa(reader) };
    throw malformed(`a key of type 0x${type.toString(16)}`);
  });
}

function readEcc(reader: ByteReader) {
  const symmetric = readSymmetric(reader);
  const signing = readScheme(reader);
  const curve = CURVES[reader.u16()];
  if (!curve) throw malformed('a curve other than P-256 and P-384');
  if (reader.u16() !== ALG.null) throw malformed('a key derivation scheme');
  const [x, y] = [readSized(reader, curve.bytes), readSized(reader, curve.bytes)];
  const key = concat(Uint8Array.of(4), padded(x, curve.bytes), padded(y, curve.bytes));
  return { algorithm: curve.algorithm, symmetric, ...signing, key };
}

function readRsa(reader: ByteReader) {
  const symmetric = readSymmetric(reader);
  const signing = readScheme(reader);
  if (reader.u16() !== RSA_BITS) throw malformed(`an RSA key of other than ${RSA_BITS} bits`);
  const exponent = reader.u32();
  if (exponent !== 0 && exponent !== RSA_EXPONENT) throw malformed(`the RSA exponent ${exponent}`);
  const key = readSized(reader, RSA_BITS / 8);
  if (key.length !== RSA_BITS / 8 || key[0] < 0x80) throw malformed('an RSA modulus of another size');
  return { algorithm: 'rsa2048' as const, symmetric, ...signing, key };
}

function readSymmetric(reader: ByteReader): SymmetricScheme {
  const algorithm = reader.u16();
  if (algorithm === ALG.null) return { algorithm, bits: 0, mode: 0 };
  if (algorithm !== ALG.aes) throw malformed('a symmetric algorithm other than AES');
  return { algorithm, bits: reader.u16(), mode: reader.u16() };
}

function readScheme(reader: ByteReader): { scheme: number; schemeHash: number } {
  const scheme = reader.u16();
  if (scheme === ALG.null) return { scheme, schemeHash: ALG.null };
  if (scheme !== ALG.ecdsa) throw malformed('a scheme other than ECDSA');
  return { scheme, schemeHash: reader.u16() };
}

/** A coordinate with the leading zeros that a TPM may leave out. */
export function padded(coordinate: Uint8Array, length: number): Uint8Array {
  return concat(new Uint8Array(length - coordinate.length), coordinate);
}

/**
 * Name algorithm ‖ SHA-256(public area) (part 1 section 16).
 * @throws OOTO_ATTEST_TPM_ALGORITHM (peer) for a key whose names are of another hash.
 */
export function nameOf(crypto: Crypto, { nameAlgorithm, encoded }: PublicArea): Uint8Array {
  if (nameAlgorithm !== ALG.sha256) throw refuse('ALGORITHM', 'the name of a key is not of SHA-256');
  return concat(u16be(ALG.sha256), crypto.sha256(encoded));
}

/** The qualified name of a primary key of the endorsement hierarchy (part 1 section 16). @throws as {@link nameOf}. */
export function endorsementQualifiedName(crypto: Crypto, key: PublicArea): Uint8Array {
  const digest = crypto.sha256(concat(u32be(RH_ENDORSEMENT), nameOf(crypto, key)));
  return concat(u16be(ALG.sha256), digest);
}

/** A key that its TPM has made, and that never leaves it. @throws OOTO_ATTEST_TPM_ATTRIBUTES (peer). */
export function requireBoundKey(key: PublicArea): void {
  requireAttributes(key, { set: ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin'], clear: [] });
}

/**
 * A key that signs only what its TPM made, and never leaves it.
 * @throws OOTO_ATTEST_TPM_ATTRIBUTES, _ALGORITHM (peer).
 */
export function requireAttestationKey(crypto: Crypto, key: PublicArea): void {
  requireAttributes(key, {
    set: ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'restricted', 'sign'],
    clear: ['decrypt', 'stClear', 'x509sign', 'encryptedDuplication'],
  });
  requireSigning(crypto, key);
}

/**
 * A signing key that never leaves its TPM and that no password, only its policy, opens.
 * @throws OOTO_ATTEST_TPM_ATTRIBUTES, _ALGORITHM, OOTO_CRYPTO_KEY (peer).
 */
export function requireIdentityKey(crypto: Crypto, key: PublicArea): void {
  requireAttributes(key, {
    set: ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'sign'],
    clear: ['decrypt', 'restricted', 'userWithAuth', 'stClear', 'x509sign', 'encryptedDuplication'],
  });
  requireSigning(crypto, key);
  crypto.p256.admitKey(key.key);
}

/**
 * A storage key that never leaves its TPM, as endorsement keys are (TCG EK Credential Profile, templates L-1, L-2).
 * @throws OOTO_ATTEST_TPM_ATTRIBUTES, _ALGORITHM (peer).
 */
export function requireEndorsementKey(crypto: Crypto, key: PublicArea): void {
  requireAttributes(key, {
    set: ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'restricted', 'decrypt'],
    clear: ['sign', 'stClear', 'x509sign', 'encryptedDuplication'],
  });
  nameOf(crypto, key);
  const { algorithm, bits, mode } = key.symmetric;
  if (algorithm !== ALG.aes || bits !== 128 || mode !== ALG.cfb || key.scheme !== ALG.null)
    throw refuse('ALGORITHM', 'the endorsement key does not protect with AES-128-CFB');
  if (key.algorithm === 'p384') throw refuse('ALGORITHM', 'an endorsement key on P-384');
  if (key.algorithm === 'p256') crypto.p256.admitKey(key.key);
}

function requireAttributes(
  { attributes }: PublicArea,
  { set, clear }: { set: readonly Attribute[]; clear: readonly Attribute[] },
): void {
  for (const name of set)
    if ((attributes & ATTRIBUTE[name]) === 0) throw refuse('ATTRIBUTES', `the key is not ${name}`);
  for (const name of clear)
    if ((attributes & ATTRIBUTE[name]) !== 0) throw refuse('ATTRIBUTES', `the key is ${name}`);
}

function requireSigning(crypto: Crypto, key: PublicArea): void {
  nameOf(crypto, key);
  const { algorithm, scheme, schemeHash, symmetric } = key;
  if (algorithm !== 'p256' || scheme !== ALG.ecdsa || schemeHash !== ALG.sha256)
    throw refuse('ALGORITHM', 'the key does not sign with ECDSA on P-256 and SHA-256');
  if (symmetric.algorithm !== ALG.null) throw refuse('ALGORITHM', 'a signing key with a symmetric algorithm');
}

function refuse(what: string, message: string): OotoError {
  return new OotoError(`OOTO_ATTEST_TPM_${what}`, 'peer', message);
}
