/** Texts joined to one. What flows through here: parts in order; out comes one array, in memory that served before. */
import type { Hardware } from '../ports.ts';

export function join({ memory }: Hardware, parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = memory ? memory(length) : new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
