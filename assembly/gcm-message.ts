/**
 * AES-GCM (NIST SP 800-38D section 7) for one message whose counter blocks fit the keystream window, and in
 * pieces for one of any length. What flows through here: the first keystream block masks the tag, the others
 * cover the text; ciphertext is hashed with the additional data; tags are compared without a branch on where
 * they differ. An opened short message is decrypted only once its tag is right.
 */
import { absorb, absorbLengths, beginHash, finishHash } from './ghash';
import { slotSchedule, slotTables } from './key-slots';
import { beginStream, combine, finishStream, windowBlock, wipeWindow, WINDOW_BLOCKS } from './keystream';

export const TAG_BYTES: i32 = 16;

/** Keystream blocks of a text: one for the tag, then the text's. */
// @ts-ignore: decorator
@inline export function blocksOf(length: i32): i32 {
  return 1 + ((length + 15) >>> 4);
}

/** Seals with the keystream at `stream`; the tag follows the ciphertext. `from` and `to` must not overlap. */
export function sealShort(
  tables: usize, stream: usize, aad: usize, aadLength: i32, from: usize, to: usize, length: i32,
): void {
  combine(stream + 16, from, to, length);
  v128.store(to + length, tagOf(tables, stream, aad, aadLength, to, length));
}

/** Opens `length` bytes that a tag follows, with the keystream at `stream`. Whether the tag was right. */
export function openShort(
  tables: usize, stream: usize, aad: usize, aadLength: i32, from: usize, to: usize, length: i32,
): bool {
  if (!sameTag(tagOf(tables, stream, aad, aadLength, from, length), from + length)) return false;
  combine(stream + 16, from, to, length);
  return true;
}

function tagOf(tables: usize, stream: usize, aad: usize, aadLength: i32, text: usize, length: i32): v128 {
  beginHash();
  absorb(tables, aad, aadLength);
  absorb(tables, text, length);
  absorbLengths(tables, aadLength, length);
  return v128.xor(finishHash(tables), v128.load(stream));
}

/** Looks at all sixteen bytes whatever they are. */
function sameTag(tag: v128, expected: usize): bool {
  return !v128.any_true(v128.xor(tag, v128.load(expected)));
}

/** The message in progress; one at a time. */
const IV: usize = memory.data(16, 16);
const MASK: usize = memory.data(16, 16);
let schedule: usize = 0;
let tables: usize = 0;
let counter: u32 = 0;
let aadBytes: u64 = 0;
let textBytes: u64 = 0;

/** Begins a message under the key of `slot`. */
// @ts-ignore: decorator
@inline
export function beginMessage(slot: i32, iv: v128): void {
  schedule = slotSchedule(slot);
  tables = slotTables(slot);
  aadBytes = 0;
  textBytes = 0;
  counter = 2;
  v128.store(IV, iv);
  beginStream(schedule, 0, iv, 1, 1);
  finishStream(schedule, 1);
  v128.store(MASK, v128.load(windowBlock(0)));
  beginHash();
}

/** Adds additional data; every piece but the last is a multiple of 16 bytes, and all come before the text. */
export function addAad(at: usize, length: i32): void {
  assert(schedule != 0 && textBytes == 0 && (aadBytes & 15) == 0, "additional data out of turn");
  absorb(tables, at, length);
  aadBytes += length;
}

/** Seals or opens a piece of text; every piece but the last is a multiple of 16 bytes. */
export function addText(from: usize, to: usize, length: i32, sealing: bool): void {
  assert(schedule != 0 && (textBytes & 15) == 0, "text out of turn");
  textBytes += length;
  while (length > 0) {
    const part = min(length, 16 * WINDOW_BLOCKS);
    const blocks = (part + 15) >>> 4;
    beginStream(schedule, 0, v128.load(IV), counter, blocks);
    finishStream(schedule, blocks);
    if (!sealing) absorb(tables, from, part);
    combine(windowBlock(0), from, to, part);
    if (sealing) absorb(tables, to, part);
    counter += blocks;
    from += part;
    to += part;
    length -= part;
  }
}

/** Ends the message: its tag. Nothing of the message stays. */
export function finishMessage(): v128 {
  assert(schedule != 0, "no message in progress");
  absorbLengths(tables, aadBytes, textBytes);
  const tag = v128.xor(finishHash(tables), v128.load(MASK));
  v128.store(MASK, i8x16.splat(0));
  wipeWindow();
  schedule = 0;
  return tag;
}

/** Ends the message: whether its tag is the one at `expected`. */
export function finishMessageWith(expected: usize): bool {
  return sameTag(finishMessage(), expected);
}
