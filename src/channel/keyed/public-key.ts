/**
 * Peers that are known by their public keys. What flows through here: a key gives an id that names it; a peer shows its
 * key as its credential, and whoever does not pin that key refuses it. No certificate and no authority is needed.
 */
import { concat } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { hex } from '../../base/hex.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { VerificationKey } from '../../envelope/keys.ts';
import { label } from '../../envelope/labels.ts';
import type { CredentialVerifier } from '../credential.ts';

/** An Ed25519 key of 32 bytes or a P-256 key of 65, uncompressed; its length tells which. */
export type PublicKey = Uint8Array | VerificationKey;

/** Which keys a listener takes: those named, or those for which a function says so. */
export type PinnedKeys = Iterable<PublicKey> | ((key: VerificationKey) => boolean);

const LENGTHS = { ed25519: 32, p256: 65 } as const;
/** A raw key lives until whoever pins it does no more. */
const NO_END = Number.MAX_SAFE_INTEGER;

/** @throws OOTO_CHANNEL_KEY (caller) for what is no public key. */
export function publicKey(key: PublicKey): VerificationKey {
  const bytes = key instanceof Uint8Array ? key : key.bytes;
  const algorithm = algorithmOf(bytes);
  if (!algorithm || (!(key instanceof Uint8Array) && key.algorithm !== algorithm))
    throw new OotoError('OOTO_CHANNEL_KEY', 'caller', 'not a public key', {
      hint: 'give 32 bytes of Ed25519, or 65 bytes of P-256',
    });
  return { algorithm, bytes };
}

/** The id of whoever has this key, for example `ed25519:` and 64 hexadecimal digits. */
export function keyPeerId(key: PublicKey): string {
  const { algorithm, bytes } = publicKey(key);
  return `${algorithm}:${hex(bytes)}`;
}

/** What a delegation by this key names. */
export function keySubject(crypto: Crypto, { algorithm, bytes }: VerificationKey): Uint8Array {
  return crypto.sha256(concat(label('public-key'), Uint8Array.of(LENGTHS[algorithm]), bytes));
}

/** What stands in the place of a mesh id where there is no mesh: both ends must name the same application. */
export function applicationId(crypto: Crypto, application: string): Uint8Array {
  return crypto.sha256(concat(label('application'), new TextEncoder().encode(application)));
}

/** The same for datagrams: what is signed there means nothing on a channel, whose messages have another form. */
export function datagramApplicationId(crypto: Crypto, application: string): Uint8Array {
  return crypto.sha256(concat(label('datagrams'), applicationId(crypto, application)));
}

/** Accepts peers whose keys are pinned. @throws OOTO_CHANNEL_PIN (peer) for any other. */
export function pinnedKeyVerifier(crypto: Crypto, keys: PinnedKeys): CredentialVerifier {
  const isPinned = typeof keys === 'function' ? keys : amongThese(keys);
  return ({ kind, credential }) => {
    const key = presentedKey(crypto, credential);
    if (kind !== 'member' || isPinned(key) !== true)
      throw new OotoError('OOTO_CHANNEL_PIN', 'peer', `the key ${keyPeerId(key)} is not pinned here`);
    return { id: keyPeerId(key), kind, identityKey: key, subject: keySubject(crypto, key), notAfter: NO_END };
  };
}

function presentedKey(crypto: Crypto, credential: Uint8Array): VerificationKey {
  const algorithm = algorithmOf(credential);
  if (!algorithm) throw new OotoError('OOTO_CHANNEL_PIN', 'peer', 'the peer shows no public key');
  if (algorithm === 'ed25519') crypto.ed25519.admitKey(credential);
  return { algorithm, bytes: credential.slice() };
}

function algorithmOf({ length }: Uint8Array): VerificationKey['algorithm'] | undefined {
  if (length === LENGTHS.ed25519) return 'ed25519';
  return length === LENGTHS.p256 ? 'p256' : undefined;
}

function amongThese(keys: Iterable<PublicKey>): (key: VerificationKey) => boolean {
  const ids = new Set([...keys].map(keyPeerId));
  return (key) => ids.has(keyPeerId(key));
}
