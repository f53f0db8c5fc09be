/**
 * SHA-512 in the core. What flows through here: one message, in as many pieces as the input area makes of it; the
 * digest comes out in an array of its own. Both areas are wiped after each call.
 */
import type { Engine } from './engine.ts';

const DIGEST_BYTES = 64;

export interface CoreSha512 {
  /** The digest of `parts`, one after the other; of any length. */
  hash(...parts: readonly Uint8Array[]): Uint8Array;
}

export function createCoreSha512(engine: Engine): CoreSha512 {
  const { exports, output } = engine;
  return {
    hash(...parts) {
      exports.sha512Start();
      for (const part of parts) updateSha512(engine, part);
      exports.sha512Finish();
      const digest = output.slice(0, DIGEST_BYTES);
      output.fill(0, 0, DIGEST_BYTES);
      return digest;
    },
  };
}

/** Gives `message` to the SHA-512 stream that runs in the core, in pieces of the input area, wiped behind it. */
export function updateSha512({ exports, input }: Engine, message: Uint8Array): void {
  for (let from = 0; from < message.length; from += input.length) {
    const piece =
      from === 0 && message.length <= input.length ? message : message.subarray(from, from + input.length);
    input.set(piece);
    exports.sha512Update(piece.length);
    input.fill(0, 0, piece.length);
  }
}
