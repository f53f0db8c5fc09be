/**
 * The last that this node has seen of each TPM. What flows through here: how often a TPM has started is remembered
 * by its attestation key, over all channels; evidence from before what is known is then told from that after it.
 */
import type { TpmClock } from '../attest/tpm/attestation-data.ts';
import type { ExpectedTpm } from '../attest/tpm-proof.ts';
import { hex } from '../base/hex.ts';

const MOST_TPMS = 65_536;

export class TpmClocks {
  /** By attestation key, the longest unseen first. */
  readonly #seen = new Map<string, TpmClock>();

  /**
   * The TPM with these keys, no earlier than it was seen; `own` is what this channel has seen of it. Answers on several
   * channels may overtake each other: across them the starts are compared, and on one channel the time as well.
   */
  expected(keys: Omit<ExpectedTpm, 'clock'>, own: () => TpmClock | undefined): ExpectedTpm {
    const seen = this.#seen;
    const name = hex(keys.attestationKey);
    return {
      ...keys,
      get clock() {
        const [here, anywhere] = [own(), seen.get(name)];
        const isSameStart =
          here?.resetCount === anywhere?.resetCount && here?.restartCount === anywhere?.restartCount;
        return isSameStart ? here : anywhere && { ...anywhere, clock: 0n };
      },
    };
  }

  keep(attestationKey: Uint8Array, clock: TpmClock): void {
    const name = hex(attestationKey);
    const known = this.#seen.get(name);
    this.#seen.delete(name);
    this.#seen.set(name, known && isLater(known, clock) ? known : clock);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > MOST_TPMS) this.#seen.delete(oldest);
  }
}

function isLater(a: TpmClock, b: TpmClock): boolean {
  return (
    a.resetCount - b.resetCount > 0 || (a.resetCount === b.resetCount && a.restartCount > b.restartCount)
  );
}
