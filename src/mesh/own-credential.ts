/**
 * What this node shows of itself. What flows through here: the identity key (slow, maybe in hardware) signs a
 * delegation for the message key and a fresh Noise static key at most every ten minutes; channels present the
 * credential with the newest delegation. Whoever has once read this memory begins no session once the delegation of
 * that moment has ended: the static key of every later one is new, and the old ones are wiped. Message and Noise keys
 * live in memory only and die with the process.
 */
import { equal } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { CredentialKind, OwnCredential } from '../channel/credential.ts';
import { type Delegation, delegationMessage, encodeDelegation } from '../channel/delegation.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { Ed25519SigningKey } from '../envelope/keys.ts';
import type { Clock, Signer } from '../ports.ts';

/** How long a delegation serves; a new one is made when half of it is over. */
export const DELEGATION_LIFE_MS = 600_000;
/** Longer than any handshake that was begun with a Noise static key. */
const RETIREMENT_MS = 30_000;

export interface Presentation {
  kind: CredentialKind;
  id: string;
  meshId: Uint8Array;
  /** What the delegation names: SHA-256 of the TBS, of the request, or of the genesis draft. */
  subject: Uint8Array;
  /** Opaque to the channel. */
  credential: Uint8Array;
  /** Milliseconds since 1970 when the identity itself ends. */
  notAfter: number;
}

/** A delegation, and the Noise static key (private) that it names. */
interface Delegated {
  readonly encoded: Uint8Array;
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly noiseStatic: Uint8Array;
}

export class OwnCredentials {
  readonly #crypto: Crypto;
  readonly #clock: Clock;
  readonly #signer: Signer;
  readonly messageKey: Ed25519SigningKey;
  #presentation: Presentation;
  #delegation: Delegated | undefined;
  /** For channels, until presentation or delegation is another one. */
  #shown: OwnCredential | undefined;
  /** Static keys that handshakes may still be using, and since when no new one does (monotonic milliseconds). */
  #retired: { key: Uint8Array; since: number }[] = [];
  #signing: Promise<unknown> = Promise.resolve();

  private constructor(crypto: Crypto, clock: Clock, signer: Signer, presentation: Presentation) {
    this.#crypto = crypto;
    this.#clock = clock;
    this.#signer = signer;
    this.#presentation = presentation;
    this.messageKey = Ed25519SigningKey.generate(crypto);
  }

  /** Fresh message and Noise keys, delegated by `signer` for what `presentation` says. */
  static async create(
    options: { crypto: Crypto; clock: Clock; signer: Signer },
    presentation: Presentation,
  ): Promise<OwnCredentials> {
    const own = new OwnCredentials(options.crypto, options.clock, options.signer, presentation);
    await own.renewDelegation();
    return own;
  }

  get presentation(): Presentation {
    return this.#presentation;
  }

  /** The encoded delegation in force. */
  get delegation(): Uint8Array {
    return this.#valid().encoded;
  }

  /**
   * Presents something else from now on; a delegation for the same certificate stays in force, for another one a
   * new delegation is made first, so that the two always belong together. Returns whether one was made.
   */
  present(presentation: Presentation): Promise<boolean> {
    return this.#inTurn(async () => {
      const isSame = equal(presentation.subject, this.#presentation.subject);
      if (!isSame) this.#replace(await this.#delegate(presentation));
      this.#presentation = presentation;
      this.#shown = undefined;
      return !isSame;
    });
  }

  /** One signature of the identity key. Call at most every few minutes: a TPM is slow. */
  renewDelegation(): Promise<void> {
    return this.#inTurn(async () => {
      this.#replace(await this.#delegate(this.#presentation));
    });
  }

  #replace(delegated: Delegated): void {
    const since = this.#clock.monotonic();
    if (this.#delegation) this.#retired.push({ key: this.#delegation.noiseStatic, since });
    this.#delegation = delegated;
    this.#shown = undefined;
    this.#wipeRetired();
  }

  #wipeRetired(): void {
    const now = this.#clock.monotonic();
    const isOver = ({ since }: { since: number }) => now >= since + RETIREMENT_MS;
    for (const { key } of this.#retired.filter(isOver)) key.fill(0);
    this.#retired = this.#retired.filter((retired) => !isOver(retired));
  }

  async #delegate({ meshId, subject, notAfter }: Presentation): Promise<Delegated> {
    const now = this.#clock.now();
    const noiseStatic = this.#crypto.random.bytes(32);
    const delegation: Delegation = {
      meshId,
      subject,
      messageKey: this.messageKey.publicKey,
      noiseStatic: this.#crypto.x25519.publicKey(noiseStatic),
      notBefore: now,
      notAfter: Math.min(now + DELEGATION_LIFE_MS, notAfter),
    };
    const signature = await this.#signer.sign(delegationMessage(delegation));
    return { encoded: encodeDelegation(delegation, signature), until: delegation.notAfter, noiseStatic };
  }

  /** One signature after the other: a slow one must not overtake what was presented since. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#signing.then(step);
    this.#signing = turn.catch(() => {});
    return turn;
  }

  /** What a new channel presents, the same object until it is something else. @throws OOTO_MESH_DELEGATION (local) when none is valid. */
  forChannel(): OwnCredential {
    const { kind, id, credential } = this.#presentation;
    this.#wipeRetired();
    const { encoded: delegation, noiseStatic } = this.#valid();
    this.#shown ??= { kind, id, credential, delegation, noiseStatic, messageKey: this.messageKey };
    return this.#shown;
  }

  #valid(): Delegated {
    const delegation = this.#delegation;
    if (!delegation || delegation.until <= this.#clock.now())
      throw new OotoError('OOTO_MESH_DELEGATION', 'local', 'the delegation of this node has ended', {
        hint: 'the identity key could not sign a new one, or the certificate has expired',
      });
    return delegation;
  }
}
