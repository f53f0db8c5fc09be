/**
 * Keys of AES-256-GCM between JavaScript and the core's few key slots. What flows through here: a caller
 * prepares a key and keeps it as long as it likes; the key is expanded into a slot when first used, loses the
 * slot when more keys are in use than there are slots, and gets another at its next use. Release wipes both.
 */
import { wipe } from '../base/disposal.ts';
import { OotoError } from '../base/errors.ts';
import type { Engine } from './engine.ts';

const KEY_BYTES = 32;
const KEY_SLOTS = 64;
const NO_SLOT = -1;

/** A key that stands ready; made and released by {@link KeySlots}. */
export interface PreparedKey {
  /** The raw key. Engines outside the core take it from {@link KeySlots.bytesOf}. */
  readonly bytes: Uint8Array;
  /** Where it stands expanded at the moment, or -1. */
  slot: number;
  released: boolean;
}

export class KeySlots {
  readonly #engine: Engine;
  readonly #holders: (PreparedKey | undefined)[] = Array.from({ length: KEY_SLOTS });
  readonly #free = Array.from({ length: KEY_SLOTS }, (_, slot) => KEY_SLOTS - 1 - slot);
  #next = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Takes a copy of `key`. @throws OOTO_CRYPTO_KEY (caller) unless it has 32 bytes. */
  prepare(key: Uint8Array): PreparedKey {
    if (key.length !== KEY_BYTES)
      throw new OotoError('OOTO_CRYPTO_KEY', 'caller', `a key of ${key.length} bytes, expected ${KEY_BYTES}`);
    // Memory of its own from the start: the runtime moves a short array when an engine outside first asks for its memory,
    // and the copy left behind would not be overwritten.
    const bytes = new Uint8Array(new ArrayBuffer(KEY_BYTES));
    bytes.set(key);
    return { bytes, slot: NO_SLOT, released: false };
  }

  /** The raw key, for an engine outside the core. @throws OOTO_CRYPTO_RELEASED (caller). */
  bytesOf(key: PreparedKey): Uint8Array {
    if (key.released)
      throw new OotoError('OOTO_CRYPTO_RELEASED', 'caller', 'the key was released and cannot be used again');
    return key.bytes;
  }

  /** The slot in which `key` stands, expanded now if need be. @throws OOTO_CRYPTO_RELEASED (caller). */
  slotOf(key: PreparedKey): number {
    if (key.slot !== NO_SLOT) return key.slot;
    const bytes = this.bytesOf(key);
    const slot = this.#free.pop() ?? this.#evict();
    this.#engine.input.set(bytes);
    this.#engine.exports.gcmSetKey(slot);
    this.#holders[slot] = key;
    key.slot = slot;
    return slot;
  }

  /** Wipes `key` here and in the core; harmless when repeated. */
  release(key: PreparedKey): void {
    wipe(key.bytes);
    key.released = true;
    if (key.slot === NO_SLOT) return;
    this.#engine.exports.gcmWipeKey(key.slot);
    this.#holders[key.slot] = undefined;
    this.#free.push(key.slot);
    key.slot = NO_SLOT;
  }

  /** Takes the slots in turn; the next key overwrites all of the slot. */
  #evict(): number {
    const slot = this.#next;
    this.#next = (slot + 1) % KEY_SLOTS;
    const holder = this.#holders[slot];
    if (holder) holder.slot = NO_SLOT;
    return slot;
  }
}
