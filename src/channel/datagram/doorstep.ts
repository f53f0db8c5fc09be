/**
 * What strangers get before they have shown their address. What flows through here: a hello is answered with a
 * cookie, shorter than it, at the price of one MAC and no memory; a first message under another cookie is not answered;
 * whoever brings the cookie from the same address and port may begin so many handshakes a second. The cookie is
 * asked for always, not only under load.
 */
import { equal } from '../../base/bytes.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { type CookieGuard, isAdmitted, makeCookie } from '../cookie.ts';
import { CookieSecrets } from '../cookie-secrets.ts';
import { COOKIE_BYTES, encodePreamble, NO_COOKIE, PREAMBLE_BYTES } from '../preamble.ts';
import { Rates } from '../rates.ts';
import { sourceOf } from '../source.ts';

/** Per IPv4 address and per /64 of IPv6. */
export const SOURCE_RATE = { perSecond: 20, burst: 5, most: 65_536 };
const COOKIE_AT = PREAMBLE_BYTES - COOKIE_BYTES;

export class Doorstep {
  readonly #crypto: Crypto;
  readonly #meshId: Uint8Array;
  readonly #secrets: CookieSecrets;
  readonly #sources = new Rates(SOURCE_RATE);
  /** How every preamble for this mesh begins. */
  readonly #expected: Uint8Array;
  #asked = 0;
  #brought = 0;

  constructor(crypto: Crypto, meshId: Uint8Array) {
    this.#crypto = crypto;
    this.#meshId = meshId;
    this.#secrets = new CookieSecrets(crypto.random);
    this.#expected = encodePreamble(meshId, NO_COOKIE).subarray(0, COOKIE_AT);
  }

  get status() {
    return { cookiesAsked: this.#asked, cookiesBrought: this.#brought, sources: this.#sources.size };
  }

  /** Whether a preamble is for this version and mesh; junk is not worth an error object. */
  isOurs(preamble: Uint8Array): boolean {
    return equal(preamble.subarray(0, COOKIE_AT), this.#expected);
  }

  cookieFor(from: string, now: number): Uint8Array {
    this.#asked++;
    return makeCookie(this.#crypto, this.#guard(from, now), this.#meshId);
  }

  /** Whether the preamble has the cookie of this address. */
  knows(from: string, preamble: Uint8Array, now: number): boolean {
    return isAdmitted(this.#crypto, this.#guard(from, now), this.#meshId, preamble.subarray(COOKIE_AT));
  }

  /** Whether another handshake may begin from there. */
  admits(from: string, now: number): boolean {
    this.#brought++;
    return this.#sources.take(sourceOf(from), now);
  }

  #guard(from: string, now: number): CookieGuard {
    return { secrets: this.#secrets.at(now), address: from, isLoaded: () => true };
  }
}
