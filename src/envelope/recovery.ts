/**
 * Secrets that an operator can recover. What flows through here: a secret is encrypted to the operator's public key, which
 * is one of X25519 and one of ML-KEM-768 together, so that both must be broken; the recovery key, which lies where
 * no node is, opens it. What the secret belongs to is authenticated with it.
 */
import { concat, utf8 } from '../base/bytes.ts';
import { withSecrets } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from './cbor.ts';
import { bytes, bytesBetween, fields } from './fields.ts';
import { label } from './labels.ts';

const POINT_BYTES = 32;
const ENCAPSULATION_KEY_BYTES = 1184;
const CIPHERTEXT_BYTES = 1088;
const KEM_SEED_BYTES = 64;
const MAX_SECRET_BYTES = 1024;
const TAG_BYTES = 16;
/** X25519 scalar ‖ ML-KEM-768 seed. */
export const RECOVERY_SEED_BYTES = POINT_BYTES + KEM_SEED_BYTES;
/** X25519 point ‖ ML-KEM-768 encapsulation key. */
export const RECOVERY_KEY_BYTES = POINT_BYTES + ENCAPSULATION_KEY_BYTES;
/** Each key encrypts once. */
const IV = new Uint8Array(12);

const shape = {
  ephemeral: bytes(POINT_BYTES),
  ciphertext: bytes(CIPHERTEXT_BYTES),
  sealed: bytesBetween(TAG_BYTES + 1, MAX_SECRET_BYTES + TAG_BYTES),
} as const;

/** The public key of a recovery seed (96 bytes). */
export function recoveryKey(crypto: Crypto, seed: Uint8Array): Uint8Array {
  requireLength(seed, RECOVERY_SEED_BYTES);
  const { ek, dk } = crypto.mlkem768.keygen(seed.slice(POINT_BYTES));
  return withSecrets([dk], () => concat(crypto.x25519.publicKey(seed.slice(0, POINT_BYTES)), ek));
}

/**
 * Encrypts `secret` (1 to 1024 bytes) to an operator's recovery key; `purpose` must be given again to open it.
 * @throws OOTO_ENVELOPE_RECOVERY (caller) for sizes; OOTO_CRYPTO_KEY (peer) for a key that is none.
 */
export function sealForRecovery(
  crypto: Crypto,
  operatorKey: Uint8Array,
  secret: Uint8Array,
  purpose: string,
): Uint8Array {
  requireLength(operatorKey, RECOVERY_KEY_BYTES);
  if (secret.length < 1 || secret.length > MAX_SECRET_BYTES)
    throw misused(`a secret of ${secret.length} bytes`);
  const [scalar, drawn] = [crypto.random.bytes(POINT_BYTES), crypto.random.bytes(POINT_BYTES)];
  const ephemeral = crypto.x25519.publicKey(scalar);
  const agreed = crypto.x25519.sharedSecret(scalar, operatorKey.slice(0, POINT_BYTES));
  const { c: ciphertext, k } = crypto.mlkem768.encaps(operatorKey.slice(POINT_BYTES), drawn);
  return withSecrets([scalar, drawn, agreed, k], () => {
    const key = encryptionKey(crypto, { operatorKey, ephemeral, ciphertext, purpose }, concat(agreed, k));
    return withSecrets([key], () =>
      encode({ ephemeral, ciphertext, sealed: crypto.aes256gcm.seal(key, IV, label('recovery'), secret) }),
    );
  });
}

/**
 * The secret that was encrypted to the key of this seed, for this purpose.
 * @throws OOTO_ENVELOPE_* (peer) for what is no such envelope, OOTO_CRYPTO_AUTHENTICATION (peer) for another key or
 * purpose, or changed bytes; OOTO_CRYPTO_KEY (peer).
 */
export function openForRecovery(
  crypto: Crypto,
  seed: Uint8Array,
  envelope: Uint8Array,
  purpose: string,
): Uint8Array {
  const read = fields(decode(envelope, { maxBytes: 4096 }), shape, 'recovery');
  const { ephemeral, ciphertext, sealed } = read;
  const operatorKey = recoveryKey(crypto, seed);
  const agreed = crypto.x25519.sharedSecret(seed.slice(0, POINT_BYTES), ephemeral);
  const { dk } = crypto.mlkem768.keygen(seed.slice(POINT_BYTES));
  const k = crypto.mlkem768.decaps(dk, ciphertext);
  return withSecrets([agreed, dk, k], () => {
    const key = encryptionKey(crypto, { operatorKey, ephemeral, ciphertext, purpose }, concat(agreed, k));
    return withSecrets([key], () => crypto.aes256gcm.open(key, IV, label('recovery'), sealed));
  });
}

/** HKDF over both secrets, bound to everything that was said: an envelope cannot be taken for another's. */
function encryptionKey(
  crypto: Crypto,
  said: { operatorKey: Uint8Array; ephemeral: Uint8Array; ciphertext: Uint8Array; purpose: string },
  secrets: Uint8Array,
): Uint8Array {
  const transcript = crypto.sha256(
    concat(said.operatorKey, said.ephemeral, said.ciphertext, utf8(said.purpose)),
  );
  return withSecrets([secrets], () =>
    crypto.hkdf256(secrets, new Uint8Array(0), concat(label('recovery'), transcript), 32),
  );
}

function requireLength(key: Uint8Array, length: number): void {
  if (key.length !== length) throw misused(`a recovery key of ${key.length} bytes where it has ${length}`);
}

function misused(what: string): OotoError {
  return new OotoError('OOTO_ENVELOPE_RECOVERY', 'caller', what);
}
