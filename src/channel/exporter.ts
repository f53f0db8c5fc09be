/**
 * Values that both ends of an epoch share and nobody else: HKDF-Expand(secret, "ooto/1 " ‖ label ‖ 0 ‖ h ‖
 * context, 32) (docs/protocol.md). What flows through here: the third output of Split; everything that the epoch
 * will need is derived at once, then the secret is overwritten.
 */
import { concat } from '../base/bytes.ts';
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { type LabelKind, label } from '../envelope/labels.ts';

/** A value to be derived at the start of each epoch. */
export interface ExportRequest {
  readonly label: LabelKind;
  readonly context?: Uint8Array;
}

const EXPORT_BYTES = 32;
const NO_CONTEXT = new Uint8Array();

/** One value. `h` is the hash that names the epoch. */
export function deriveExport(
  crypto: Crypto,
  secret: Uint8Array,
  h: Uint8Array,
  kind: LabelKind,
  context: Uint8Array = NO_CONTEXT,
): Uint8Array {
  return crypto.hkdf256Expand(secret, concat(label(kind), h, context), EXPORT_BYTES);
}

/** The values of one epoch that rooms above asked for. */
export class ExportedValues implements Disposable {
  readonly #values = new Map<string, Uint8Array>();

  constructor(crypto: Crypto, secret: Uint8Array, h: Uint8Array, requests: readonly ExportRequest[]) {
    for (const { label: kind, context = NO_CONTEXT } of requests)
      this.#values.set(nameOf(kind, context), deriveExport(crypto, secret, h, kind, context));
  }

  /** @throws OOTO_CHANNEL_EXPORT (caller) for a value that was not asked for when the channel was made. */
  value(kind: LabelKind, context: Uint8Array = NO_CONTEXT): Uint8Array {
    const value = this.#values.get(nameOf(kind, context));
    if (!value)
      throw new OotoError('OOTO_CHANNEL_EXPORT', 'caller', `no value was exported for "${kind}"`, {
        hint: 'name it in the exports of the channel: the secret is overwritten when an epoch begins',
      });
    return value.slice();
  }

  [Symbol.dispose](): void {
    wipe(...this.#values.values());
    this.#values.clear();
  }
}

function nameOf(kind: LabelKind, context: Uint8Array): string {
  return `${kind}\0${hex(context)}`;
}
