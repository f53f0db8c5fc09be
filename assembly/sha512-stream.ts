/**
 * SHA-512 over a message that comes in pieces (FIPS 180-4 sections 5.1.2 and 6.4). What flows through here:
 * `begin`, any number of pieces by address and length, `end` writes the digest and overwrites every trace of the
 * message. There is one stream: signing and verifying use it one after the other.
 */
import { sha512Compress, sha512Initialise, sha512WipeSchedule } from './sha512-block';

const BLOCK_BYTES: i32 = 128;

/** Eight chaining words, then the block that is not full yet. */
const STATE: usize = memory.data(192, 16);
const PENDING: usize = STATE + 64;

let pendingBytes: i32 = 0;
let totalBytes: u64 = 0;

export function sha512StreamBegin(): void {
  sha512Initialise(STATE);
  pendingBytes = 0;
  totalBytes = 0;
}

export function sha512StreamAppend(piece: usize, length: i32): void {
  totalBytes += length;
  if (pendingBytes > 0) {
    const taken = min(length, BLOCK_BYTES - pendingBytes);
    memory.copy(PENDING + pendingBytes, piece, taken);
    pendingBytes += taken;
    piece += taken;
    length -= taken;
    if (pendingBytes < BLOCK_BYTES) return;
    sha512Compress(STATE, PENDING, 1);
  }
  const blocks = length / BLOCK_BYTES;
  sha512Compress(STATE, piece, blocks);
  pendingBytes = length - blocks * BLOCK_BYTES;
  memory.copy(PENDING, piece + blocks * BLOCK_BYTES, pendingBytes);
}

/** Pads, writes the 64-byte digest to `digest`, and wipes. */
export function sha512StreamEnd(digest: usize): void {
  store<u8>(PENDING + pendingBytes, 0x80);
  memory.fill(PENDING + pendingBytes + 1, 0, BLOCK_BYTES - 1 - pendingBytes);
  if (pendingBytes >= 112) {
    sha512Compress(STATE, PENDING, 1);
    memory.fill(PENDING, 0, BLOCK_BYTES);
  }
  store<u64>(PENDING, bswap<u64>(totalBytes >> 61), 112);
  store<u64>(PENDING, bswap<u64>(totalBytes << 3), 120);
  sha512Compress(STATE, PENDING, 1);
  for (let i: usize = 0; i < 64; i += 8) store<u64>(digest + i, bswap<u64>(load<u64>(STATE + i)));
  sha512StreamWipe();
}

export function sha512StreamWipe(): void {
  memory.fill(STATE, 0, 192);
  sha512WipeSchedule();
}
