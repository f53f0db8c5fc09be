/**
 * Many short messages under one key, each with its own iv and additional data. What flows through here: descriptors
 * (24 bytes each: u32 text length, u32 length of the additional data, little-endian, iv, four zero bytes), then of
 * each message `additional data ‖ text`, in the input area; the results, one after the other, in the output area. Each
 * message fits the keystream window; as many as fit it together are encrypted together.
 */
import { blocksOf, openShort, sealShort, TAG_BYTES } from './gcm-message';
import { slotSchedule, slotTables } from './key-slots';
import { beginStream, finishStream, ivBlock, windowBlock, wipeWindow, WINDOW_BLOCKS } from './keystream';
import { AREA_BYTES, inputArea, outputArea, wipeArea } from './memory';
import { DESCRIPTOR_BYTES, descriptor, endOfGroup, lengthOf } from './message-group';

/** Texts are plaintexts, and are wiped. Output: `ciphertext ‖ tag` of each. */
export function gcmSealMany(slot: i32, count: i32): void {
  requireRoom(count);
  let from = inputArea() + count * DESCRIPTOR_BYTES;
  let to = outputArea();
  for (let message: i32 = 0; message < count; ) {
    const end = layGroup(slot, message, count);
    for (let block: i32 = 0; message < end; message++) {
      const length = lengthOf(inputArea(), message);
      const aadLength = aadLengthOf(message);
      sealShort(slotTables(slot), windowBlock(block), from, aadLength, from + aadLength, to, length);
      block += blocksOf(length);
      from += aadLength + length;
      to += length + TAG_BYTES;
    }
  }
  wipeWindow();
  wipeArea(inputArea(), (from - inputArea()) as i32);
}

/**
 * Texts are `ciphertext ‖ tag`, their length the ciphertext's. Output: the plaintexts. Returns -1, or the number of
 * the first message that is not authentic; then nothing is left in the output.
 */
export function gcmOpenMany(slot: i32, count: i32): i32 {
  requireRoom(count);
  let from = inputArea() + count * DESCRIPTOR_BYTES;
  let to = outputArea();
  let bad: i32 = -1;
  for (let message: i32 = 0; message < count && bad < 0; ) {
    const end = layGroup(slot, message, count);
    for (let block: i32 = 0; message < end && bad < 0; message++) {
      const length = lengthOf(inputArea(), message);
      const aadLength = aadLengthOf(message);
      const text = from + aadLength;
      if (!openShort(slotTables(slot), windowBlock(block), from, aadLength, text, to, length)) bad = message;
      block += blocksOf(length);
      from = text + length + TAG_BYTES;
      to += length;
    }
  }
  wipeWindow();
  if (bad >= 0) wipeArea(outputArea(), (to - outputArea()) as i32);
  return bad;
}

// @ts-ignore: decorator
@inline function aadLengthOf(message: i32): i32 {
  return load<i32>(descriptor(inputArea(), message), 4);
}

/** The keystream of the messages from `first` on that fit the window; returns one past the last of them. */
function layGroup(slot: i32, first: i32, count: i32): i32 {
  const end = endOfGroup(inputArea(), first, count);
  let block: i32 = 0;
  for (let message = first; message < end; message++) {
    const blocks = blocksOf(lengthOf(inputArea(), message));
    beginStream(slotSchedule(slot), block, ivBlock(descriptor(inputArea(), message) + 8), 1, blocks);
    block += blocks;
  }
  finishStream(slotSchedule(slot), block);
  return end;
}

/** Everything that the descriptors promise must lie within the areas, and each message within the window. */
function requireRoom(count: i32): void {
  assert(count > 0 && count <= AREA_BYTES / DESCRIPTOR_BYTES, "count of messages outside the areas");
  let bytes = count * (DESCRIPTOR_BYTES + TAG_BYTES);
  for (let message: i32 = 0; message < count; message++) {
    const length = lengthOf(inputArea(), message);
    const aadLength = aadLengthOf(message);
    assert(length >= 0 && length <= 16 * (WINDOW_BLOCKS - 1), "message longer than the keystream window");
    assert(aadLength >= 0 && aadLength <= AREA_BYTES, "additional data longer than the areas");
    bytes += aadLength + length;
    assert(bytes <= AREA_BYTES, "messages longer than the areas");
  }
}
