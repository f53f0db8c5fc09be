/**
 * Templates of keys and other fixed structures, as wire bytes (TPM 2.0 Library, part 2). What flows through here: a
 * few bytes that make one key unlike another, or a policy, go into the public area from which a TPM derives a
 * primary key; the same template gives the same key on the same TPM, and on no other.
 */
import { concat, u16be, u32be } from '../../../base/bytes.ts';
import { unhex } from '../../../base/hex.ts';

const ALG = {
  rsa: 1,
  aes: 6,
  keyedHash: 8,
  sha256: 0xb,
  null: 0x10,
  ecdsa: 0x18,
  ecc: 0x23,
  cfb: 0x43,
} as const;
const P256 = 3;
const RSA_BITS = 2048;
const RH_NULL = 0x4000_0007;
const ST_HASHCHECK = 0x8024;
export const REGISTERS = 24;

/** TPMA_OBJECT. */
const FIXED_TO_TPM = (1 << 1) | (1 << 4);
/** And made there. */
const FIXED = FIXED_TO_TPM | (1 << 5);
const [USER_WITH_AUTH, ADMIN_WITH_POLICY, NO_DA] = [1 << 6, 1 << 7, 1 << 10];
const [RESTRICTED, DECRYPT, SIGN] = [1 << 16, 1 << 17, 1 << 18];

/** TPM2_PolicySecret(endorsement): TCG EK Credential Profile, PolicyA. */
const ENDORSEMENT_POLICY = unhex('837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa');
const NONE = new Uint8Array(0);
export const UNIQUE_BYTES = 32;

/** A key that signs what the TPM states and nothing else. */
export function attestationTemplate(unique: Uint8Array): Uint8Array {
  return signingTemplate(FIXED | USER_WITH_AUTH | NO_DA | RESTRICTED | SIGN, NONE, unique);
}

/** A key that signs whatever it is given, once its policy is met. */
export function identityTemplate(unique: Uint8Array, policy: Uint8Array): Uint8Array {
  return signingTemplate(FIXED | NO_DA | SIGN, policy, unique);
}

function signingTemplate(attributes: number, policy: Uint8Array, unique: Uint8Array): Uint8Array {
  return concat(
    ...[u16be(ALG.ecc), u16be(ALG.sha256), u32be(attributes), sized(policy)],
    ...[ALG.null, ALG.ecdsa, ALG.sha256, P256, ALG.null].map(u16be),
    ...[sized(unique), sized(new Uint8Array(UNIQUE_BYTES))],
  );
}

/** Template L-1 (RSA 2048) or L-2 (P-256) of the TCG EK Credential Profile. */
export function endorsementTemplate(algorithm: 'rsa2048' | 'p256'): Uint8Array {
  const attributes = FIXED | ADMIN_WITH_POLICY | RESTRICTED | DECRYPT;
  const type = algorithm === 'p256' ? ALG.ecc : ALG.rsa;
  const head = [u16be(type), u16be(ALG.sha256), u32be(attributes), sized(ENDORSEMENT_POLICY)];
  const symmetric = [ALG.aes, 128, ALG.cfb].map(u16be);
  const zeros = sized(new Uint8Array(UNIQUE_BYTES));
  const key =
    algorithm === 'p256'
      ? [...[ALG.null, P256, ALG.null].map(u16be), zeros, zeros]
      : [u16be(ALG.null), u16be(RSA_BITS), u32be(0), sized(new Uint8Array(RSA_BITS / 8))];
  return concat(...head, ...symmetric, ...key);
}

/** A storage key on P-256, as the TCG's provisioning guidance has it; the same on every derivation. */
export function storageTemplate(): Uint8Array {
  const attributes = FIXED | USER_WITH_AUTH | NO_DA | RESTRICTED | DECRYPT;
  const zeros = sized(new Uint8Array(UNIQUE_BYTES));
  const parameters = [ALG.aes, 128, ALG.cfb, ALG.null, P256, ALG.null].map(u16be);
  return concat(
    u16be(ALG.ecc),
    u16be(ALG.sha256),
    u32be(attributes),
    sized(NONE),
    ...parameters,
    zeros,
    zeros,
  );
}

/** Data that nothing but this policy opens. */
export function sealedTemplate(policy: Uint8Array): Uint8Array {
  const attributes = FIXED_TO_TPM | NO_DA;
  const head = [u16be(ALG.keyedHash), u16be(ALG.sha256), u32be(attributes), sized(policy)];
  return concat(...head, u16be(ALG.null), sized(NONE));
}

/** TPML_PCR_SELECTION of registers of the SHA-256 bank. */
export function selectionOf(registers: readonly number[]): Uint8Array {
  const bits = new Uint8Array(REGISTERS / 8);
  for (const i of registers) bits[i >> 3] |= 1 << (i & 7);
  return concat(u32be(1), u16be(ALG.sha256), Uint8Array.of(bits.length), bits);
}

/** TPM2B of these bytes. */
export function sized(bytes: Uint8Array): Uint8Array {
  return concat(u16be(bytes.length), bytes);
}

/** TPML_DIGEST_VALUES of one SHA-256 digest. */
export function digestValues(digest: Uint8Array): Uint8Array {
  return concat(u32be(1), u16be(ALG.sha256), digest);
}

/** TPMT_SIG_SCHEME, TPMT_SYM_DEF: that of the key, none. */
export const NO_ALGORITHM = u16be(ALG.null);
/** TPM2B_SENSITIVE_CREATE: an empty password, no data. */
export const NO_PASSWORD = concat(u16be(4), u32be(0));
export const NO_BYTES = sized(NONE);
export const NO_REGISTERS = u32be(0);
/** TPMT_TK_HASHCHECK that vouches for nothing. */
export const NO_TICKET = concat(u16be(ST_HASHCHECK), u32be(RH_NULL), NO_BYTES);
