/** Inputs of any size, and their statistics counted in the plainest way, for comparison. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { TextStatistics } from '../../src/workload/text-statistics.ts';

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

/** One byte after the other. */
export function countFile(file: string): Omit<TextStatistics, 'top'> & { top: Map<string, number> } {
  const input = openSync(file, 'r');
  const piece = Buffer.alloc(PIECE_BYTES);
  const top = new Map<string, number>();
  let [bytes, lines, words, word] = [0, 0, 0, ''];
  const end = () => {
    if (word === '') return;
    words++;
    top.set(word, (top.get(word) ?? 0) + 1);
    word = '';
  };
  for (let read = readSync(input, piece); read > 0; read = readSync(input, piece)) {
    bytes += read;
    let from = 0;
    for (let i = 0; i < read; i++) {
      const byte = piece[i];
      if (byte === 0x0a) lines++;
      if (byte !== 0x20 && (byte < 0x09 || byte > 0x0d)) continue;
      word += piece.toString('latin1', from, i);
      from = i + 1;
      end();
    }
    word += piece.toString('latin1', from, read);
  }
  end();
  closeSync(input);
  return { bytes, lines, words, top };
}
