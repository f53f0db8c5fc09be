/** Lines out of chunks: however a text is cut, the same lines come out, and a huge one costs no memory. */
import fc from 'fast-check';
import { lineBatches } from '../../oracle/lines.ts';
import * as assert from '../../support/assert.ts';
import { suite } from '../../support/suite.ts';

const test = suite('oracle lines');

async function linesOf(chunks: readonly Uint8Array[], most = 1000): Promise<(string | undefined)[]> {
  async function* source() {
    yield* chunks;
  }
  const lines: (string | undefined)[] = [];
  for await (const batch of lineBatches(source(), most)) lines.push(...batch);
  return lines;
}

const utf8 = (text: string) => new TextEncoder().encode(text);

test('a last line needs no end, an end makes no empty line', async () => {
  assert.equal(await linesOf([utf8('a\nb')]), ['a', 'b']);
  assert.equal(await linesOf([utf8('a\nb\n')]), ['a', 'b']);
  assert.equal(await linesOf([utf8('a\n\nb\n')]), ['a', '', 'b']);
  assert.equal(await linesOf([]), []);
});

test('lines do not depend on how the stream is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme' }).map((line) => line.replaceAll('\n', ' '))),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      async (lines, cuts) => {
        const bytes = utf8(lines.map((line) => `${line}\n`).join(''));
        const chunks: Uint8Array[] = [];
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const length = cuts[i % cuts.length];
          chunks.push(bytes.subarray(at, at + length));
          at += length;
        }
        assert.equal(await linesOf(chunks), lines);
      },
    ),
  );
});

test('a line over the limit is marked, not kept, and what follows is read', async () => {
  const long = Array.from({ length: 100 }, () => utf8('x'.repeat(50)));
  assert.equal(await linesOf([utf8('a\n'), ...long, utf8('\nb\n')]), ['a', undefined, 'b']);
  assert.equal(await linesOf([utf8(`${'x'.repeat(1000)}\n`)]), ['x'.repeat(1000)]);
  assert.equal(await linesOf([utf8(`${'x'.repeat(1001)}\n`)]), [undefined]);
});
