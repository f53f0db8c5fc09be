// The distinct words of a chunk. What flows through here: occurrences are counted in a small table, as far as it
// finds room for a word near its place; what finds none is kept as an entry of its own. Then all entries are
// sorted by their bytes and equal ones joined. So ordinary text is fast, and text made to collide is only sorted.

/** Memory, from the end of the static data on. A word is its place in the input: words are never copied. */
export const INPUT_BYTES: u32 = 4 * 1024 * 1024;
/** A word and its separator take two bytes at least. */
const ENTRIES_MOST: u32 = INPUT_BYTES / 2;
const ENTRY_BYTES: u32 = 12;
const SLOTS: u32 = 1 << 18;
const PROBES: u32 = 16;

/** The chunk, and one byte beyond it by which a chunk that is too long is known. */
export const INPUT: usize = (__heap_base + 15) & ~15;
const ENTRIES: usize = INPUT + INPUT_BYTES + 16;
const SLOT_TABLE: usize = ENTRIES + ENTRIES_MOST * ENTRY_BYTES;
const ORDER: usize = SLOT_TABLE + SLOTS * 4;
const SPARE: usize = ORDER + ENTRIES_MOST * 4;
const END: usize = SPARE + ENTRIES_MOST * 4;

let entries: u32 = 0;
let distinct: u32 = 0;
let order: usize = ORDER;

export function requireMemory(): void {
  assert(END <= <usize>memory.size() << 16);
}

// @ts-ignore: decorator
@inline
function entry(index: u32): usize {
  return ENTRIES + index * ENTRY_BYTES;
}
// @ts-ignore: decorator
@inline
function placeOf(index: u32): usize {
  return load<u32>(entry(index));
}
// @ts-ignore: decorator
@inline
function lengthOf(index: u32): u32 {
  return load<u32>(entry(index), 4);
}
// @ts-ignore: decorator
@inline
function countOf(index: u32): u32 {
  return load<u32>(entry(index), 8);
}

/** Counts one occurrence of the word of `length` bytes at `place`; `hash` is any function of its bytes. */
export function count(place: usize, length: u32, hash: u32): void {
  let slot = (hash ^ (hash >> 15)) & (SLOTS - 1);
  for (let probe: u32 = 0; probe < PROBES; probe++) {
    const known = load<u32>(SLOT_TABLE + slot * 4);
    if (known == 0) {
      store<u32>(SLOT_TABLE + slot * 4, add(place, length) + 1);
      return;
    }
    if (isWord(known - 1, place, length)) {
      store<u32>(entry(known - 1), countOf(known - 1) + 1, 8);
      return;
    }
    slot = (slot + 1) & (SLOTS - 1);
  }
  add(place, length);
}

function isWord(index: u32, place: usize, length: u32): bool {
  return lengthOf(index) == length && memory.compare(placeOf(index), place, length) == 0;
}

function add(place: usize, length: u32): u32 {
  const at = entry(entries);
  store<u32>(at, <u32>place);
  store<u32>(at, length, 4);
  store<u32>(at, 1, 8);
  return entries++;
}

/** Sorts the words and joins equal ones; returns how many there are. Afterwards they are read by rank. */
export function finish(): u32 {
  for (let i: u32 = 0; i < entries; i++) store<u32>(ORDER + i * 4, i);
  sort();
  for (let i: u32 = 0; i < entries; i++) {
    const index = load<u32>(order + i * 4);
    const last = distinct == 0 ? index : load<u32>(order + (distinct - 1) * 4);
    if (distinct > 0 && compare(last, index) == 0) store<u32>(entry(last), countOf(last) + countOf(index), 8);
    else store<u32>(order + distinct++ * 4, index);
  }
  return distinct;
}

export function placeAt(rank: u32): usize {
  return placeOf(load<u32>(order + rank * 4));
}

export function lengthAt(rank: u32): u32 {
  return lengthOf(load<u32>(order + rank * 4));
}

export function countAt(rank: u32): u32 {
  return countOf(load<u32>(order + rank * 4));
}

/** Merge sort from short runs to long ones, between two arrays: its time depends little on what it sorts. */
function sort(): void {
  let from = ORDER;
  let to = SPARE;
  for (let width: u32 = 1; width < entries; width <<= 1) {
    for (let low: u32 = 0; low < entries; low += width << 1)
      merge(from, to, low, min(low + width, entries), min(low + (width << 1), entries));
    const other = from;
    from = to;
    to = other;
  }
  order = from;
}

function merge(from: usize, to: usize, low: u32, middle: u32, high: u32): void {
  let left = low;
  let right = middle;
  for (let at = low; at < high; at++) {
    const takeLeft =
      left < middle &&
      (right >= high || compare(load<u32>(from + left * 4), load<u32>(from + right * 4)) <= 0);
    store<u32>(to + at * 4, load<u32>(from + (takeLeft ? left++ : right++) * 4));
  }
}

/** Bytewise order, eight bytes at a time. */
function compare(a: u32, b: u32): i32 {
  const placeA = placeOf(a);
  const placeB = placeOf(b);
  const lengthA = lengthOf(a);
  const lengthB = lengthOf(b);
  const shared = min(lengthA, lengthB);
  let i: u32 = 0;
  for (; i + 8 <= shared; i += 8) {
    const wordA = bswap<u64>(load<u64>(placeA + i));
    const wordB = bswap<u64>(load<u64>(placeB + i));
    if (wordA != wordB) return wordA < wordB ? -1 : 1;
  }
  for (; i < shared; i++) {
    const byteA = load<u8>(placeA + i);
    const byteB = load<u8>(placeB + i);
    if (byteA != byteB) return byteA < byteB ? -1 : 1;
  }
  return lengthA < lengthB ? -1 : i32(lengthA > lengthB);
}
