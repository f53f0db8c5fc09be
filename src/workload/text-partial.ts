/**
 * Partial results of the text statistics module (extra/text-statistics), which run on machines that may lie.
 * What flows through here: the module's output for one chunk is taken apart strictly and held against the
 * chunk's length; borders and distinct words come out, words in ascending bytewise order. Its totals must be
 * ones that some chunk of that length has.
 */
import { compare, readU32be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';

export interface TextPartial {
  bytes: number;
  /** Bytes of value 0A. */
  lines: number;
  /** Occurrences of interior words. */
  words: number;
  /** Whether the chunk holds a separator; if not, all of it is the leading border. */
  separated: boolean;
  /** Before the first separator. */
  leading: Uint8Array;
  /** After the last separator. */
  trailing: Uint8Array;
  /** How many distinct interior words there are; {@link wordCounts} has them. */
  distinct: number;
  /** Where the words are. */
  packed: Uint8Array;
}

export interface WordCount {
  word: Uint8Array;
  count: number;
}

const MAGIC = 0x4f545331;
const HEADER_BYTES = 29;

/**
 * Reads the output for a chunk of `chunkBytes` bytes; the arrays of the result are views of it.
 * @throws OOTO_WORKLOAD_PARTIAL (peer) for anything that no run of the module writes for such a chunk.
 */
export function readTextPartial(output: Uint8Array, chunkBytes: number): TextPartial {
  if (output.length < HEADER_BYTES || readU32be(output, 0) !== MAGIC)
    throw refuse('it does not begin as one does');
  if (output[16] > 1) throw refuse('a flag is neither 0 nor 1');
  const [bytes, lines, words] = [4, 8, 12].map((at) => readU32be(output, at));
  const [leadingBytes, trailingBytes, distinct] = [17, 21, 25].map((at) => readU32be(output, at));
  const cursor = { bytes: output, at: HEADER_BYTES };
  const partial: TextPartial = {
    bytes,
    lines,
    words,
    separated: output[16] === 1,
    leading: take(cursor, leadingBytes),
    trailing: take(cursor, trailingBytes),
    distinct,
    packed: output.subarray(cursor.at),
  };
  if (bytes !== chunkBytes) throw refuse(`it speaks of ${bytes} bytes, the chunk has ${chunkBytes}`);
  requireConsistent(partial);
  return partial;
}

/** The distinct interior words, ascending; the arrays are views. */
export function* wordCounts({ packed, distinct }: TextPartial): Generator<WordCount> {
  const cursor = { bytes: packed, at: 0 };
  for (let i = 0; i < distinct; i++) {
    const word = take(cursor, takeVariable(cursor));
    yield { word, count: takeVariable(cursor) };
  }
  if (cursor.at !== packed.length) throw refuse('bytes follow its end');
}

/** 09 to 0D and 20. */
export function isSeparator(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

interface Cursor {
  bytes: Uint8Array;
  at: number;
}

function take(cursor: Cursor, length: number): Uint8Array {
  if (length > cursor.bytes.length - cursor.at) throw refuse('it ends too early');
  cursor.at += length;
  return cursor.bytes.subarray(cursor.at - length, cursor.at);
}

/** LEB128 below 2^32 in its shortest form. */
function takeVariable(cursor: Cursor): number {
  let value = 0;
  for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
    const [byte] = take(cursor, 1);
    value += (byte & 0x7f) * factor;
    if (byte >= 0x80) continue;
    if ((byte === 0 && factor > 1) || value > 0xffff_ffff) break;
    return value;
  }
  throw refuse('a number is not in its shortest form');
}

/** Words, borders and separators must fill the chunk. */
function requireConsistent(partial: TextPartial): void {
  const { bytes, lines, words, separated, leading, trailing } = partial;
  if (hasSeparator(leading) || hasSeparator(trailing)) throw refuse('a border holds a separator');
  const { occurrences, filled } = requireSoundWords(partial);
  const separators = bytes - filled - leading.length - trailing.length;
  if (occurrences !== words) throw refuse('its words do not add up');
  const fits = separated
    ? separators >= words + 1 && lines <= separators
    : separators === 0 && lines === 0 && words === 0 && trailing.length === 0;
  if (!fits) throw refuse('its parts do not fill the chunk');
}

function requireSoundWords(partial: TextPartial): { occurrences: number; filled: number } {
  let last: Uint8Array | undefined;
  let occurrences = 0;
  let filled = 0;
  for (const { word, count } of wordCounts(partial)) {
    if (word.length === 0 || count === 0) throw refuse('a word is empty or was never counted');
    if (last && compare(last, word) >= 0) throw refuse('its words do not ascend');
    if (hasSeparator(word)) throw refuse('a word holds a separator');
    occurrences += count;
    filled += count * word.length;
    last = word;
  }
  return { occurrences, filled };
}

function hasSeparator(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (isSeparator(bytes[i])) return true;
  return false;
}

function refuse(what: string): OotoError {
  return new OotoError('OOTO_WORKLOAD_PARTIAL', 'peer', `not a partial result: ${what}`);
}
