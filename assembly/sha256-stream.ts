/**
 * SHA-256 of one message (FIPS 180-4 section 6.2), whole or in pieces. What flows through here: a whole message is
 * compressed where it lies and then its padded tail; of a message in pieces, whole blocks are compressed where
 * they lie and what is left of a piece waits in `BLOCK`. There is one stream: the host never begins a second
 * before the first is finished.
 */
import { clear } from './memory';
import { compress, initialise, storeDigest, wipeSchedule } from './sha256-block';
import { pad, TAIL_BYTES } from './sha256-padding';

const STATE: usize = memory.data(32, 16);
const BLOCK: usize = memory.data(64, 16);
const TAIL: usize = memory.data(128, 16);

let waiting: i32 = 0;
let total: u64 = 0;

/** Writes the digest of the `length` bytes at `message`. */
export function hashMessage(message: usize, length: i32, digest: usize): void {
  const rest = length & 63;
  initialise(STATE);
  compress(STATE, message, length >>> 6);
  finish(message + (length - rest), rest, length, digest);
}

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

/** Writes the digest of all that was absorbed and wipes the stream. */
export function finishStream(digest: usize): void {
  finish(BLOCK, waiting, total, digest);
  clear(BLOCK, 64);
  waiting = 0;
  total = 0;
}

function finish(source: usize, rest: i32, bytes: u64, digest: usize): void {
  compress(STATE, TAIL, pad(TAIL, source, rest, bytes));
  storeDigest(STATE, digest);
  clear(STATE, 32);
  clear(TAIL, TAIL_BYTES);
  wipeSchedule();
}
