/**
 * What has been seen of each originator's sequences. What flows through here: a definition comes, and is new,
 * known, or behind what was seen; what is new becomes one store change, to be committed before anything is done
 * for it. An old definition can so never be played again, at the scheduler or at a node, after any restart.
 */
import { concat, equal, lengthPrefixed, utf8 } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { bytes, fields, uint } from '../envelope/fields.ts';
import type { Store, StoreChange } from '../ports.ts';
import type { VerifiedDefinition } from './definition.ts';

const entryShape = { sequence: uint(), definition: bytes(32) } as const;

export class SequenceLedger {
  readonly #crypto: Crypto;
  readonly #store: Pick<Store, 'get'>;
  readonly #prefix: string;
  /** What has been admitted since the start, whether its change has been committed yet or not. */
  readonly #recent = new Map<string, Uint8Array>();

  /** Entries are kept under keys that begin with `prefix`. */
  constructor(crypto: Crypto, store: Pick<Store, 'get'>, prefix: string) {
    this.#crypto = crypto;
    this.#store = store;
    this.#prefix = prefix;
  }

  /** @throws OOTO_WORKLOAD_SEQUENCE (peer) when a later definition, or another under the same number, has been seen. */
  requireNotBehind({ originator, name, sequence, digest }: VerifiedDefinition): void {
    const stored = this.#stored(this.#key(originator, name));
    if (!stored) return;
    const seen = fields(decode(stored, { maxBytes: 256 }), entryShape, 'sequence');
    if (sequence < seen.sequence)
      throw refuse(`sequence ${sequence} of "${name}" comes after ${seen.sequence} has been seen`);
    if (sequence === seen.sequence && !equal(digest, seen.definition))
      throw refuse(`sequence ${sequence} of "${name}" has been seen with another definition`);
  }

  /** The change that remembers `definition`; none when it is the newest known already. */
  remember({ originator, name, sequence, digest }: VerifiedDefinition): StoreChange[] {
    const key = this.#key(originator, name);
    const value = encode({ sequence, definition: digest });
    const stored = this.#stored(key);
    if (stored && equal(stored, value)) return [];
    this.#recent.set(key, value);
    return [{ put: key, value }];
  }

  #stored(key: string): Uint8Array | undefined {
    return this.#recent.get(key) ?? this.#store.get(key);
  }

  #key(originator: string, name: string): string {
    const names = concat(lengthPrefixed(utf8(originator)), lengthPrefixed(utf8(name)));
    return `${this.#prefix}${hex(this.#crypto.sha256(names))}`;
  }
}

function refuse(message: string): OotoError {
  return new OotoError('OOTO_WORKLOAD_SEQUENCE', 'peer', message);
}
