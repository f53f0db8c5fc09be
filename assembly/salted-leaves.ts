/**
 * Salted leaves of a list of items, four at a time. What flows through here: salts (16 bytes each) and behind them
 * items `u32be header ‖ bytes` become digests SHA-256(0x00 ‖ salt ‖ bytes). Each leaf is laid out whole, padding
 * included, among leaves of as many blocks; four of a kind are hashed together, so lanes never wait for each other
 * whatever the mixture of lengths. Items that are longer than asked for, or whose header has its highest bit set,
 * are passed over. Lengths are public; nothing else decides a branch.
 */
import { AREA_BYTES, clear, inputArea, outputArea } from './memory';
import { compress, initialise, storeDigest, wipeSchedule } from './sha256-block';
import { compress4, initialise4, storeLane, wipeSchedule4 } from './sha256x4';

/** Longest item that is hashed here. */
export const SALTED_ITEM_BYTES: i32 = 1024;

const SALT_BYTES: usize = 16;
const DIGEST_BYTES: usize = 32;
const PREFIX_BYTES: i32 = 17;
const HEADER_BYTES: i32 = 4;
/** Blocks of the longest leaf. */
const KINDS: i32 = 17;
/** With fewer leaves of a kind than this, one after the other is faster than four at once. */
const LEAST_LANES: i32 = 2;

/** Four leaves of each kind: one block each, two blocks each, and so on. Behind each kind room for a step too far. */
const LEAVES: usize = memory.data(40256, 16);
const STEP_ROOM: usize = 64;
/** Of each kind: how many leaves wait, and where their digests go. */
const WAITING: usize = memory.data(72, 16);
const DIGESTS: usize = memory.data(288, 16);
/** Eight vectors of chaining words; the first 32 bytes serve a leaf alone. */
const STATE: usize = memory.data(128, 16);
/** Bit i: a leaf of kind i was laid out. */
let used: u32 = 0;

/**
 * Input: `count` salts, then `bytes` bytes of items. Output: `count` digests; where an item is passed over, what was there before.
 * Returns where the last item ends among the items.
 */
export function saltedLeaves(count: i32, bytes: i32, most: i32): i32 {
  assert(count >= 0 && count <= AREA_BYTES / 32, "count outside the output area");
  assert(bytes >= 0 && count * (SALT_BYTES as i32) + bytes <= AREA_BYTES, "items outside the input area");
  assert(most <= SALTED_ITEM_BYTES, "items longer than a kind");
  const items = inputArea() + (count as usize) * SALT_BYTES;
  let salt = inputArea();
  let digest = outputArea();
  let at: i32 = 0;
  requireWhole(items, count, bytes);
  for (let i: i32 = 0; i < count; i++) {
    const header = bswap(load<u32>(items + at));
    const length = lengthIn(header);
    at += HEADER_BYTES;
    if ((header >>> 31) == 0 && length <= most) lay(salt, items + at, length, digest);
    at += length;
    salt += SALT_BYTES;
    digest += DIGEST_BYTES;
  }
  for (let kind: i32 = 1; kind <= KINDS; kind++) {
    if (waiting(kind) > 0) finish(kind);
    if ((used >>> (kind as u32)) & 1) clear(leavesOf(kind), 256 * (kind as usize) + STEP_ROOM);
  }
  used = 0;
  clear(STATE, 128);
  wipeSchedule();
  wipeSchedule4();
  return at;
}

// @ts-ignore: decorator
@inline function lengthIn(header: u32): i32 {
  return (header & 0x3fffffff) as i32;
}

/** All items lie within their bytes; asked before any is laid out, so that a refusal leaves nothing behind. */
function requireWhole(items: usize, count: i32, bytes: i32): void {
  let at: i32 = 0;
  for (let i: i32 = 0; i < count; i++) {
    assert(at + HEADER_BYTES <= bytes, "an item cut short");
    const length = lengthIn(bswap(load<u32>(items + at)));
    at += HEADER_BYTES;
    assert(length <= bytes - at, "an item beyond the end");
    at += length;
  }
}

// @ts-ignore: decorator
@inline function waiting(kind: i32): i32 {
  return load<i32>(WAITING + 4 * (kind as usize));
}

// @ts-ignore: decorator
@inline function leavesOf(kind: i32): usize {
  return LEAVES + (128 * (kind as usize) + STEP_ROOM) * ((kind - 1) as usize);
}

/** Lays one leaf out among those of its kind, and hashes them once there are four. */
// @ts-ignore: decorator
@inline function lay(salt: usize, message: usize, length: i32, digest: usize): void {
  const kind = (PREFIX_BYTES + length + 9 + 63) >>> 6;
  const lane = waiting(kind);
  const leaf = leavesOf(kind) + (kind as usize) * 64 * (lane as usize);
  const end = leaf + 64 * kind;
  store<u8>(leaf, 0);
  v128.store(leaf, v128.load(salt), 1);
  copyText(leaf + PREFIX_BYTES, message, length);
  pad(leaf + PREFIX_BYTES + length, end);
  store<u64>(end - 8, bswap<u64>(((PREFIX_BYTES + length) as u64) << 3));
  store<u32>(DIGESTS + 16 * (kind as usize) + 4 * (lane as usize), digest as u32);
  store<i32>(WAITING + 4 * (kind as usize), lane + 1);
  used |= 1 << (kind as u32);
  if (lane == 3) hashFour(kind);
}

/** In steps of 16: what goes beyond the leaf falls into the next of its kind, which is laid out later, or into room. */
// @ts-ignore: decorator
@inline function copyText(to: usize, from: usize, length: i32): void {
  for (let i: i32 = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i));
}

/** The bit 1 and zeros up to `end`. */
// @ts-ignore: decorator
@inline function pad(from: usize, end: usize): void {
  for (let at = from; at < end; at += 16) v128.store(at, i32x4.splat(0));
  store<u8>(from, 0x80);
}

function hashFour(kind: i32): void {
  const step = (kind as usize) * 64;
  const leaf = leavesOf(kind);
  initialise4(STATE);
  compress4(STATE, leaf, leaf + step, leaf + 2 * step, leaf + 3 * step, kind);
  const digests = DIGESTS + 16 * (kind as usize);
  for (let lane: usize = 0; lane < 4; lane++) storeLane(STATE, lane, load<u32>(digests + 4 * lane));
  store<i32>(WAITING + 4 * (kind as usize), 0);
}

/** Hashes the last leaves of a kind; lanes without one repeat the first. */
function finish(kind: i32): void {
  const step = (kind as usize) * 64;
  const count = waiting(kind);
  const digests = DIGESTS + 16 * (kind as usize);
  if (count >= LEAST_LANES) {
    for (let lane: usize = count; lane < 4; lane++) store<u32>(digests + 4 * lane, load<u32>(digests));
    for (let lane: usize = count; lane < 4; lane++) memory.copy(leavesOf(kind) + lane * step, leavesOf(kind), step);
    hashFour(kind);
  } else {
    initialise(STATE);
    compress(STATE, leavesOf(kind), kind);
    storeDigest(STATE, load<u32>(digests));
    store<i32>(WAITING + 4 * (kind as usize), 0);
  }
}
