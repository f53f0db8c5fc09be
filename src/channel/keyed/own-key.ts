/**
 * What this side shows of a raw key. What flows through here: the identity key signs, once in some minutes, a delegation
 * to a message key and a new Noise static key, which live in memory alone; channels present the newest one.
 */
import { wipe } from '../../base/disposal.ts';
import { OotoError } from '../../base/errors.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { Ed25519SigningKey } from '../../envelope/keys.ts';
import type { Clock, Signer } from '../../ports.ts';
import type { OwnCredential } from '../credential.ts';
import { type Delegation, delegationMessage, encodeDelegation } from '../delegation.ts';
import { MAX_CLOCK_SKEW_MS } from '../limits.ts';
import { keyPeerId, keySubject, publicKey } from './public-key.ts';

export const DELEGATION_MS = 600_000;
/** A delegation is replaced when half of it is over. */
export const RENEWAL_MS = DELEGATION_MS / 2;
/** Where a renewal failed it is tried again after this time. */
const RETRY_MS = 30_000;
/** Clocks are set: a renewal is not asked for more often than this. */
const LEAST_PAUSE_MS = 1_000;

interface Shown {
  readonly own: OwnCredential;
  /** Milliseconds since 1970. */
  readonly since: number;
}

export interface OwnKeyOptions {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly identity: Signer;
  readonly meshId: Uint8Array;
}

export class OwnKey implements Disposable {
  readonly #options: OwnKeyOptions;
  readonly #messageKey: Ed25519SigningKey;
  /** Static keys of the newest delegation and of the one before it, which handshakes may still be using. */
  #noiseStatics: Uint8Array[] = [];
  #current: Shown | undefined;
  #signing: Promise<OwnCredential> | undefined;
  #isDisposed = false;

  constructor(options: OwnKeyOptions) {
    this.#options = options;
    this.#messageKey = Ed25519SigningKey.generate(options.crypto);
  }

  /** Milliseconds after which {@link credential} should be asked again, so that what is shown is renewed in time. */
  get renewsInMs(): number {
    const now = this.#options.clock.now();
    if (!this.#current || !isFresh(this.#current, now)) return RETRY_MS;
    return Math.min(RENEWAL_MS, Math.max(LEAST_PAUSE_MS, this.#current.since + RENEWAL_MS - now));
  }

  /**
   * What a channel presents now; signs a delegation when there is none, or half of it is over.
   * @throws OOTO_CHANNEL_CLOSED (caller) once disposed; what the signer throws.
   */
  async credential(): Promise<OwnCredential> {
    this.#requireUse();
    if (this.#current && isFresh(this.#current, this.#options.clock.now())) return this.#current.own;
    this.#signing ??= this.#sign().finally(() => {
      this.#signing = undefined;
    });
    return this.#signing;
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#messageKey[Symbol.dispose]();
    wipe(...this.#noiseStatics);
  }

  async #sign(): Promise<OwnCredential> {
    const noiseStatic = this.#options.crypto.random.bytes(32);
    try {
      return await this.#show(noiseStatic);
    } catch (error) {
      wipe(noiseStatic);
      throw error;
    }
  }

  async #show(noiseStatic: Uint8Array): Promise<OwnCredential> {
    const { crypto, clock, identity, meshId } = this.#options;
    const key = publicKey({ algorithm: identity.algorithm, bytes: identity.publicKey });
    const now = clock.now();
    const delegation: Delegation = {
      meshId,
      subject: keySubject(crypto, key),
      messageKey: this.#messageKey.publicKey,
      noiseStatic: crypto.x25519.publicKey(noiseStatic),
      notBefore: now,
      notAfter: now + DELEGATION_MS,
    };
    const signature = await identity.sign(delegationMessage(delegation));
    this.#requireUse();
    const own: OwnCredential = {
      kind: 'member',
      id: keyPeerId(key),
      credential: key.bytes,
      delegation: encodeDelegation(delegation, signature),
      noiseStatic,
      messageKey: this.#messageKey,
    };
    this.#current = { own, since: now };
    wipe(...this.#noiseStatics.splice(0, this.#noiseStatics.length - 1));
    this.#noiseStatics.push(noiseStatic);
    return own;
  }
  #requireUse(): void {
    if (this.#isDisposed) throw new OotoError('OOTO_CHANNEL_CLOSED', 'caller', 'this key was given up');
  }
}

/** Whether half of it is to come. A clock that was set back makes it one of the future, which nobody takes. */
function isFresh({ since }: Shown, now: number): boolean {
  return since <= now + MAX_CLOCK_SKEW_MS && now < since + RENEWAL_MS;
}
