/**
 * SHA-512 for the host. What flows through here: pieces of a message from the input area, the digest to the
 * output area. The stream is shared with Ed25519, whose long messages come through `sha512Update` too.
 */
import { AREA_BYTES, inputArea, outputArea } from './memory';
import { sha512StreamAppend, sha512StreamBegin, sha512StreamEnd } from './sha512-stream';

export function sha512Start(): void {
  sha512StreamBegin();
}

/** Takes the first `length` bytes of the input area as the next piece. */
export function sha512Update(length: i32): void {
  assert(length >= 0 && length <= AREA_BYTES, "piece outside the input area");
  sha512StreamAppend(inputArea(), length);
}

/** Leaves the digest of all pieces since the start in the output area. */
export function sha512Finish(): void {
  sha512StreamEnd(outputArea());
}
