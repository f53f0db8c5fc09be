/**
 * SHA-256 of many messages, four at a time. What flows through here: a list, which is `count` lengths (u32 each)
 * and behind them the messages back to back, becomes `count` digests. As long as the next four are of one length,
 * they go through side by side, and padding that fills a block has its schedule made once. From the first four on
 * that differ, each lane holds one message: first its whole blocks where they lie, then its padded tail from the
 * lane's own buffer; a lane that finishes takes the next message, so messages of any mixture of lengths keep all
 * lanes busy. Lengths are public; nothing else decides a branch.
 */
import { clear } from './memory';
import { compress, storeDigest, wipeSchedule } from './sha256-block';
import { pad, TAIL_BYTES } from './sha256-padding';
import {
  compress4, compress4Known, initialise4, initialiseLane, scheduleKnown, storeLane, storeLanes, wipeSchedule4,
} from './sha256x4';

/** Eight vectors of chaining words. */
const STATE: usize = memory.data(128, 16);
/** Chaining words of a lane that is finished alone. */
const SINGLE: usize = memory.data(32, 16);
/** For each lane the padded end of its message, at most two blocks. */
const TAILS: usize = memory.data(512, 16);
/** With fewer busy lanes than this, one stream after the other is faster than four at once. */
const LEAST_LANES: i32 = 3;

/** What one lane is working on; the fields of {@link LANES}, 20 bytes a lane. */
const AT: usize = 0;
const BLOCKS: usize = 4;
const TAIL_BLOCKS: usize = 8;
const DIGEST: usize = 12;
const BUSY: usize = 16;
const LANE_BYTES: usize = 20;
const LANES: usize = memory.data(80, 16);

/** The schedule of the padding behind whole blocks, for messages of `knownLength` bytes. */
const KNOWN: usize = memory.data(256, 16);
const NOT_KNOWN: u32 = 1;
let knownLength: u32 = NOT_KNOWN;

let nextLength: usize = 0;
let nextMessage: usize = 0;
let nextDigest: usize = 0;
let left: i32 = 0;

/** Writes the digests of the list at `list`, which ends at or before `end`, from `digests` on. */
export function hashList(list: usize, end: usize, count: i32, digests: usize): void {
  nextLength = list;
  nextMessage = list + 4 * <usize>count;
  nextDigest = digests;
  left = count;
  while (left >= 4 && nextFourAreAlike()) hashFour(end);
  for (let lane: usize = 0; lane < 4; lane++) feed(lane, end);
  while (busyLanes() >= LEAST_LANES) advance(end);
  for (let lane: usize = 0; lane < 4; lane++) finishAlone(lane);
  wipeLanes();
}

function nextFourAreAlike(): bool {
  return v128.all_true<u32>(v128.eq<u32>(v128.load(nextLength), v128.load32_splat(nextLength)));
}

/** Hashes the next four messages, which are of one length. */
function hashFour(end: usize): void {
  const length = load<u32>(nextLength);
  assert(4 * <u64>length <= <u64>(end - nextMessage), "list outside the input area");
  initialise4(STATE);
  const m0 = nextMessage, m1 = m0 + length, m2 = m1 + length, m3 = m2 + length;
  compress4(STATE, m0, m1, m2, m3, length >>> 6);
  nextMessage = m3 + length;
  if ((length & 63) == 0) {
    knowPadding(length);
    compress4Known(STATE, KNOWN);
  } else padFour(m1, m2, m3, length);
  storeLanes(STATE, nextDigest);
  nextLength += 16;
  nextDigest += 128;
  left -= 4;
}

function padFour(m1: usize, m2: usize, m3: usize, length: u32): void {
  const rest = length & 63;
  pad(TAILS, m1 - rest, rest, length);
  pad(TAILS + TAIL_BYTES, m2 - rest, rest, length);
  pad(TAILS + 2 * TAIL_BYTES, m3 - rest, rest, length);
  const blocks = pad(TAILS + 3 * TAIL_BYTES, nextMessage - rest, rest, length);
  compress4(STATE, TAILS, TAILS + TAIL_BYTES, TAILS + 2 * TAIL_BYTES, TAILS + 3 * TAIL_BYTES, blocks);
}

/** Makes the schedule of the padding of a message of whole blocks. */
function knowPadding(length: u32): void {
  if (length == knownLength) return;
  clear(TAILS, 64);
  store<u8>(TAILS, 0x80);
  store<u64>(TAILS, bswap<u64>((length as u64) << 3), 56);
  scheduleKnown(TAILS, KNOWN);
  knownLength = length;
}

// @ts-ignore: decorator
@inline function field(lane: usize, name: usize): usize {
  return LANES + lane * LANE_BYTES + name;
}

// @ts-ignore: decorator
@inline function tailOf(lane: usize): usize {
  return TAILS + TAIL_BYTES * lane;
}

/** Gives a lane the next message of the list, or leaves it idle. */
function feed(lane: usize, end: usize): void {
  store<u32>(field(lane, BUSY), left > 0 ? 1 : 0);
  if (left == 0) return;
  const length = load<u32>(nextLength);
  assert(length <= <u32>(end - nextMessage), "list outside the input area");
  const whole = length >>> 6;
  const rest = length & 63;
  const tailBlocks = pad(tailOf(lane), nextMessage + (length - rest), rest, length);
  initialiseLane(STATE, lane);
  store<u32>(field(lane, AT), <u32>(whole > 0 ? nextMessage : tailOf(lane)));
  store<u32>(field(lane, BLOCKS), whole > 0 ? whole : tailBlocks);
  store<u32>(field(lane, TAIL_BLOCKS), whole > 0 ? tailBlocks : 0);
  store<u32>(field(lane, DIGEST), <u32>nextDigest);
  nextLength += 4;
  nextMessage += length;
  nextDigest += 32;
  left--;
}

function busyLanes(): i32 {
  let busy: i32 = 0;
  for (let lane: usize = 0; lane < 4; lane++) busy += load<u32>(field(lane, BUSY));
  return busy;
}

/** Runs all lanes to the end of the shortest stretch among them. An idle lane repeats what a busy one reads. */
function advance(end: usize): void {
  let blocks: u32 = u32.MAX_VALUE;
  let spare: u32 = 0;
  for (let lane: usize = 0; lane < 4; lane++) {
    if (!load<u32>(field(lane, BUSY))) continue;
    blocks = min(blocks, load<u32>(field(lane, BLOCKS)));
    spare = load<u32>(field(lane, AT));
  }
  compress4(STATE, source(0, spare), source(1, spare), source(2, spare), source(3, spare), blocks);
  for (let lane: usize = 0; lane < 4; lane++) {
    if (load<u32>(field(lane, BUSY))) moveOn(lane, blocks, end);
  }
}

// @ts-ignore: decorator
@inline function source(lane: usize, spare: u32): usize {
  return load<u32>(field(lane, BUSY)) ? load<u32>(field(lane, AT)) : spare;
}

function moveOn(lane: usize, blocks: u32, end: usize): void {
  const remaining = load<u32>(field(lane, BLOCKS)) - blocks;
  if (remaining > 0) {
    store<u32>(field(lane, AT), load<u32>(field(lane, AT)) + 64 * blocks);
    store<u32>(field(lane, BLOCKS), remaining);
  } else if (load<u32>(field(lane, TAIL_BLOCKS)) > 0) {
    enterTail(lane);
  } else {
    storeLane(STATE, lane, load<u32>(field(lane, DIGEST)));
    feed(lane, end);
  }
}

function enterTail(lane: usize): void {
  store<u32>(field(lane, AT), <u32>tailOf(lane));
  store<u32>(field(lane, BLOCKS), load<u32>(field(lane, TAIL_BLOCKS)));
  store<u32>(field(lane, TAIL_BLOCKS), 0);
}

/** Finishes the message of a lane, if it has one, as a single stream. */
function finishAlone(lane: usize): void {
  if (!load<u32>(field(lane, BUSY))) return;
  for (let i: usize = 0; i < 8; i++) store<u32>(SINGLE + 4 * i, load<u32>(STATE + 16 * i + 4 * lane));
  compress(SINGLE, load<u32>(field(lane, AT)), load<u32>(field(lane, BLOCKS)));
  if (load<u32>(field(lane, TAIL_BLOCKS)) > 0) compress(SINGLE, tailOf(lane), load<u32>(field(lane, TAIL_BLOCKS)));
  storeDigest(SINGLE, load<u32>(field(lane, DIGEST)));
}

function wipeLanes(): void {
  clear(STATE, 128);
  clear(SINGLE, 32);
  clear(TAILS, 512);
  wipeSchedule();
  wipeSchedule4();
}
