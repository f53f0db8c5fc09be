/**
 * Words in results. What flows through here: the bytes of a word become text where they are UTF-8. Where they are
 * not, `escaped` is true, every byte that is no part of a character reads `\xNN`, and a backslash reads `\\`.
 * Of a word longer than 1 KiB the first 1 KiB is shown, up to its last whole character, with length and digest.
 */
import { hex } from '../base/hex.ts';
import type { KeyedWord } from './word-key.ts';

export interface TopWord {
  word: string;
  count: number;
  /** The bytes are no UTF-8. */
  escaped?: true;
  /** Of a word longer than 1 KiB: its length. `word` is its beginning. */
  bytes?: number;
  /** Of such a word: the RFC 6962 root of its blocks of 64 KiB, in hexadecimal. */
  root?: string;
}

export function showWord({ prefix, long }: KeyedWord, count: number): TopWord {
  const text = decoded(prefix, { cut: long !== undefined });
  return {
    word: text ?? escaped(prefix),
    count,
    ...(text === undefined && { escaped: true as const }),
    ...(long && { bytes: long.bytes, root: hex(long.root) }),
  };
}

/** `cut` says that the bytes may end inside a character, which is left out. */
function decoded(bytes: Uint8Array, { cut }: { cut: boolean }): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: cut });
  } catch {
    return undefined;
  }
}

function escaped(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = characterBytes(bytes[at]);
    const character = decoded(bytes.subarray(at, at + length), { cut: false });
    if (character === '\\') text += '\\\\';
    else text += character ?? `\\x${hex(bytes.subarray(at, at + 1))}`;
    at += character === undefined ? 1 : length;
  }
  return text;
}

/** How many bytes a character has that begins with `lead` (RFC 3629 section 3). */
function characterBytes(lead: number): number {
  if (lead >= 0xf0) return 4;
  if (lead >= 0xe0) return 3;
  return lead >= 0xc0 ? 2 : 1;
}
