/**
 * SHA-256 (FIPS 180-4) as the host sees it. What flows through here: bytes in the input area, digests in the
 * output area. A message longer than the area comes in pieces; many short ones come as a list (see
 * sha256-lanes). Nothing of a message stays behind but what lies in the two areas, which the host wipes.
 */
import { AREA_BYTES, inputArea, outputArea } from './memory';
import { hashList } from './sha256-lanes';
import { absorb, finishStream, hashMessage, startStream } from './sha256-stream';

/** Hashes the first `length` bytes of the input. */
export function sha256Hash(length: i32): void {
  assert(length >= 0 && length <= AREA_BYTES, "length outside the input area");
  hashMessage(inputArea(), length, outputArea());
}

export function sha256Start(): void {
  startStream();
}

export function sha256Update(length: i32): void {
  assert(length >= 0 && length <= AREA_BYTES, "length outside the input area");
  absorb(inputArea(), length);
}

export function sha256Finish(): void {
  finishStream(outputArea());
}

/** Hashes the list of `count` messages in the input; digest i begins at byte 32i of the output. */
export function sha256Many(count: i32): void {
  assert(count >= 0 && count <= AREA_BYTES / 32, "count outside the output area");
  hashList(inputArea(), inputArea() + AREA_BYTES, count, outputArea());
}
