/**
 * Many messages in the input area at once, as assembly/sha256-lanes.ts reads them: their lengths (u32 each), then
 * the messages back to back. What flows through here: as many messages of an array as fit are written, each
 * behind an optional prefix byte; the caller runs an operation on them, then wipes, then writes the next.
 */
import type { Engine } from './engine.ts';

/** Messages of one list at most; their digests fit the output area. */
const COUNT_MOST = 16_384;
const LENGTH_BYTES = 4;

export class MessageList {
  readonly #input: Uint8Array;
  readonly #words: Uint32Array;
  readonly #offset: number;
  #end: number;

  /** A list that begins `offset` bytes into the input area; a multiple of four. */
  constructor({ input }: Engine, offset = 0) {
    this.#input = input;
    this.#words = new Uint32Array(input.buffer, input.byteOffset, input.length >>> 2);
    this.#offset = offset;
    this.#end = offset;
  }

  /** Writes messages from index `from` on and returns their number: 0 when the first alone is longer than the area. */
  write(messages: readonly Uint8Array[], from: number, prefix?: number): number {
    const prefixBytes = prefix === undefined ? 0 : 1;
    const count = this.#fitting(messages, from, prefixBytes);
    let at = this.#offset + count * LENGTH_BYTES;
    for (let i = 0, word = this.#offset >>> 2; i < count; i++, word++) {
      const message = messages[from + i];
      this.#words[word] = message.length + prefixBytes;
      if (prefix !== undefined) this.#input[at++] = prefix;
      this.#input.set(message, at);
      at += message.length;
    }
    this.#end = at;
    return count;
  }

  /** Overwrites everything from the start of the area to the end of the list. */
  wipe(): void {
    this.#input.fill(0, 0, this.#end);
  }

  #fitting(messages: readonly Uint8Array[], from: number, prefixBytes: number): number {
    const most = Math.min(messages.length - from, COUNT_MOST);
    let room = this.#input.length - this.#offset;
    let count = 0;
    while (count < most) {
      room -= messages[from + count].length + prefixBytes + LENGTH_BYTES;
      if (room < 0) break;
      count++;
    }
    return count;
  }
}
