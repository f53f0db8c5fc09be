/**
 * AES-256-GCM at the boundary. What flows through here: the host fills a key slot, then seals or opens whole
 * messages (`iv ‖ additional data ‖ text` in the input area, the result in the output area), or messages of any
 * length in pieces. Tags are 16 bytes and follow the ciphertext; ivs are 12 bytes.
 */
import {
  addAad, addText, beginMessage, blocksOf, finishMessage, finishMessageWith, openShort, sealShort, TAG_BYTES,
} from './gcm-message';
import { fillSlot, slotSchedule, slotTables, wipeSlot } from './key-slots';
import { beginStream, finishStream, ivBlock, windowBlock, wipeWindow, WINDOW_BLOCKS } from './keystream';
import { AREA_BYTES, inputArea, outputArea, wipeArea } from './memory';

const IV_BYTES: i32 = 12;
const KEY_BYTES: i32 = 32;

/** Expands the key in the first 32 input bytes into `slot`, and wipes those bytes. */
export function gcmSetKey(slot: i32): void {
  fillSlot(slot, inputArea());
  memory.fill(inputArea(), 0, KEY_BYTES);
}

/** Wipes the key in `slot`. */
export function gcmWipeKey(slot: i32): void {
  wipeSlot(slot);
}

/** Seals `iv ‖ aad ‖ plaintext`, and wipes them; output: `ciphertext ‖ tag`. */
export function gcmSeal(slot: i32, aadLength: i32, length: i32): void {
  requireFit(aadLength, length);
  const aad = inputArea() + IV_BYTES;
  const from = aad + aadLength;
  const to = outputArea();
  if (blocksOf(length) > WINDOW_BLOCKS) {
    beginMessage(slot, ivBlock(inputArea()));
    addAad(aad, aadLength);
    addText(from, to, length, true);
    v128.store(to + length, finishMessage());
  } else {
    prepareWindow(slot, length);
    sealShort(slotTables(slot), windowBlock(0), aad, aadLength, from, to, length);
    wipeWindow();
  }
  wipeArea(inputArea(), IV_BYTES + aadLength + length);
}

/** Opens `iv ‖ aad ‖ ciphertext ‖ tag`; `length` is the ciphertext's. Output: the plaintext, only if this returns true. */
export function gcmOpen(slot: i32, aadLength: i32, length: i32): bool {
  requireFit(aadLength, length);
  const aad = inputArea() + IV_BYTES;
  const from = aad + aadLength;
  const to = outputArea();
  if (blocksOf(length) > WINDOW_BLOCKS) {
    beginMessage(slot, ivBlock(inputArea()));
    addAad(aad, aadLength);
    addText(from, to, length, false);
    const good = finishMessageWith(from + length);
    if (!good) memory.fill(to, 0, length);
    return good;
  }
  prepareWindow(slot, length);
  const good = openShort(slotTables(slot), windowBlock(0), aad, aadLength, from, to, length);
  wipeWindow();
  return good;
}

function requireFit(aadLength: i32, length: i32): void {
  assert(aadLength >= 0 && aadLength <= AREA_BYTES && length >= 0 && length <= AREA_BYTES, "length outside the areas");
  assert(IV_BYTES + aadLength + length + TAG_BYTES <= AREA_BYTES, "message longer than the areas");
}

function prepareWindow(slot: i32, length: i32): void {
  beginStream(slotSchedule(slot), 0, ivBlock(inputArea()), 1, blocksOf(length));
  finishStream(slotSchedule(slot), blocksOf(length));
}

/** Begins a message in pieces; its iv is in the first 12 input bytes. */
export function gcmBegin(slot: i32): void {
  beginMessage(slot, ivBlock(inputArea()));
}

/** Adds `length` input bytes as additional data; a multiple of 16 but for the last piece. */
export function gcmAddAad(length: i32): void {
  requireFit(0, length);
  addAad(inputArea(), length);
}

/** Encrypts `length` input bytes to the output; a multiple of 16 but for the last piece. */
export function gcmSealPiece(length: i32): void {
  requireFit(0, length);
  addText(inputArea(), outputArea(), length, true);
}

/**
 * Decrypts `length` input bytes to the output; a multiple of 16 but for the last piece. What comes out is not
 * authentic yet: the host keeps it to itself until {@link gcmFinishOpen} returns true, and wipes it otherwise.
 */
export function gcmOpenPiece(length: i32): void {
  requireFit(0, length);
  addText(inputArea(), outputArea(), length, false);
}

/** Ends a message: its tag is in the first 16 output bytes. */
export function gcmFinishSeal(): void {
  v128.store(outputArea(), finishMessage());
}

/** Ends a message: whether its tag is the one in the first 16 input bytes. */
export function gcmFinishOpen(): bool {
  return finishMessageWith(inputArea());
}
