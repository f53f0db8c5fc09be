/**
 * What strangers may take of a node before they have shown who they are. What flows through here: each first message
 * asks whether the node is loaded; then a cookie is asked for, which costs one MAC and no memory; whoever brings it
 * has shown its address, and gets so many handshakes a second. Handshakes that are not finished are bounded in
 * number, the oldest giving way, and so, apart from them, are strangers that were asked and have brought nothing: they
 * cannot crowd out those who did. All times are monotonic.
 */
import { OotoError } from '../base/errors.ts';
import type { CookieGuard } from '../channel/cookie.ts';
import { CookieSecrets } from '../channel/cookie-secrets.ts';
import { Rates } from '../channel/rates.ts';
import { sourceOf } from '../channel/source.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { Clock } from '../ports.ts';

export const MOST_HALF_OPEN = 1_024;
export const MOST_SOURCES = 65_536;
export const SOURCE_PER_SECOND = 20;
export const SOURCE_BURST = 5;
/** An eighth of the bound: there is still room for those who bring a cookie. */
const LOADED_HALF_OPEN = MOST_HALF_OPEN / 8;
/** First messages in one second that a node works on without asking; each costs it about two milliseconds. */
const LOADED_PER_SECOND = 200;
/** Load is thought to last this long. */
const LOADED_MS = 1_000;

/** What stands half open: whoever is closed here has not shown who it is. */
export interface HalfOpen {
  close(reason: OotoError): void;
}

export interface DoorwayStatus {
  /** Handshakes that were begun and are not finished. */
  halfOpen: number;
  /** Connections whose first message has not been worked on. */
  unproven: number;
  loaded: boolean;
  /** Sources that are remembered. */
  sources: number;
  cookiesAsked: number;
  cookiesBrought: number;
}

export class Doorway {
  readonly #secrets: CookieSecrets;
  readonly #clock: Clock;
  readonly #sources = new Rates({ perSecond: SOURCE_PER_SECOND, burst: SOURCE_BURST, most: MOST_SOURCES });
  readonly #halfOpen = new Set<HalfOpen>();
  readonly #unproven = new Set<HalfOpen>();
  #windowEnds = 0;
  #firstMessages = 0;
  #loadedUntil = Number.NEGATIVE_INFINITY;
  #asked = 0;
  #brought = 0;

  constructor(crypto: Crypto, clock: Clock) {
    this.#secrets = new CookieSecrets(crypto.random);
    this.#clock = clock;
  }

  get status(): DoorwayStatus {
    return {
      halfOpen: this.#halfOpen.size,
      unproven: this.#unproven.size,
      loaded: this.#clock.monotonic() < this.#loadedUntil,
      sources: this.#sources.size,
      cookiesAsked: this.#asked,
      cookiesBrought: this.#brought,
    };
  }

  /** What a responder to this connection goes by; `admitted` is called when its first message is worked on. */
  guardFor(remoteAddress: string, admitted: () => void = () => {}): CookieGuard {
    const address = sourceOf(remoteAddress);
    const secrets = () => this.#secrets.at(this.#clock.monotonic());
    return {
      get secrets() {
        return secrets();
      },
      address,
      isLoaded: () => {
        const loaded = this.#isLoaded();
        if (!loaded) admitted();
        return loaded;
      },
      asked: () => {
        this.#asked++;
      },
      brought: () => {
        this.#requireRate(address);
        admitted();
      },
    };
  }

  /** Someone is here whose first message has not been worked on; where too many are, the oldest is closed. */
  opened(session: HalfOpen): void {
    this.#unproven.add(session);
    if (this.#unproven.size > MOST_HALF_OPEN)
      closeOldest(
        this.#unproven,
        new OotoError('OOTO_MESH_UNPROVEN', 'peer', `${MOST_HALF_OPEN} newer strangers wait`, {
          hint: 'the node is under load; dial again',
        }),
      );
  }

  /** Its first message is worked on: the handshake is half open; where too many are, the oldest is closed. */
  admitted(session: HalfOpen): void {
    this.#unproven.delete(session);
    this.#halfOpen.add(session);
    if (this.#halfOpen.size > MOST_HALF_OPEN)
      closeOldest(
        this.#halfOpen,
        new OotoError('OOTO_MESH_HALF_OPEN', 'peer', `${MOST_HALF_OPEN} newer handshakes are half open`, {
          hint: 'the node is under load; dial again',
        }),
      );
  }

  /** The session is authenticated, or over. */
  settled(session: HalfOpen): void {
    this.#halfOpen.delete(session);
    this.#unproven.delete(session);
  }

  /** Counts a first message; whether those who send one must bring a cookie now. */
  #isLoaded(): boolean {
    const now = this.#clock.monotonic();
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + 1_000;
      this.#firstMessages = 0;
    }
    this.#firstMessages++;
    if (this.#firstMessages > LOADED_PER_SECOND || this.#halfOpen.size > LOADED_HALF_OPEN)
      this.#loadedUntil = now + LOADED_MS;
    return now < this.#loadedUntil;
  }

  #requireRate(source: string): void {
    this.#brought++;
    if (!this.#sources.take(source, this.#clock.monotonic()))
      throw new OotoError('OOTO_MESH_SOURCE_RATE', 'peer', `${source} begins too many handshakes`, {
        hint: 'the node is under load; dial again later',
      });
  }
}

function closeOldest(sessions: Set<HalfOpen>, reason: OotoError): void {
  const [oldest] = sessions;
  sessions.delete(oldest);
  oldest.close(reason);
}
