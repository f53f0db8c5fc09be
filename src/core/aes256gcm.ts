/**
 * AES-256-GCM in the core (NIST SP 800-38D; 96-bit iv, 128-bit tag). What flows through here: a prepared key
 * and a message; what fits the areas is one call, what is longer goes through in pieces. Areas are wiped where
 * plaintext stood.
 */
import type { Engine } from './engine.ts';
import type { KeySlots, PreparedKey } from './key-slots.ts';

export const IV_BYTES = 12;
export const TAG_BYTES = 16;
const PIECE_BYTES = 1 << 20;

export interface CoreAes256Gcm {
  /** Ciphertext, then the tag. */
  seal(key: PreparedKey, iv: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** The plaintext, or undefined when the tag does not match. */
  open(key: PreparedKey, iv: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

export function createCoreAes256Gcm(engine: Engine, slots: KeySlots): CoreAes256Gcm {
  return {
    seal(key, iv, aad, plaintext) {
      const slot = slots.slotOf(key);
      return fits(engine, aad, plaintext.length)
        ? sealWhole(engine, slot, iv, aad, plaintext)
        : sealPieces(engine, slot, iv, aad, plaintext);
    },
    open(key, iv, aad, sealed) {
      if (sealed.length < TAG_BYTES) return undefined;
      const slot = slots.slotOf(key);
      return fits(engine, aad, sealed.length - TAG_BYTES)
        ? openWhole(engine, slot, iv, aad, sealed)
        : openPieces(engine, slot, iv, aad, sealed);
    },
  };
}

function fits({ input }: Engine, aad: Uint8Array, length: number): boolean {
  return IV_BYTES + aad.length + length + TAG_BYTES <= input.length;
}

/** Lays `iv ‖ aad ‖ text` into the input area; returns where it ends. */
function layMessage({ input }: Engine, iv: Uint8Array, aad: Uint8Array, text: Uint8Array): number {
  input.set(iv);
  input.set(aad, IV_BYTES);
  input.set(text, IV_BYTES + aad.length);
  return IV_BYTES + aad.length + text.length;
}

function sealWhole(
  engine: Engine,
  slot: number,
  iv: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const end = layMessage(engine, iv, aad, plaintext);
  engine.exports.gcmSeal(slot, aad.length, plaintext.length);
  engine.exports.wipeInput(end);
  return engine.output.slice(0, plaintext.length + TAG_BYTES);
}

function openWhole(
  engine: Engine,
  slot: number,
  iv: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const length = sealed.length - TAG_BYTES;
  layMessage(engine, iv, aad, sealed);
  if (!engine.exports.gcmOpen(slot, aad.length, length)) return undefined;
  const plaintext = engine.output.slice(0, length);
  engine.exports.wipeOutput(length);
  return plaintext;
}

function sealPieces(
  engine: Engine,
  slot: number,
  iv: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
  begin(engine, slot, iv, aad);
  eachPiece(engine, plaintext, (length, at) => {
    engine.exports.gcmSealPiece(length);
    sealed.set(engine.output.subarray(0, length), at);
  });
  engine.exports.gcmFinishSeal();
  sealed.set(engine.output.subarray(0, TAG_BYTES), plaintext.length);
  return sealed;
}

function openPieces(
  engine: Engine,
  slot: number,
  iv: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const end = sealed.length - TAG_BYTES;
  const plaintext = new Uint8Array(end);
  begin(engine, slot, iv, aad);
  eachPiece(engine, sealed.subarray(0, end), (length, at) => {
    engine.exports.gcmOpenPiece(length);
    plaintext.set(engine.output.subarray(0, length), at);
    engine.exports.wipeOutput(length);
  });
  engine.input.set(sealed.subarray(end));
  if (engine.exports.gcmFinishOpen()) return plaintext;
  plaintext.fill(0);
  return undefined;
}

function begin(engine: Engine, slot: number, iv: Uint8Array, aad: Uint8Array): void {
  engine.input.set(iv);
  engine.exports.gcmBegin(slot);
  eachPiece(engine, aad, (length) => engine.exports.gcmAddAad(length));
}

/** Brings `bytes` into the input area piece by piece, and wipes it after each use. */
function eachPiece(
  { exports, input }: Engine,
  bytes: Uint8Array,
  use: (length: number, at: number) => void,
): void {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const piece = bytes.subarray(at, at + PIECE_BYTES);
    input.set(piece);
    use(piece.length, at);
    exports.wipeInput(piece.length);
  }
}
