/**
 * Proof against the authority. What flows through here: two mesh heads that carry one number and name different
 * versions are kept as they were signed, at most so many, and are shown to the operator until he takes them away.
 */
import type { MeshHead } from '../authority/head.ts';
import { hex } from '../base/hex.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { bytesBetween, fields, uint } from '../envelope/fields.ts';
import type { Logger, Store } from '../ports.ts';

/** Where they are kept. */
export const HEAD_FORKS = { from: 'evidence/head-fork/', to: 'evidence/head-fork0' } as const;
const MOST_FORKS = 64;
const MOST_BYTES = 16 * 1024;
const encodedHead = bytesBetween(1, 4 * 1024);

export interface HeadFork {
  number: number;
  /** SHA-256 of both signed heads, in hexadecimal. */
  heads: [string, string];
}

export class HeadForks {
  readonly #crypto: Crypto;
  readonly #store: Store;
  readonly #logger: Logger;

  constructor({ crypto, store, logger }: { crypto: Crypto; store: Store; logger: Logger }) {
    this.#crypto = crypto;
    this.#store = store;
    this.#logger = logger;
  }

  /** Keeps the first contradiction of a number. */
  keep(known: MeshHead, shown: MeshHead): void {
    const key = `${HEAD_FORKS.from}${String(known.number).padStart(16, '0')}`;
    this.#logger.log('error', 'two mesh heads contradict each other', { number: known.number });
    if (this.#store.get(key) || this.#store.range(HEAD_FORKS.from, HEAD_FORKS.to).length >= MOST_FORKS)
      return;
    const value = encode({ number: known.number, known: known.encoded, shown: shown.encoded });
    this.#store
      .commit([{ put: key, value }])
      .catch((error) => this.#logger.log('error', 'contradicting heads were not stored', { error }));
  }

  get all(): HeadFork[] {
    return this.#store.range(HEAD_FORKS.from, HEAD_FORKS.to).map(({ value }) => {
      const { number, known, shown } = keptHeads(value);
      return { number, heads: [this.#digest(known), this.#digest(shown)] };
    });
  }

  #digest(head: Uint8Array): string {
    return hex(this.#crypto.sha256(head));
  }
}

/** Two signed heads as they are kept. */
export function keptHeads(value: Uint8Array): { number: number; known: Uint8Array; shown: Uint8Array } {
  const shape = { number: uint(), known: encodedHead, shown: encodedHead } as const;
  return fields(decode(value, { maxBytes: MOST_BYTES }), shape);
}
