/**
 * SHA-256 of one message that comes in pieces (FIPS 180-4 section 6.2). What flows through here: start, any
 * number of pieces, finish. Whole blocks are compressed where they lie; what is left of a piece waits in `BLOCK`.
 * There is one stream: the host never begins a second before the first is finished.
 */
import { compress, initialise, storeDigest, wipeSchedule } from './sha256-block';

const STATE: usize = memory.data(32, 16);
const BLOCK: usize = memory.data(64, 16);
const LENGTH_OFFSET: usize = 56;

let waiting: i32 = 0;
let total: u64 = 0;

export function startStream(): void {
  initialise(STATE);
  waiting = 0;
  total = 0;
}

/** Absorbs `length` bytes at `address`. */
export function absorb(address: usize, length: i32): void {
  total += length;
  if (waiting > 0) {
    const taken = min(64 - waiting, length);
    memory.copy(BLOCK + waiting, address, taken);
    waiting += taken;
    if (waiting < 64) return;
    compress(STATE, BLOCK, 1);
    address += taken;
    length -= taken;
  }
  compress(STATE, address, length >>> 6);
  waiting = length & 63;
  memory.copy(BLOCK, address + (length - waiting), waiting);
}

/** Pads (section 5.1.1), writes the 32 bytes of the digest and wipes the stream. */
export function finishStream(digest: usize): void {
  store<u8>(BLOCK + waiting, 0x80);
  memory.fill(BLOCK + waiting + 1, 0, 63 - waiting);
  if (waiting >= <i32>LENGTH_OFFSET) {
    compress(STATE, BLOCK, 1);
    memory.fill(BLOCK, 0, LENGTH_OFFSET);
  }
  store<u64>(BLOCK, bswap<u64>(total << 3), LENGTH_OFFSET);
  compress(STATE, BLOCK, 1);
  storeDigest(STATE, digest);
  wipeStream();
}

function wipeStream(): void {
  memory.fill(STATE, 0, 32);
  memory.fill(BLOCK, 0, 64);
  wipeSchedule();
  waiting = 0;
  total = 0;
}
