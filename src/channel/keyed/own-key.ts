/**
 * What this side shows of a raw key. What flows through here: the identity key signs, once in some minutes, a delegation
 * to a message key and a new Noise static key, which live in memory alone; channels present the newest one.
 */
import { wipe } from '../../base/disposal.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { Ed25519SigningKey } from '../../envelope/keys.ts';
import type { Clock, Signer } from '../../ports.ts';
import type { OwnCredential } from '../credential.ts';
import { type Delegation, delegationMessage, encodeDelegation } from '../delegation.ts';
import { keyPeerId, keySubject, publicKey } from './public-key.ts';

export const DELEGATION_MS = 600_000;
/** A delegation is replaced when half of it is over. */
export const RENEWAL_MS = DELEGATION_MS / 2;

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
  #current: { own: OwnCredential; renewAt: number } | undefined;
  #signing: Promise<OwnCredential> | undefined;

  constructor(options: OwnKeyOptions) {
    this.#options = options;
    this.#messageKey = Ed25519SigningKey.generate(options.crypto);
  }

  /** What a channel presents now; signs a delegation when there is none, or half of it is over. */
  async credential(): Promise<OwnCredential> {
    if (this.#current && this.#options.clock.now() < this.#current.renewAt) return this.#current.own;
    this.#signing ??= this.#sign().finally(() => {
      this.#signing = undefined;
    });
    return this.#signing;
  }

  [Symbol.dispose](): void {
    this.#messageKey[Symbol.dispose]();
    wipe(...this.#noiseStatics);
  }

  async #sign(): Promise<OwnCredential> {
    const { crypto, clock, identity, meshId } = this.#options;
    const key = publicKey({ algorithm: identity.algorithm, bytes: identity.publicKey });
    const now = clock.now();
    const noiseStatic = crypto.random.bytes(32);
    const delegation: Delegation = {
      meshId,
      subject: keySubject(crypto, key),
      messageKey: this.#messageKey.publicKey,
      noiseStatic: crypto.x25519.publicKey(noiseStatic),
      notBefore: now,
      notAfter: now + DELEGATION_MS,
    };
    const signature = await identity.sign(delegationMessage(delegation));
    const own: OwnCredential = {
      kind: 'member',
      id: keyPeerId(key),
      credential: key.bytes,
      delegation: encodeDelegation(delegation, signature),
      noiseStatic,
      messageKey: this.#messageKey,
    };
    this.#current = { own, renewAt: now + RENEWAL_MS };
    wipe(...this.#noiseStatics.splice(0, this.#noiseStatics.length - 1));
    this.#noiseStatics.push(noiseStatic);
    return own;
  }
}
