/**
 * Many messages of AES-256-GCM under one prepared key. What flows through here: runs of short messages go to the
 * core with one call, a long one goes to the platform's hardware; results stand one after the other. Opening is
 * all or nothing.
 */
import { wipe } from '../base/disposal.ts';
import type { GcmText } from '../core/aes256gcm-many.ts';
import type { PreparedKey } from '../core/key-slots.ts';
import type { Hardware } from '../ports.ts';
import {
  type GcmEngines,
  notAuthentic,
  requireIv,
  requireLength,
  sealOnHardware,
  TAG_BYTES,
} from './aes256gcm-message.ts';
import type { GcmMessage, SealedGcmMessage } from './crypto.ts';

/** Whether the hardware takes a plaintext of this length. */
type OnHardware = (length: number) => boolean;

export function sealMany(
  engines: GcmEngines,
  key: PreparedKey,
  messages: readonly GcmMessage[],
  onHardware: OnHardware,
  into?: Uint8Array,
): Uint8Array {
  const texts = messages.map(({ iv, aad, plaintext }) => ({ iv, aad, text: plaintext }));
  const sealed = roomFor(texts, TAG_BYTES, into);
  let at = 0;
  for (let i = 0; i < texts.length; ) {
    const end = endOfRun(texts, i, (length) => onHardware(length));
    if (end > i) at += engines.core.aes256gcmMany.seal(key, texts.slice(i, end), sealed.subarray(at));
    else {
      const to = sealed.subarray(at, at + texts[i].text.length + TAG_BYTES);
      sealOnHardware(engines, key, texts[i], to);
      at += to.length;
    }
    i = Math.max(end, i + 1);
  }
  return sealed;
}

export function openMany(
  { core, hardware }: GcmEngines,
  key: PreparedKey,
  messages: readonly SealedGcmMessage[],
  onHardware: OnHardware,
  into?: Uint8Array,
): Uint8Array {
  const texts = messages.map(({ iv, aad, sealed }) => ({ iv, aad, text: sealed }));
  if (texts.some(({ text }) => text.length < TAG_BYTES)) throw notAuthentic('a message');
  const opened = roomFor(texts, -TAG_BYTES, into);
  let at = 0;
  for (let i = 0; i < texts.length; ) {
    const end = endOfRun(texts, i, (length) => onHardware(length - TAG_BYTES));
    const bytes =
      end > i
        ? core.aes256gcmMany.open(key, texts.slice(i, end), opened.subarray(at))
        : openOnHardware(core.keys.bytesOf(key), hardware, texts[i], opened.subarray(at));
    if (bytes === undefined) {
      wipe(opened.subarray(0, at));
      throw notAuthentic('a message');
    }
    at += bytes;
    i = Math.max(end, i + 1);
  }
  return opened;
}

/** Opens one message to the beginning of `to`; returns its length, or undefined when it is not authentic. */
function openOnHardware(
  key: Uint8Array,
  { aes256gcmOpen }: Hardware,
  { iv, aad, text }: GcmText,
  to: Uint8Array,
): number | undefined {
  const length = text.length - TAG_BYTES;
  return aes256gcmOpen!(key, iv, aad, text, to.subarray(0, length)) && length;
}

/** One past the last of the messages from `first` on that the core takes; `first` when the hardware takes it. */
function endOfRun(texts: readonly GcmText[], first: number, onHardware: OnHardware): number {
  let end = first;
  while (end < texts.length && !onHardware(texts[end].text.length)) end++;
  return end;
}

/** Where the results go, each `overhead` bytes longer than its text. @throws OOTO_CRYPTO_IV, OOTO_CRYPTO_LENGTH (caller). */
function roomFor(texts: readonly GcmText[], overhead: number, into: Uint8Array | undefined): Uint8Array {
  let bytes = 0;
  for (const { iv, text } of texts) {
    requireIv(iv);
    bytes += text.length + overhead;
  }
  requireLength(into, bytes);
  return into ?? new Uint8Array(bytes);
}
