/**
 * What the scheduler keeps of its jobs. What flows through here: definitions, attempt numbers and receipts become
 * store changes, and are read back after a restart; keys sort by definition, then chunk.
 */
import { hex } from '../base/hex.ts';
import { decode, encode } from '../envelope/cbor.ts';
import { bytesBetween, fields, uint } from '../envelope/fields.ts';
import type { Store, StoreChange } from '../ports.ts';
import { DEFINITION_BYTES_MOST, type VerifiedDefinition } from './definition.ts';

const JOBS = 'scheduler/job/';
const ATTEMPTS = 'scheduler/attempt/';
const RECEIPTS = 'scheduler/receipt/';
/** Behind every hexadecimal digit and every decimal one. */
const LAST = '~';
const PROOFS_BYTES_MOST = 1024 * 1024;

const jobShape = {
  envelope: bytesBetween(1, DEFINITION_BYTES_MOST),
  proofs: bytesBetween(0, PROOFS_BYTES_MOST),
} as const;

export class JobShelf {
  readonly #store: Pick<Store, 'range'>;

  constructor(store: Pick<Store, 'range'>) {
    this.#store = store;
  }

  jobs(): { envelope: Uint8Array; proofs: Uint8Array }[] {
    const maxBytes = DEFINITION_BYTES_MOST + PROOFS_BYTES_MOST + 64;
    return this.#store
      .range(JOBS, JOBS + LAST)
      .map(({ value }) => fields(decode(value, { maxBytes }), jobShape, 'job'));
  }

  attempts(definition: Uint8Array): { chunk: number; attempt: number }[] {
    return this.#below(ATTEMPTS, definition).map(({ key, value }) => ({
      chunk: chunkOf(key),
      attempt: uint()(decode(value, { maxBytes: 16 }), 'attempt'),
    }));
  }

  /** The chunks that have receipts, with these. */
  receipts(definition: Uint8Array): { chunk: number; receipt: Uint8Array }[] {
    return this.#below(RECEIPTS, definition).map(({ key, value }) => ({
      chunk: chunkOf(key),
      receipt: value,
    }));
  }

  putJob({ digest, envelope }: VerifiedDefinition, proofs: Uint8Array): StoreChange {
    return { put: `${JOBS}${hex(digest)}`, value: encode({ envelope, proofs }) };
  }

  putAttempt(definition: Uint8Array, chunk: number, attempt: number): StoreChange {
    return { put: keyOf(ATTEMPTS, definition, chunk), value: encode(attempt) };
  }

  putReceipt(definition: Uint8Array, chunk: number, receipt: Uint8Array): StoreChange {
    return { put: keyOf(RECEIPTS, definition, chunk), value: receipt };
  }

  dropReceipt(definition: Uint8Array, chunk: number): StoreChange {
    return { delete: keyOf(RECEIPTS, definition, chunk) };
  }

  /** Forgets all of a job. */
  drop(definition: Uint8Array): StoreChange[] {
    const kept = [...this.#below(ATTEMPTS, definition), ...this.#below(RECEIPTS, definition)];
    return [{ delete: `${JOBS}${hex(definition)}` }, ...kept.map(({ key }) => ({ delete: key }))];
  }

  #below(kind: string, definition: Uint8Array) {
    const prefix = `${kind}${hex(definition)}/`;
    return this.#store.range(prefix, prefix + LAST);
  }
}

function keyOf(kind: string, definition: Uint8Array, chunk: number): string {
  return `${kind}${hex(definition)}/${String(chunk).padStart(6, '0')}`;
}

function chunkOf(key: string): number {
  return Number(key.slice(key.lastIndexOf('/') + 1));
}
