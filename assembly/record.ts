/**
 * Records of a channel, many a call. What flows through here: descriptors (24 bytes each: u32 plaintext length,
 * u32 type, u32 epoch, u32 zero, u64 counter, little-endian) and plaintexts become frames
 * `u32be length ‖ type u8 ‖ epoch u32be ‖ counter u64be ‖ ciphertext ‖ tag`, and back. The 13 header bytes are
 * the additional data; the iv is four zero bytes and the counter. Records that fit the keystream window
 * together are encrypted together; a longer one goes alone.
 */
import {
  addAad, addText, beginMessage, blocksOf, finishMessage, finishMessageWith, openShort, sealShort, TAG_BYTES,
} from './gcm-message';
import { slotSchedule, slotTables } from './key-slots';
import { beginStream, finishStream, windowBlock, wipeWindow } from './keystream';
import { AREA_BYTES, inputArea, outputArea, wipeArea } from './memory';
import { DESCRIPTOR_BYTES, descriptor, endOfGroup, lengthOf } from './message-group';

const PREFIX_BYTES: i32 = 4;
const HEADER_BYTES: i32 = 13;
const COUNTER_AT: i32 = 9;
const OVERHEAD_BYTES: i32 = PREFIX_BYTES + HEADER_BYTES + TAG_BYTES;

/**
 * Frames one record for an engine that seals outside. Input: its descriptor. Output: the 17 bytes that stand
 * before the ciphertext, `u32be length ‖ header`, then the iv.
 */
export function recordFrame(): void {
  const to = outputArea();
  writeHeader(inputArea(), to);
  store<u32>(to, 0, PREFIX_BYTES + HEADER_BYTES);
  store<u64>(to, load<u64>(to, COUNTER_AT), PREFIX_BYTES + HEADER_BYTES + 4);
}

/**
 * Reads one frame for an engine that opens outside. Input: the frame's first 17 bytes; `bytes` is what the frame
 * has in all. Output: its descriptor, then its iv. Returns whether it is one whole frame.
 */
export function recordUnframe(bytes: i32): bool {
  const to = outputArea();
  if (readHeader(inputArea(), bytes, to) != bytes) return false;
  store<u32>(to, 0, DESCRIPTOR_BYTES);
  store<u64>(to, load<u64>(inputArea(), COUNTER_AT), DESCRIPTOR_BYTES + 4);
  return true;
}

/** Input: `count` descriptors, then their plaintexts; they are wiped. Output: the frames; returns their bytes. */
export function recordSeal(slot: i32, count: i32): i32 {
  requireCount(count);
  requireRoom(count);
  let from = inputArea() + count * DESCRIPTOR_BYTES;
  let to = outputArea();
  for (let record: i32 = 0; record < count; ) {
    const end = endOfGroup(inputArea(), record, count);
    if (end == record) {
      const length = lengthOf(inputArea(), record);
      sealLong(slot, descriptor(inputArea(), record), from, to);
      from += length;
      to += OVERHEAD_BYTES + length;
      record++;
    } else {
      layGroup(slot, inputArea(), record, end);
      for (let block: i32 = 0; record < end; record++) {
        const length = lengthOf(inputArea(), record);
        writeHeader(descriptor(inputArea(), record), to);
        const text = to + PREFIX_BYTES + HEADER_BYTES;
        sealShort(slotTables(slot), windowBlock(block), to + PREFIX_BYTES, HEADER_BYTES, from, text, length);
        block += blocksOf(length);
        from += length;
        to += OVERHEAD_BYTES + length;
      }
    }
  }
  wipeWindow();
  wipeArea(inputArea(), (from - inputArea()) as i32);
  return (to - outputArea()) as i32;
}

/**
 * Input: `count` frames, `bytes` in all. Output: `count` descriptors, then the plaintexts. Returns -1, or the
 * number of the first record that is not authentic; then nothing is left in the output.
 */
export function recordOpen(slot: i32, count: i32, bytes: i32): i32 {
  requireCount(count);
  assert(bytes >= 0 && bytes <= AREA_BYTES, "length outside the areas");
  // What the frames lose, prefix, header and tag, is more than the descriptors take.
  let bad = readHeaders(count, bytes);
  if (bad < 0) bad = openAll(slot, count);
  wipeWindow();
  if (bad >= 0) wipeArea(outputArea(), bytes);
  return bad;
}

function openAll(slot: i32, count: i32): i32 {
  const table = outputArea();
  let from = inputArea();
  let to = table + count * DESCRIPTOR_BYTES;
  for (let record: i32 = 0; record < count; ) {
    const end = endOfGroup(table, record, count);
    if (end == record) {
      const length = lengthOf(table, record);
      if (!openLong(slot, descriptor(table, record), from, to)) return record;
      from += OVERHEAD_BYTES + length;
      to += length;
      record++;
    } else {
      layGroup(slot, table, record, end);
      for (let block: i32 = 0; record < end; record++) {
        const length = lengthOf(table, record);
        const text = from + PREFIX_BYTES + HEADER_BYTES;
        if (!openShort(slotTables(slot), windowBlock(block), from + PREFIX_BYTES, HEADER_BYTES, text, to, length)) {
          return record;
        }
        block += blocksOf(length);
        from += OVERHEAD_BYTES + length;
        to += length;
      }
    }
  }
  return -1;
}

/** The iv of a record: its first counter block, the block's counter 0. */
// @ts-ignore: decorator
@inline function ivOf(record: usize): v128 {
  const counter = bswap(load<u64>(record, 16));
  return i32x4(0, (counter as u32) as i32, ((counter >> 32) as u32) as i32, 0);
}

/** The keystream of records `first` to `end`, one after the other in the window. */
function layGroup(slot: i32, table: usize, first: i32, end: i32): void {
  let block: i32 = 0;
  for (let record = first; record < end; record++) {
    const blocks = blocksOf(lengthOf(table, record));
    beginStream(slotSchedule(slot), block, ivOf(descriptor(table, record)), 1, blocks);
    block += blocks;
  }
  finishStream(slotSchedule(slot), block);
}

function sealLong(slot: i32, record: usize, from: usize, to: usize): void {
  const length = load<i32>(record);
  const text = to + PREFIX_BYTES + HEADER_BYTES;
  writeHeader(record, to);
  beginMessage(slot, ivOf(record));
  addAad(to + PREFIX_BYTES, HEADER_BYTES);
  addText(from, text, length, true);
  v128.store(text + length, finishMessage());
}

function openLong(slot: i32, record: usize, from: usize, to: usize): bool {
  const length = load<i32>(record);
  const text = from + PREFIX_BYTES + HEADER_BYTES;
  beginMessage(slot, ivOf(record));
  addAad(from + PREFIX_BYTES, HEADER_BYTES);
  addText(text, to, length, false);
  return finishMessageWith(text + length);
}

/** `u32be length ‖ type ‖ u32be epoch ‖ u64be counter`. */
function writeHeader(record: usize, to: usize): void {
  store<u32>(to, bswap(load<u32>(record) + HEADER_BYTES + TAG_BYTES));
  store<u8>(to, load<u8>(record, 4), 4);
  store<u32>(to, bswap(load<u32>(record, 8)), 5);
  store<u64>(to, bswap(load<u64>(record, 16)), COUNTER_AT);
}

/** Reads the headers of all frames to descriptors; returns -1, or the number of the first that is no whole frame. */
function readHeaders(count: i32, bytes: i32): i32 {
  let at: i32 = 0;
  for (let record: i32 = 0; record < count; record++) {
    const frameBytes = readHeader(inputArea() + at, bytes - at, descriptor(outputArea(), record));
    if (frameBytes < 0) return record;
    at += frameBytes;
  }
  return at == bytes ? -1 : count - 1;
}

/** Reads the header of a frame of at most `most` bytes; returns the bytes of the frame, or -1 when it is not whole. */
function readHeader(from: usize, most: i32, to: usize): i32 {
  if (most < OVERHEAD_BYTES) return -1;
  const length = bswap(load<u32>(from));
  if (length < ((HEADER_BYTES + TAG_BYTES) as u32) || length > ((most - PREFIX_BYTES) as u32)) return -1;
  store<u32>(to, length - HEADER_BYTES - TAG_BYTES);
  store<u32>(to, load<u8>(from, 4), 4);
  store<u32>(to, bswap(load<u32>(from, 5)), 8);
  store<u32>(to, 0, 12);
  store<u64>(to, bswap(load<u64>(from, COUNTER_AT)), 16);
  return PREFIX_BYTES + (length as i32);
}

function requireCount(count: i32): void {
  assert(count > 0 && count <= AREA_BYTES / 32, "count of records outside the areas");
}

/** Everything that the descriptors promise must lie within the areas. */
function requireRoom(count: i32): void {
  let bytes = count * OVERHEAD_BYTES;
  for (let record: i32 = 0; record < count; record++) {
    const length = lengthOf(inputArea(), record);
    assert(length >= 0 && length <= AREA_BYTES, "record longer than the areas");
    bytes += length;
    assert(bytes <= AREA_BYTES, "records longer than the areas");
  }
}
