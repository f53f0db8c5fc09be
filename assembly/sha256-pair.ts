/**
 * SHA-256 of one prefix byte and two digests: the step of the Merkle tree (RFC 6962 section 2.1, prefix 1) and
 * of the hash chain (prefix 2). What flows through here: 65 bytes, always two blocks with the same padding; one
 * pair alone, or a row of neighbouring pairs four at a time.
 */
import { clear } from './memory';
import { compress, initialise, storeDigest, wipeSchedule } from './sha256-block';
import { compress4, initialise4, storeLane, storeLanes, wipeSchedule4 } from './sha256x4';

/** Four messages of two blocks: prefix, 64 bytes, 0x80, zeros, 520 bits. */
const MESSAGES: usize = memory.data(512, 16);
/** Eight vectors of chaining words; the first 32 bytes serve a pair alone. */
const STATE: usize = memory.data(128, 16);
/** With fewer pairs than this, one after the other is faster than four at once. */
const LEAST_LANES: i32 = 3;

/** Writes the constant bytes around the pairs; the zeros are there already. */
export function preparePairs(prefix: u8): void {
  for (let message = MESSAGES; message < MESSAGES + 512; message += 128) {
    store<u8>(message, prefix);
    store<u8>(message, 0x80, 65);
    store<u16>(message, bswap<u16>(520), 126);
  }
}

/** Hashes the digests at `left` and `right`. */
export function hashPair(left: usize, right: usize, digest: usize): void {
  copyDigest(MESSAGES + 1, left);
  copyDigest(MESSAGES + 33, right);
  initialise(STATE);
  compress(STATE, MESSAGES, 2);
  storeDigest(STATE, digest);
}

/** Hashes `count` pairs of 64 bytes from `pairs` on into digests from `digests` on, which may lie up to 32 bytes behind. */
export function hashPairs(pairs: usize, count: i32, digests: usize): void {
  for (; count >= LEAST_LANES; count -= 4, pairs += 256, digests += 128) {
    const lanes = min(count, 4);
    for (let lane: usize = 0; lane < <usize>lanes; lane++) {
      copyDigest(MESSAGES + 128 * lane + 1, pairs + 64 * lane);
      copyDigest(MESSAGES + 128 * lane + 33, pairs + 64 * lane + 32);
    }
    initialise4(STATE);
    compress4(STATE, MESSAGES, MESSAGES + 128, MESSAGES + 256, MESSAGES + 384, 2);
    if (lanes == 4) storeLanes(STATE, digests);
    else for (let lane: usize = 0; lane < <usize>lanes; lane++) storeLane(STATE, lane, digests + 32 * lane);
  }
  for (; count > 0; count--, pairs += 64, digests += 32) hashPair(pairs, pairs + 32, digests);
}

/** Overwrites what the pairs left behind. */
export function wipePairs(): void {
  clear(MESSAGES, 512);
  clear(STATE, 128);
  wipeSchedule();
  wipeSchedule4();
}

/** Copies 32 bytes. */
// @ts-ignore: decorator
@inline export function copyDigest(to: usize, from: usize): void {
  v128.store(to, v128.load(from));
  v128.store(to, v128.load(from, 16), 16);
}
