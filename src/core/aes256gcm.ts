/**
 * AES-256-GCM in the core (NIST SP 800-38D; 96-bit iv, 128-bit tag). What flows through here: a prepared key
 * and a message; what fits the areas is one call, what is longer goes through in pieces. Results go to the array
 * `into`, of exactly their length. Areas are wiped where plaintext stood; the core itself does so after sealing.
 * Copies are the larger part of what JavaScript does here: none is made that need not be.
 */
import type { Engine } from './engine.ts';
import type { KeySlots, PreparedKey } from './key-slots.ts';

export const IV_BYTES = 12;
export const TAG_BYTES = 16;
const PIECE_BYTES = 1 << 20;

export interface CoreAes256Gcm {
  /** Ciphertext, then the tag. `into` may begin where the plaintext begins, and must not overlap it otherwise. */
  seal(
    key: PreparedKey,
    iv: Uint8Array,
    aad: Uint8Array,
    plaintext: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array;
  /** The plaintext, or undefined when the tag does not match; `into` is not touched then, or wiped. */
  open(
    key: PreparedKey,
    iv: Uint8Array,
    aad: Uint8Array,
    sealed: Uint8Array,
    into?: Uint8Array,
  ): Uint8Array | undefined;
}

export function createCoreAes256Gcm(engine: Engine, slots: KeySlots): CoreAes256Gcm {
  const { exports, input, output } = engine;
  let seen = output.subarray(0, 0);

  /** The first `length` bytes of the output; messages of one size in a row share the view. */
  const outputOf = (length: number): Uint8Array => {
    if (seen.length !== length) seen = output.subarray(0, length);
    return seen;
  };

  return {
    seal(key, iv, aad, plaintext, into = new Uint8Array(plaintext.length + TAG_BYTES)) {
      const slot = slots.slotOf(key);
      const { length } = plaintext;
      if (IV_BYTES + aad.length + length + TAG_BYTES > input.length)
        return sealPieces(engine, slot, iv, aad, plaintext, into);
      layMessage(input, iv, aad, plaintext);
      exports.gcmSeal(slot, aad.length, length);
      into.set(outputOf(length + TAG_BYTES));
      return into;
    },
    open(key, iv, aad, sealed, into) {
      const length = sealed.length - TAG_BYTES;
      if (length < 0) return undefined;
      const slot = slots.slotOf(key);
      const opened = into ?? new Uint8Array(length);
      if (IV_BYTES + aad.length + length + TAG_BYTES > input.length)
        return openPieces(engine, slot, iv, aad, sealed, opened);
      layMessage(input, iv, aad, sealed);
      if (!exports.gcmOpen(slot, aad.length, length)) return undefined;
      opened.set(outputOf(length));
      exports.wipeOutput(length);
      return opened;
    },
  };
}

/** Lays `iv ‖ aad ‖ text` into the input area. */
function layMessage(input: Uint8Array, iv: Uint8Array, aad: Uint8Array, text: Uint8Array): void {
  input.set(iv);
  input.set(aad, IV_BYTES);
  input.set(text, IV_BYTES + aad.length);
}

function sealPieces(
  engine: Engine,
  slot: number,
  iv: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
  into: Uint8Array,
): Uint8Array {
  begin(engine, slot, iv, aad);
  eachPiece(engine, plaintext, (length, at) => {
    engine.exports.gcmSealPiece(length);
    into.set(engine.output.subarray(0, length), at);
  });
  engine.exports.gcmFinishSeal();
  into.set(engine.output.subarray(0, TAG_BYTES), plaintext.length);
  return into;
}

function openPieces(
  engine: Engine,
  slot: number,
  iv: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
  into: Uint8Array,
): Uint8Array | undefined {
  const end = sealed.length - TAG_BYTES;
  begin(engine, slot, iv, aad);
  eachPiece(engine, sealed.subarray(0, end), (length, at) => {
    engine.exports.gcmOpenPiece(length);
    into.set(engine.output.subarray(0, length), at);
    engine.exports.wipeOutput(length);
  });
  engine.input.set(sealed.subarray(end));
  if (engine.exports.gcmFinishOpen()) return into;
  into.fill(0);
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
