/**
 * Ed25519 verification under the one rule of the mesh: the key is canonical and not of small order, R is
 * canonical, S is below L, and [8](S B - R - k A) = 0. What flows through here: key and signature come in, the
 * message follows through `sha512Update`; then one signature is judged, or it joins a batch (ed25519-batch.ts).
 * Everything here is public, so digits may choose entries and decide branches.
 */
import {
  affineFromCoordinates, pointAddAffine, pointDoubleTimes, pointIsIdentity, pointLoad,
} from './edwards25519';
import { BASE_ENTRIES, BASE_WIDTH, baseOddTable } from './edwards25519-base-odd';
import { DECODED_X, DECODED_Y, isBelowPrime, pointDecode } from './edwards25519-decode';
import { sumAddCached, sumAddSplit, sumBegin, sumCompute } from './edwards25519-sum';
import { tableOddCached } from './edwards25519-table';
import { KEY_ENTRIES, keyPoint, KEY_WIDTH, keysBegin, keySlot, keyTable } from './ed25519-keys';
import { FIELD_BYTES } from './field25519';
import { inputArea } from './memory';
import { scalarIsCanonical, scalarReduce } from './scalar25519';
import { sha512StreamAppend, sha512StreamBegin, sha512StreamEnd } from './sha512-stream';

/** Public key and signature of the operation under way: A, R, S, 32 bytes each. */
export const HEADER_BYTES: i32 = 96;
const HEADER: usize = memory.data(96, 16);
const HEADER_KEY: usize = HEADER;
export const HEADER_R: usize = HEADER + 32;
export const HEADER_S: usize = HEADER + 64;

const DIGEST: usize = memory.data(64, 16);
const CHALLENGE: usize = memory.data(32, 16);
const R_POINT: usize = memory.data(144, 16);
/** Odd multiples of a key that has no table. */
const NEW_KEY: usize = memory.data(2560, 16);

/** 1 when the 32 bytes at the start of the input area may be a key of the mesh; it is kept prepared. */
export function ed25519AdmitKey(): i32 {
  keysBegin();
  return i32(keySlot(inputArea()) >= 0);
}

/** Takes public key and signature from the start of the input area; the message follows, in pieces. */
export function ed25519VerifyStart(): void {
  memory.copy(HEADER, inputArea(), HEADER_BYTES);
  sha512StreamBegin();
  sha512StreamAppend(HEADER_R, 32);
  sha512StreamAppend(HEADER_KEY, 32);
}

/** 1 when the signature is good under the rule. */
export function ed25519VerifyFinish(): i32 {
  takeChallenge(CHALLENGE);
  keysBegin();
  const slot = admittedSlot();
  if (slot < 0 || !pointDecode(HEADER_R)) return 0;
  affineFromCoordinates(R_POINT, DECODED_X, DECODED_Y);
  sumBegin();
  subtractKeyMultiple(CHALLENGE, slot);
  sumAddSplit(HEADER_S, baseOddTable(), BASE_ENTRIES, BASE_WIDTH, 0);
  sumCompute();
  pointAddAffine(R_POINT, 1);
  return i32(vanishesTimesEight());
}

/** Ends the hash of R, A and the message: the challenge k. */
export function takeChallenge(challenge: usize): void {
  sha512StreamEnd(DIGEST);
  scalarReduce(challenge, DIGEST);
}

/** The checks on bytes: the slot of the key, or -1; whether R is on the curve is still to be seen. */
export function admittedSlot(): i32 {
  if (!scalarIsCanonical(HEADER_S) || !isBelowPrime(HEADER_R)) return -1;
  return keySlot(HEADER_KEY);
}

/** Takes scalar * A from the sum, for the key A in `slot`. */
function subtractKeyMultiple(scalar: usize, slot: i32): void {
  const table = keyTable(slot);
  if (table != 0) {
    sumAddSplit(scalar, table, KEY_ENTRIES, KEY_WIDTH, 1);
    return;
  }
  pointLoad(keyPoint(slot), keyPoint(slot) + FIELD_BYTES);
  tableOddCached(NEW_KEY, KEY_ENTRIES);
  sumAddCached(scalar, NEW_KEY, KEY_WIDTH, 1);
}

/** Whether eight times the accumulator is the identity. */
function vanishesTimesEight(): bool {
  pointDoubleTimes(3);
  return pointIsIdentity();
}
