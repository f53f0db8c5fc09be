/**
 * Shares on their way (COCKTAIL-DKG, "Round 1", step 5). What flows through here: the secrets that sender and
 * receiver agree on, by the sender's key of this run and by both their static keys, become a key and a nonce; the
 * share is sealed with them, and opened again.
 */
import { concat, u64be, utf8 } from '../base/bytes.ts';
import { withSecrets } from '../base/disposal.ts';
import type { Crypto } from '../crypto/crypto.ts';

const PREFIX = utf8('COCKTAIL-DKG-Ed25519-SHA512-H6');
const KEY_BYTES = 32;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;
export const SHARE_BYTES = 32;
/** Of a share without a payload beside it. */
export const ENCRYPTED_SHARE_BYTES = SHARE_BYTES + TAG_BYTES;

/** One direction between two members in one run. */
export interface ShareRoute {
  readonly context: Uint8Array;
  /** The sender's key of this run. */
  readonly ephemeralKey: Uint8Array;
  readonly sender: Uint8Array;
  readonly receiver: Uint8Array;
}

/** What both ends agree on; wiped by whoever made it. */
export interface AgreedSecrets {
  readonly ephemeral: Uint8Array;
  readonly static: Uint8Array;
}

/** @param plaintext the share, and after it whatever payload the application has */
export function encryptShare(
  crypto: Crypto,
  route: ShareRoute,
  secrets: AgreedSecrets,
  plaintext: Uint8Array,
): Uint8Array {
  return withKey(crypto, route, secrets, (key, nonce) =>
    crypto.xchacha20poly1305.seal(key, nonce, plaintext),
  );
}

/** The plaintext, which the caller wipes. @throws OOTO_CRYPTO_AUTHENTICATION (peer). */
export function decryptShare(
  crypto: Crypto,
  route: ShareRoute,
  secrets: AgreedSecrets,
  encrypted: Uint8Array,
): Uint8Array {
  return withKey(crypto, route, secrets, (key, nonce) =>
    crypto.xchacha20poly1305.open(key, nonce, encrypted),
  );
}

/** H6 of the ciphersuite. */
function withKey<T>(
  crypto: Crypto,
  { context, ephemeralKey, sender, receiver }: ShareRoute,
  secrets: AgreedSecrets,
  use: (key: Uint8Array, nonce: Uint8Array) => T,
): T {
  const length = u64be(context.length).reverse();
  const input = concat(
    PREFIX,
    secrets.ephemeral,
    secrets.static,
    ephemeralKey,
    sender,
    receiver,
    length,
    context,
  );
  const digest = crypto.sha512(input);
  return withSecrets([input, digest], () =>
    use(digest.subarray(0, KEY_BYTES), digest.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES)),
  );
}
