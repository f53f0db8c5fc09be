/**
 * TPM2_MakeCredential in software (TPM 2.0 Library, part 1 section 24 and annexes B.10.4, C.6.4). What flows through
 * here: a secret is sealed so that only the TPM that holds both the endorsement key and the named attestation key
 * opens it: a seed is agreed with the endorsement key, and encrypts and authenticates the secret with the name.
 */
import { concat, u32be, utf8 } from '../../base/bytes.ts';
import { withSecrets } from '../../base/disposal.ts';
import { OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { nameOf, type PublicArea, requireAttestationKey, requireEndorsementKey } from './public-area.ts';
import { sized } from './wire.ts';

const HASH_BITS = 256;
const KEY_BITS = 128;
const AGREEMENT_SEED_BYTES = 48;
const COORDINATE_BYTES = 32;
const MAX_SECRET_BYTES = 32;
const NONE = new Uint8Array(0);

/** What a node gives to its TPM, which answers with the secret. */
export interface Credential {
  /** TPMS_ID_OBJECT: TPM2B of the MAC ‖ encrypted secret. */
  readonly credential: Uint8Array;
  /** The seed under the endorsement key: an ephemeral TPMS_ECC_POINT, or an RSA ciphertext. */
  readonly encryptedSeed: Uint8Array;
}

/**
 * Seals `secret` (1 to 32 bytes) for the TPM of `endorsementKey`, to be opened only beside `attestationKey`.
 * @throws OOTO_ATTEST_TPM_ATTRIBUTES, _ALGORITHM, OOTO_CRYPTO_KEY (peer); OOTO_ATTEST_INPUT (caller).
 */
export function makeCredential(
  crypto: Crypto,
  endorsementKey: PublicArea,
  attestationKey: PublicArea,
  secret: Uint8Array,
): Credential {
  if (secret.length < 1 || secret.length > MAX_SECRET_BYTES)
    throw new OotoError('OOTO_ATTEST_INPUT', 'caller', `a credential holds 1 to ${MAX_SECRET_BYTES} bytes`);
  requireEndorsementKey(crypto, endorsementKey);
  requireAttestationKey(crypto, attestationKey);
  return sealFor(crypto, endorsementKey, nameOf(crypto, attestationKey), secret);
}

/** TPM2_MakeCredential by itself: neither key has been judged. */
export function sealFor(
  crypto: Crypto,
  endorsementKey: PublicArea,
  name: Uint8Array,
  secret: Uint8Array,
): Credential {
  const { seed, encryptedSeed } = shareSeed(crypto, endorsementKey);
  const key = kdfa(crypto, seed, 'STORAGE', name, NONE, KEY_BITS);
  const macKey = kdfa(crypto, seed, 'INTEGRITY', NONE, NONE, HASH_BITS);
  return withSecrets([seed, key, macKey], () => {
    const encrypted = crypto.aes128cfbEncrypt(key, new Uint8Array(KEY_BITS / 8), sized(secret));
    const mac = crypto.hmac256(macKey, concat(encrypted, name));
    return { credential: concat(sized(mac), encrypted), encryptedSeed };
  });
}

function shareSeed(
  crypto: Crypto,
  { algorithm, key }: PublicArea,
): { seed: Uint8Array; encryptedSeed: Uint8Array } {
  return algorithm === 'rsa2048' ? encryptSeed(crypto, key) : agreeOnSeed(crypto, key);
}

function encryptSeed(crypto: Crypto, modulus: Uint8Array) {
  const seed = crypto.random.bytes(HASH_BITS / 8);
  const label = utf8('IDENTITY\0');
  const padding = crypto.random.bytes(HASH_BITS / 8);
  return { seed, encryptedSeed: crypto.rsa.encryptOaep256({ modulus }, seed, label, padding) };
}

function agreeOnSeed(crypto: Crypto, point: Uint8Array) {
  const drawn = crypto.random.bytes(AGREEMENT_SEED_BYTES);
  const { secretKey, publicKey } = crypto.p256.keygen(drawn);
  const shared = crypto.p256.sharedSecret(secretKey, point);
  return withSecrets([drawn, secretKey, shared], () => {
    const [x, y] = [publicKey.subarray(1, 1 + COORDINATE_BYTES), publicKey.subarray(1 + COORDINATE_BYTES)];
    const seed = kdfe(crypto, shared, 'IDENTITY', x, point.subarray(1, 1 + COORDINATE_BYTES), HASH_BITS);
    return { seed, encryptedSeed: concat(sized(x), sized(y)) };
  });
}

/** KDFa with SHA-256 (part 1 section 11.4.10.2, NIST SP 800-108 in counter mode). */
export function kdfa(
  crypto: Crypto,
  key: Uint8Array,
  label: string,
  contextU: Uint8Array,
  contextV: Uint8Array,
  bits: number,
): Uint8Array {
  return derive(bits, (counter) =>
    crypto.hmac256(key, concat(u32be(counter), utf8(`${label}\0`), contextU, contextV, u32be(bits))),
  );
}

/** KDFe with SHA-256 (part 1 section 11.4.10.3, NIST SP 800-56A). */
export function kdfe(
  crypto: Crypto,
  z: Uint8Array,
  use: string,
  partyU: Uint8Array,
  partyV: Uint8Array,
  bits: number,
): Uint8Array {
  return derive(bits, (counter) =>
    crypto.sha256(concat(u32be(counter), z, utf8(`${use}\0`), partyU, partyV)),
  );
}

/** The leftmost bytes; bits too many are cleared in the first. */
function derive(bits: number, block: (counter: number) => Uint8Array): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(bits / HASH_BITS) }, (_, i) => block(i + 1));
  const derived = concat(...blocks).slice(0, Math.ceil(bits / 8));
  if (bits % 8 !== 0) derived[0] &= (1 << (bits % 8)) - 1;
  return derived;
}
