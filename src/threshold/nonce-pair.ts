/**
 * The two secret nonces of one signer for one attempt. What flows through here: they are drawn (RFC 9591 section
 * 5.1), their commitment is sent, and they are taken out once, to compute one share; a second taking finds
 * nothing. They are never encoded, stored or copied.
 */
import { wipe } from '../base/disposal.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { generateNonce, type NonceCommitment, type Nonces } from './frost.ts';
import { wrongState } from './refusal.ts';
import type { SecretShare } from './secret-share.ts';

export class NoncePair implements Disposable {
  readonly commitment: NonceCommitment;
  #nonces: Nonces | undefined;

  constructor(crypto: Crypto, share: SecretShare) {
    const draw = () => share.use((scalar) => generateNonce(crypto, scalar));
    const nonces = { hiding: draw(), binding: draw() };
    const { multiplyBase } = crypto.edwards25519;
    this.commitment = {
      identifier: share.identifier,
      hiding: multiplyBase(nonces.hiding),
      binding: multiplyBase(nonces.binding),
    };
    this.#nonces = nonces;
  }

  /** Gives the nonces away for one computation; they are gone before it begins and wiped after it. */
  spend<T>(compute: (nonces: Nonces) => T): T {
    const nonces = this.#nonces;
    this.#nonces = undefined;
    if (!nonces) throw wrongState('these nonces have been used');
    try {
      return compute(nonces);
    } finally {
      wipe(nonces.hiding, nonces.binding);
    }
  }

  [Symbol.dispose](): void {
    wipe(this.#nonces?.hiding, this.#nonces?.binding);
    this.#nonces = undefined;
  }
}
