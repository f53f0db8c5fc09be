// Text statistics of one chunk, as a WASI preview 1 command. What flows through here: a chunk of at most 4 MiB
// comes on standard input; its line feeds and words are counted; a partial result goes to standard output, from
// which the statistics of the whole text follow however it was cut (src/workload/text-statistics.ts).
//
// A word is a maximal run of bytes other than 09-0D and 20. What stands before the first and after the last
// separator of a chunk may be part of a word of its neighbour, so these borders are handed on as they are.
//
// Partial result, integers big-endian: "OTS1", u32 bytes, u32 lines, u32 words (interior occurrences),
// u8 separated (0 when the chunk holds no separator: all of it is the leading border), u32 length of the leading
// border, u32 length of the trailing border, u32 distinct interior words; the leading border; the trailing border;
// then each distinct word in bytewise order: LEB128 length, bytes, LEB128 count.
//
// Exit codes: 0 done, 2 the input is longer than a chunk, 3 a stream failed.
import { exit, flush, readInput, writeByte, writeBytes, writeU32, writeVariable } from "./wasi";
import { count, countAt, finish, INPUT, INPUT_BYTES, lengthAt, placeAt, requireMemory } from "./words";

const EXIT_TOO_LONG: i32 = 2;
const MAGIC: u32 = 0x4f545331;
const LINE_FEED: u32 = 0x0a;
const HASH_START: u32 = 0x811c9dc5;
const HASH_PRIME: u32 = 0x01000193;

let lines: u32 = 0;
let words: u32 = 0;

// @ts-ignore: decorator
@inline
function isSeparator(byte: u32): bool {
  return byte == 0x20 || byte - 0x09 <= 0x0d - 0x09;
}

export function _start(): void {
  requireMemory();
  const bytes = readInput(INPUT, INPUT_BYTES + 1);
  if (bytes > INPUT_BYTES) exit(EXIT_TOO_LONG);
  const first = firstSeparator(bytes);
  const separated = first < bytes;
  const last = separated ? lastSeparator(bytes) : 0;
  if (separated) countInterior(first, last);
  const distinct = finish();
  writeU32(MAGIC);
  writeU32(bytes);
  writeU32(lines);
  writeU32(words);
  writeByte(separated ? 1 : 0);
  writeU32(first);
  writeU32(separated ? bytes - last - 1 : 0);
  writeU32(distinct);
  writeBytes(INPUT, first);
  if (separated) writeBytes(INPUT + last + 1, bytes - last - 1);
  for (let rank: u32 = 0; rank < distinct; rank++) writeWord(rank);
  flush();
}

/** Place of the first separator; `bytes` if there is none. */
function firstSeparator(bytes: u32): u32 {
  let at: u32 = 0;
  while (at < bytes && !isSeparator(load<u8>(INPUT + at))) at++;
  return at;
}

/** Place of the last separator, of which there is one. */
function lastSeparator(bytes: u32): u32 {
  let at = bytes - 1;
  while (!isSeparator(load<u8>(INPUT + at))) at--;
  return at;
}

/** Counts lines and words from the first separator to the last, both included. */
function countInterior(first: u32, last: u32): void {
  let begin = first + 1;
  let hash = HASH_START;
  for (let at = first; at <= last; at++) {
    const byte: u32 = load<u8>(INPUT + at);
    if (!isSeparator(byte)) {
      hash = (hash ^ byte) * HASH_PRIME;
      continue;
    }
    if (byte == LINE_FEED) lines++;
    if (at > begin) {
      words++;
      count(INPUT + begin, at - begin, hash);
    }
    begin = at + 1;
    hash = HASH_START;
  }
}

function writeWord(rank: u32): void {
  const length = lengthAt(rank);
  writeVariable(length);
  writeBytes(placeAt(rank), length);
  writeVariable(countAt(rank));
}
