/** A store in memory whose past can be looked at, and logs and witnesses over it with fixed keys. */
import { utf8 } from '../../../src/base/bytes.ts';
import type { Crypto } from '../../../src/crypto/crypto.ts';
import { Log, type LogHead, type NoteSigner } from '../../../src/log/index.ts';
import type { Store, StoreChange } from '../../../src/ports.ts';
import { testCrypto } from '../../support/crypto.ts';

export const crypto: Crypto = testCrypto();
export const ORIGIN = 'mesh.example/log/member-1';

export class MemoryStore {
  content: Map<string, Uint8Array>;

  constructor(content: Iterable<[string, Uint8Array]> = []) {
    this.content = new Map(content);
  }

  get(key: string): Uint8Array | undefined {
    return this.content.get(key)?.slice();
  }

  apply(changes: readonly StoreChange[]): void {
    for (const change of changes)
      if ('put' in change) this.content.set(change.put, change.value.slice());
      else this.content.delete(change.delete);
  }

  copy(): MemoryStore {
    return new MemoryStore([...this.content].map(([key, value]) => [key, value.slice()]));
  }
}

export function signerOf(fill: number): NoteSigner {
  const seed = new Uint8Array(32).fill(fill);
  return {
    publicKey: crypto.ed25519.publicKey(seed),
    sign: (message) => crypto.ed25519.sign(seed, message),
  };
}

export const LOG_SIGNER = signerOf(1);
export const LOG_KEY = { name: ORIGIN, publicKey: LOG_SIGNER.publicKey };
export const POLICY = { origin: ORIGIN, keys: [LOG_KEY] };

export function openLog(store: Pick<Store, 'get'>, anchor?: LogHead): Log {
  const options = { crypto, store, prefix: 'log/', origin: ORIGIN, signer: LOG_SIGNER };
  return new Log(anchor ? { ...options, anchor } : options);
}

/** Appends and commits in one step. */
export function grow(log: Log, store: MemoryStore, entries: readonly Uint8Array[]): string {
  const staged = log.stage(entries);
  store.apply(staged.changes);
  log.accept(staged);
  return staged.checkpoint;
}

export function entryAt(index: number): Uint8Array {
  return utf8(`entry ${index}`);
}

export function entriesFrom(from: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => entryAt(from + i));
}

/** A log of `size` entries in one commit. */
export function logOf(size: number): { log: Log; store: MemoryStore } {
  const store = new MemoryStore();
  const log = openLog(store);
  grow(log, store, entriesFrom(0, size));
  return { log, store };
}

const roots = new Map<number, Uint8Array>();

/** Of the first `size` entries, computed by `Crypto` from all of them. */
export function rootOf(size: number): Uint8Array {
  const known = roots.get(size);
  if (known) return known;
  const root = size === 0 ? crypto.sha256(new Uint8Array()) : crypto.merkle.root(entriesFrom(0, size));
  roots.set(size, root);
  return root;
}

export function flipped(bytes: Uint8Array, at: number, bit = 1): Uint8Array {
  const copy = bytes.slice();
  copy[at] ^= bit;
  return copy;
}
