/** Inputs of any size, and their statistics counted in the plainest way, for comparison. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

const PIECE_BYTES = 1024 * 1024;

/** Writes `bytes` bytes: `fill` is called for each piece of at most 1 MiB. */
export function writeInput(file: string, bytes: number, fill: (piece: Buffer, offset: number) => void): void {
  const out = openSync(file, 'w', 0o600);
  try {
    for (let at = 0; at < bytes; ) {
      const piece = Buffer.alloc(Math.min(PIECE_BYTES, bytes - at));
      fill(piece, at);
      at += writeSync(out, piece);
    }
  } finally {
    closeSync(out);
  }
}

/** Fills with words of a small vocabulary, a line now and then; the same for the same seed. */
export function wordFiller(seed = 1): (piece: Buffer) => void {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 8;
  };
  return (piece) => {
    let at = 0;
    while (at < piece.length) {
      const word = `w${(next() % 997) * (next() % 7)}${next() % 11 === 0 ? '\n' : ' '}`;
      at += piece.write(word, at, 'latin1');
    }
  };
}

export interface PlainCount {
  bytes: number;
  lines: number;
  words: number;
  /** How often each word stands there, byte for character; empty unless asked for. */
  each: Map<string, number>;
}

/** One byte after the other. With `each` every word is kept, so distinct words must fit into memory. */
export function countFile(file: string, { each: keep = true } = {}): PlainCount {
  const input = openSync(file, 'r');
  const piece = Buffer.alloc(PIECE_BYTES);
  const count: PlainCount = { bytes: 0, lines: 0, words: 0, each: new Map() };
  let [word, inWord] = ['', false];
  const end = () => {
    if (inWord) count.words++;
    if (inWord && keep) count.each.set(word, (count.each.get(word) ?? 0) + 1);
    [word, inWord] = ['', false];
  };
  for (let read = readSync(input, piece); read > 0; read = readSync(input, piece)) {
    count.bytes += read;
    let from = 0;
    for (let i = 0; i < read; i++) {
      const byte = piece[i];
      if (byte === 0x0a) count.lines++;
      if (byte !== 0x20 && (byte < 0x09 || byte > 0x0d)) {
        inWord = true;
        continue;
      }
      if (keep) word += piece.toString('latin1', from, i);
      from = i + 1;
      end();
    }
    if (keep) word += piece.toString('latin1', from, read);
  }
  end();
  closeSync(input);
  return count;
}

/** The most frequent words come first; words of equal count in bytewise order. */
export function mostFrequent({ each }: PlainCount, most: number): [word: string, count: number][] {
  return [...each].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, most);
}
