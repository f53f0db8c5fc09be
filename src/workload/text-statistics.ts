/**
 * The statistics of a text of any size from the partial results of its chunks, in bounded memory. What flows
 * through here: each partial result is checked and spooled, its words as a sorted run, its borders beside it;
 * when all are there, borders are joined in order to the words they are parts of, all runs are merged as one
 * ascending stream, and the most frequent words are kept as it passes. Memory does not grow with the text, with
 * the number of distinct words, or with the length of a word.
 *
 * A word is a maximal run of bytes other than 09-0D and 20; word-text.ts says how it is shown.
 */
import { compare, concat } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { Spool } from '../ports.ts';
import { readTextPartial, type TextPartial, wordCounts } from './text-partial.ts';
import { PREFIX_BYTES, readWordKey, WordKeyBuilder } from './word-key.ts';
import { mergeRuns, type Run, RunWriter } from './word-runs.ts';
import { showWord, type TopWord } from './word-text.ts';

export interface TextStatistics {
  bytes: number;
  /** Bytes of value 0A. */
  lines: number;
  words: number;
  /** Most frequent first; words of equal count in bytewise order. */
  top: TopWord[];
}

interface ChunkRest {
  bytes: number;
  lines: number;
  words: number;
  separated: boolean;
  run: Run;
  bordersAt: number;
  leading: number;
  trailing: number;
}

interface Counted {
  key: Uint8Array;
  count: number;
}

export const TOP_MOST = 1000;
const PIECE_BYTES = 64 * 1024;

/** Gathers partial results, in any order, one call at a time. */
export class TextStatisticsMerge {
  readonly #crypto: Crypto;
  readonly #spool: Spool;
  readonly #chunks = new Map<number, ChunkRest>();

  constructor(crypto: Crypto, spool: Spool) {
    this.#crypto = crypto;
    this.#spool = spool;
  }

  /**
   * Takes the module's output for chunk `index` (from 0), which has `chunkBytes` bytes; a second output for
   * the same chunk is passed over.
   * @throws OOTO_WORKLOAD_PARTIAL (peer).
   */
  async add(index: number, output: Uint8Array, chunkBytes: number): Promise<void> {
    const partial = readTextPartial(output, chunkBytes);
    if (this.#chunks.has(index)) return;
    const run = await this.#spoolWords(partial);
    const bordersAt = await this.#spool.append(concat(partial.leading, partial.trailing));
    const { bytes, lines, words, separated, leading, trailing } = partial;
    this.#chunks.set(index, {
      bytes,
      lines,
      words,
      separated,
      run,
      bordersAt,
      leading: leading.length,
      trailing: trailing.length,
    });
  }

  /**
   * The statistics of the text of `chunks` chunks, with its `top` most frequent words.
   * @throws OOTO_WORKLOAD_INCOMPLETE (caller) when the output for a chunk is missing.
   */
  async finish(chunks: number, top: number): Promise<TextStatistics> {
    const rests = this.#inOrder(chunks);
    const borders = await this.#borderWords(rests);
    const writer = new RunWriter(this.#spool);
    await putAll(writer, joined(borders));
    const runs = [...rests.map(({ run }) => run), await writer.finish()];
    const ranking = new Ranking(Math.min(top, TOP_MOST));
    await mergeRuns(this.#spool, runs, (key, count) => ranking.offer(key, count));
    const sum = (of: (rest: ChunkRest) => number) => rests.reduce((total, rest) => total + of(rest), 0);
    return {
      bytes: sum(({ bytes }) => bytes),
      lines: sum(({ lines }) => lines),
      words: sum(({ words }) => words) + borders.length,
      top: ranking.words.map(({ key, count }) => showWord(readWordKey(key), count)),
    };
  }

  #inOrder(chunks: number): ChunkRest[] {
    return Array.from({ length: chunks }, (_, index) => {
      const rest = this.#chunks.get(index);
      if (!rest)
        throw new OotoError('OOTO_WORKLOAD_INCOMPLETE', 'caller', `the output for chunk ${index} is missing`);
      return rest;
    });
  }

  /** Long words may change places among neighbours with the same beginning: keys order them by length. */
  async #spoolWords(partial: TextPartial): Promise<Run> {
    const writer = new RunWriter(this.#spool);
    const builder = new WordKeyBuilder(this.#crypto);
    let long: Counted[] = [];
    for (const { word, count } of wordCounts(partial)) {
      if (word.length > PREFIX_BYTES) {
        builder.update(word);
        long.push({ key: builder.finish(), count });
        continue;
      }
      if (long.length > 0) {
        await putAll(writer, long.sort(byKey));
        long = [];
      }
      writer.put(word, count);
      if (writer.full) await writer.flush();
    }
    await putAll(writer, long.sort(byKey));
    return writer.finish();
  }

  /** Keys of the words that stand at borders, one for each, in the order of the text. */
  async #borderWords(rests: readonly ChunkRest[]): Promise<Uint8Array[]> {
    const builder = new WordKeyBuilder(this.#crypto);
    const keys: Uint8Array[] = [];
    const end = () => {
      if (builder.length > 0) keys.push(builder.finish());
    };
    for (const { bordersAt, leading, trailing, separated } of rests) {
      await this.#feed(builder, bordersAt, leading);
      if (separated) end();
      await this.#feed(builder, bordersAt + leading, trailing);
    }
    end();
    return keys;
  }

  async #feed(builder: WordKeyBuilder, offset: number, length: number): Promise<void> {
    const piece = new Uint8Array(Math.min(PIECE_BYTES, length));
    for (let done = 0; done < length; ) {
      const part = piece.subarray(0, Math.min(piece.length, length - done));
      done += await this.#spool.read(offset + done, part);
      builder.update(part);
    }
  }
}

function byKey(a: Counted, b: Counted): number {
  return compare(a.key, b.key);
}

async function putAll(writer: RunWriter, counted: readonly Counted[]): Promise<void> {
  for (const { key, count } of counted) {
    writer.put(key, count);
    if (writer.full) await writer.flush();
  }
}

function joined(keys: readonly Uint8Array[]): Counted[] {
  const counted: Counted[] = [];
  for (const key of [...keys].sort(compare)) {
    const last = counted.at(-1);
    if (last && compare(last.key, key) === 0) last.count++;
    else counted.push({ key, count: 1 });
  }
  return counted;
}

/** The first `size` words by count; keys must be offered in ascending order, so the earlier wins a tie. */
class Ranking {
  readonly words: Counted[] = [];
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  offer(key: Uint8Array, count: number): void {
    const { words } = this;
    if (words.length === this.#size && (this.#size === 0 || words[words.length - 1].count >= count)) return;
    let place = words.length;
    while (place > 0 && words[place - 1].count < count) place--;
    words.splice(place, 0, { key: key.slice(), count });
    if (words.length > this.#size) words.pop();
  }
}
