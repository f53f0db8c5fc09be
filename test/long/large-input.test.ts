/** 1 GiB of every shape through the demonstration: right figures, and no process above 300 MB of resident memory. */
import { randomFillSync } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../support/folder.ts';
import { requireCounted } from '../support/large-input.ts';
import { suite } from '../support/suite.ts';
import { wordFiller, writeInput } from '../support/text-file.ts';

const test = suite('long/large-input', { timeout: 1_800_000 });
const BYTES = 2 ** 30;

const SHAPES: [what: string, fill: (piece: Buffer) => void, each: boolean][] = [
  ['random bytes', (piece) => randomFillSync(piece), false],
  ['a text', wordFiller(5), true],
  ['no separator at all', (piece) => piece.fill('abc'), false],
  ['only separators', (piece) => piece.fill(' \t\n\v\f\r'), true],
];

for (const [what, fill, each] of SHAPES)
  test(`1 GiB: ${what}`, async () => {
    const file = join(temporaryFolder(), 'input');
    writeInput(file, BYTES, fill);
    try {
      await requireCounted(file, { each });
    } finally {
      unlinkSync(file);
    }
  });
