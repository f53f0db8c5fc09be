/**
 * Many messages of AES-256-GCM under one key (`assembly/gcm-many.ts` has the formats). What flows through here: runs
 * of short messages, as many as fit the areas, go through the core with one call; a long one goes alone. Results
 * stand in `into`, one after the other.
 */
import { type CoreAes256Gcm, TAG_BYTES } from './aes256gcm.ts';
import type { Engine } from './engine.ts';
import type { KeySlots, PreparedKey } from './key-slots.ts';

const DESCRIPTOR_BYTES = 24;
const DESCRIPTOR_WORDS = DESCRIPTOR_BYTES / 4;
/** Where the iv stands in a descriptor. */
const IV_AT = 8;
/** The longest text whose counter blocks fit the keystream window of the core. */
const SHORT_BYTES = 255 * 16;

export interface GcmText {
  iv: Uint8Array;
  aad: Uint8Array;
  /** Plaintext to seal, or ciphertext and tag to open. */
  text: Uint8Array;
}

export interface CoreAes256GcmMany {
  /** Ciphertext and tag of each, from the beginning of `into` on; returns the bytes written. */
  seal(key: PreparedKey, messages: readonly GcmText[], into: Uint8Array): number;
  /**
   * The plaintexts, from the beginning of `into` on; returns the bytes written. Undefined when any message is not
   * authentic; then what was written is wiped.
   */
  open(key: PreparedKey, messages: readonly GcmText[], into: Uint8Array): number | undefined;
}

export function createCoreAes256GcmMany(
  engine: Engine,
  slots: KeySlots,
  single: CoreAes256Gcm,
): CoreAes256GcmMany {
  const { exports, input, output } = engine;
  const words = new Uint32Array(input.buffer, input.byteOffset, input.length / 4);

  /** Lays messages `first` to `end` into the input area; `overhead` is what of a text is tag. */
  const lay = (messages: readonly GcmText[], first: number, end: number, overhead: number): void => {
    let at = (end - first) * DESCRIPTOR_BYTES;
    for (let i = first, word = 0; i < end; i++, word += DESCRIPTOR_WORDS) {
      const { iv, aad, text } = messages[i];
      words[word] = text.length - overhead;
      words[word + 1] = aad.length;
      input.set(iv, word * 4 + IV_AT);
      input.set(aad, at);
      input.set(text, at + aad.length);
      at += aad.length + text.length;
    }
  };

  const seal: CoreAes256GcmMany['seal'] = (key, messages, into) => {
    const slot = slots.slotOf(key);
    let at = 0;
    for (let first = 0; first < messages.length; ) {
      const { end, bytes } = runOf(messages, first, 0, input.length);
      if (end === first) {
        const { iv, aad, text } = messages[first++];
        single.seal(key, iv, aad, text, into.subarray(at, at + text.length + TAG_BYTES));
        at += text.length + TAG_BYTES;
      } else {
        lay(messages, first, end, 0);
        exports.gcmSealMany(slot, end - first);
        const written = bytes + (end - first) * TAG_BYTES;
        into.set(output.subarray(0, written), at);
        at += written;
        first = end;
      }
    }
    return at;
  };

  const open: CoreAes256GcmMany['open'] = (key, messages, into) => {
    const slot = slots.slotOf(key);
    let at = 0;
    const refuse = (): undefined => void into.fill(0, 0, at);
    for (let first = 0; first < messages.length; ) {
      const { end, bytes } = runOf(messages, first, TAG_BYTES, input.length);
      if (end === first) {
        const { iv, aad, text } = messages[first++];
        if (text.length < TAG_BYTES) return refuse();
        const to = into.subarray(at, at + text.length - TAG_BYTES);
        if (single.open(key, iv, aad, text, to) === undefined) return refuse();
        at += to.length;
      } else {
        lay(messages, first, end, TAG_BYTES);
        if (exports.gcmOpenMany(slot, end - first) >= 0) return refuse();
        into.set(output.subarray(0, bytes), at);
        exports.wipeOutput(bytes);
        at += bytes;
        first = end;
      }
    }
    return at;
  };

  return { seal, open };
}

/** The run of short messages from `first` on that fits the areas together, and the bytes of its texts without tags. */
function runOf(
  messages: readonly GcmText[],
  first: number,
  overhead: number,
  areaBytes: number,
): { end: number; bytes: number } {
  let [end, bytes, room] = [first, 0, areaBytes];
  for (; end < messages.length; end++) {
    const { aad, text } = messages[end];
    const length = text.length - overhead;
    room -= DESCRIPTOR_BYTES + aad.length + length + TAG_BYTES;
    if (length < 0 || length > SHORT_BYTES || room < 0) break;
    bytes += length;
  }
  return { end, bytes };
}
