/**
 * SHA-256 in the core. What flows through here: one message, in as many parts and pieces as it takes, or many
 * messages at once; digests come out in arrays of their own, or one after the other in the caller's. Both areas are
 * wiped after each call.
 */
import { DIGEST_BYTES, moveDigests, requireRoom, takeDigest, takeDigests } from './digest.ts';
import type { Engine } from './engine.ts';
import { MessageList } from './message-list.ts';

export interface CoreSha256 {
  /** The digest of `parts`, one after the other; of any length. */
  hash(...parts: readonly Uint8Array[]): Uint8Array;
  /** The digests of `messages`, each behind the byte `prefix` where one is given. */
  many(messages: readonly Uint8Array[], prefix?: number): Uint8Array[];
  /** The same to `digests`, 32 bytes each. @throws OOTO_CORE_DIGEST (caller) unless it has that length. */
  manyInto(messages: readonly Uint8Array[], digests: Uint8Array, prefix?: number): void;
}

export function createCoreSha256(engine: Engine): CoreSha256 {
  const { exports, input } = engine;
  const list = new MessageList(engine);

  const hashOne = (message: Uint8Array): Uint8Array => {
    input.set(message);
    exports.sha256Hash(message.length);
    input.fill(0, 0, message.length);
    return takeDigest(engine);
  };

  const hash = (...parts: readonly Uint8Array[]): Uint8Array => {
    if (parts.length === 1 && parts[0].length <= input.length) return hashOne(parts[0]);
    exports.sha256Start();
    for (const part of parts) absorb(engine, part);
    exports.sha256Finish();
    return takeDigest(engine);
  };

  /** Hashes as many messages from `from` on as one list takes, to the output area; 0 when the first is too long for it. */
  const hashList = (messages: readonly Uint8Array[], from: number, prefix: number | undefined): number => {
    const count = list.write(messages, from, prefix);
    if (count === 0) return 0;
    exports.sha256Many(count);
    list.wipe();
    return count;
  };

  const many = (messages: readonly Uint8Array[], prefix?: number): Uint8Array[] => {
    const digests: Uint8Array[] = [];
    while (digests.length < messages.length) {
      const count = hashList(messages, digests.length, prefix);
      if (count === 0) digests.push(hash(...behind(prefix, messages[digests.length])));
      else takeDigests(engine, count, digests);
    }
    return digests;
  };

  const manyInto = (messages: readonly Uint8Array[], digests: Uint8Array, prefix?: number): void => {
    requireRoom(digests, messages.length);
    for (let from = 0; from < messages.length; ) {
      const count = hashList(messages, from, prefix);
      if (count === 0) digests.set(hash(...behind(prefix, messages[from])), from * DIGEST_BYTES);
      else moveDigests(engine, count, digests, from);
      from += Math.max(1, count);
    }
  };

  return { hash, many, manyInto };
}

/**
 * Hashes one part, in pieces of the input area. No view is made of a part that is one piece: where it is short and
 * secret the runtime would move its bytes for that, and leave a copy behind that nobody can overwrite.
 */
function absorb({ exports, input }: Engine, part: Uint8Array): void {
  for (let from = 0; from < part.length; from += input.length) {
    const piece = part.length <= input.length ? part : part.subarray(from, from + input.length);
    input.set(piece);
    exports.sha256Update(piece.length);
    input.fill(0, 0, piece.length);
  }
}

function behind(prefix: number | undefined, message: Uint8Array): Uint8Array[] {
  return prefix === undefined ? [message] : [Uint8Array.of(prefix), message];
}
