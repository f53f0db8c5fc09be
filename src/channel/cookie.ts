/**
 * Cookies against floods of first messages. What flows through here: a responder under load answers a first
 * message with a MAC over the sender's address and forgets it; whoever really receives at that address sends
 * the cookie back in a new first message. No Diffie-Hellman, no KEM and no memory is spent before that.
 */
import { concat, equal, lengthPrefixed, utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { label } from '../envelope/labels.ts';

/** What a responder needs for cookies. */
export interface CookieGuard {
  /** 32 bytes each, the newest first; replaced every 120 s, the one before stays valid for one period. */
  readonly secrets: readonly Uint8Array[];
  /** The address that a cookie is bound to, for example an IPv4 address or the /64 of an IPv6 address. */
  readonly address: string;
  /** Whether a first message needs a valid cookie now. */
  isLoaded(): boolean;
  /** A cookie is being asked for. */
  asked?(): void;
  /** A valid cookie came. @throws when its address begins too many handshakes; nothing has been spent on it yet. */
  brought?(): void;
}

/** The cookie for `address`, 32 bytes. */
export function makeCookie(crypto: Crypto, guard: CookieGuard, meshId: Uint8Array): Uint8Array {
  guard.asked?.();
  return cookieOf(crypto, guard.secrets[0], guard.address, meshId);
}

/** Whether the first message may be worked on: always when idle, with a valid cookie when loaded. */
export function isAdmitted(
  crypto: Crypto,
  guard: CookieGuard | undefined,
  meshId: Uint8Array,
  cookie: Uint8Array,
): boolean {
  if (!guard?.isLoaded()) return true;
  const isValid = guard.secrets.some((secret) =>
    equal(cookieOf(crypto, secret, guard.address, meshId), cookie),
  );
  if (isValid) guard.brought?.();
  return isValid;
}

function cookieOf(
  crypto: Crypto,
  secret: Uint8Array | undefined,
  address: string,
  meshId: Uint8Array,
): Uint8Array {
  if (secret?.length !== 32)
    throw new OotoError('OOTO_CHANNEL_OPTIONS', 'caller', 'a cookie secret has 32 bytes');
  return crypto.hmac256(secret, concat(label('cookie'), meshId, lengthPrefixed(utf8(address))));
}
