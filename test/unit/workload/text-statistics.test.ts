import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { concat, u32be, utf8 } from '../../../src/base/bytes.ts';
import { isOotoError } from '../../../src/base/errors.ts';
import { openSpool } from '../../../src/platform/node/spool.ts';
import type { Spool } from '../../../src/ports.ts';
import { execute } from '../../../src/workload/execution.ts';
import { readTextPartial, wordCounts } from '../../../src/workload/text-partial.ts';
import { TextStatisticsMerge } from '../../../src/workload/text-statistics.ts';
import { WordKeyBuilder } from '../../../src/workload/word-key.ts';
import { mergeRuns, type Run, RunWriter } from '../../../src/workload/word-runs.ts';
import { bytes, equal, is, ok, rejectsCode, throwsCode } from '../../support/assert.ts';
import { testCrypto } from '../../support/crypto.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { suite } from '../../support/suite.ts';

const test = suite('text statistics', { timeout: 120_000 });
const crypto = testCrypto();
const module = new Uint8Array(readFileSync(join(process.cwd(), 'build', 'text-statistics.wasm')));
const limits = { memoryBytes: 64 << 20, timeMs: 60_000, outputBytes: 8 << 20 };
const MIB4 = 4 << 20;

function runModule(stdin: Uint8Array) {
  const { exitCode, stdout } = execute({ module, arguments: [], stdin, limits, seed: new Uint8Array(32) });
  return { exitCode, stdout };
}

function memorySpool(): Spool {
  const parts: Uint8Array[] = [];
  let whole = new Uint8Array();
  let length = 0;
  return {
    async append(piece) {
      parts.push(piece.slice());
      length += piece.length;
      return length - piece.length;
    },
    async read(offset, into) {
      if (parts.length > 0) whole = concat(whole, ...parts.splice(0)) as Uint8Array<ArrayBuffer>;
      const found = whole.subarray(offset, offset + into.length);
      into.set(found);
      return found.length;
    },
    async close() {},
  };
}

/** The definition, word for word, by another way: text of one character a byte. */
function naive(text: Uint8Array, top: number) {
  const words = Buffer.from(text)
    .toString('latin1')
    .split(/[\t-\r ]+/)
    .filter((word) => word !== '');
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const order = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, top);
  return {
    bytes: text.length,
    lines: text.filter((byte) => byte === 10).length,
    words: words.length,
    top: order.map(([word, count]) => ({ word: Buffer.from(word, 'latin1'), count })),
  };
}

async function statistics(text: Uint8Array, cuts: number[], top = 10, spool = memorySpool()) {
  const borders = [0, ...[...cuts].sort((a, b) => a - b), text.length];
  const merge = new TextStatisticsMerge(crypto, spool);
  const chunks = borders.slice(1).map((to, i) => text.subarray(borders[i], to));
  const shuffled = chunks.map((chunk, i) => ({ chunk, i })).sort((a, b) => a.chunk.length - b.chunk.length);
  for (const { chunk, i } of shuffled) await merge.add(i, runModule(chunk).stdout, chunk.length);
  return merge.finish(chunks.length, top);
}

test('a text, cut anywhere, has the statistics of the whole', () => {
  const byte = fc.constantFrom(...utf8('aaab  \n\t\v\f\rÿé'), 0, 8, 0x0e, 0x1f, 0x21, 0x80, 0xff);
  return fc.assert(
    fc.asyncProperty(
      fc
        .uint8Array({ maxLength: 200 })
        .chain((noise) => fc.tuple(fc.array(byte, { maxLength: 200 }), fc.constant(noise))),
      fc.array(fc.nat(400), { maxLength: 6 }),
      fc.integer({ min: 0, max: 12 }),
      async ([letters, noise], cuts, top) => {
        const text = concat(Uint8Array.from(letters), noise);
        const found = await statistics(
          text,
          cuts.map((cut) => cut % (text.length + 1)),
          top,
        );
        const expected = naive(text, top);
        equal(
          { ...found, top: found.top.map(({ count }) => count) },
          { ...expected, top: expected.top.map(({ count }) => count) },
        );
        found.top.forEach(({ word, escaped }, i) => {
          const wanted = expected.top[i].word;
          bytes(escaped ? unescaped(word) : utf8(word), new Uint8Array(wanted), 'word');
        });
      },
    ),
    { numRuns: 80 },
  );
});

function unescaped(text: string): Uint8Array {
  const parts = [...text.matchAll(/\\\\|\\x([0-9a-f]{2})|([^\\]+)/g)].map(([, code, plain]) =>
    code ? Uint8Array.of(Number.parseInt(code, 16)) : utf8(plain ?? '\\'),
  );
  return concat(...parts);
}

test('the text of the repository, as wc and sort count it', async () => {
  const file = join('extra', 'texts', 'paradise-lost.txt');
  const text = new Uint8Array(readFileSync(file));
  const sh = (line: string) =>
    execFileSync('sh', ['-c', line], { env: { ...process.env, LC_ALL: 'C' } }).toString();
  const [lines, words, size] = sh(`wc -lwc < ${file}`).trim().split(/ +/).map(Number);
  const sorted = sh(
    `tr -s '\\t-\\r ' '\\n' < ${file} | grep . | sort | uniq -c | sort -k1,1nr -k2,2 | head -n 25`,
  );
  const top = sorted
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(' '))
    .map(([count, word]) => ({ word, count: Number(count) }));
  const cuts = [65_536, 131_072, 196_608, 262_144, 327_680, 393_216];
  equal(await statistics(text, cuts, 25), { bytes: size, lines, words, top });
});

test('a whole chunk of each kind', async () => {
  const kinds = {
    empty: new Uint8Array(),
    spaces: new Uint8Array(MIB4).fill(32),
    lines: new Uint8Array(MIB4).fill(10),
    'one word': new Uint8Array(MIB4).fill(65),
    'short words': Uint8Array.from({ length: MIB4 }, (_, i) => (i % 2 ? 32 : 65 + (i % 23))),
    'many distinct words': Uint8Array.from({ length: MIB4 }, (_, i) =>
      i % 4 === 3 ? 10 : 97 + (Math.floor((i >> 2) / 25 ** (i % 4)) % 25),
    ),
  };
  for (const [name, text] of Object.entries(kinds)) {
    const found = await statistics(text, [], 5);
    const expected = naive(text, 5);
    is(found.words, expected.words, name);
    is(found.lines, expected.lines, name);
    equal(
      found.top.map(({ count }) => count),
      expected.top.map(({ count }) => count),
      name,
    );
  }
});

test('the module refuses more than a chunk', () => {
  is(runModule(new Uint8Array(MIB4 + 1)).exitCode, 2);
});

test('words made to share their place in the counting table are still counted right', () => {
  const fnv = (word: string) =>
    [...utf8(word)].reduce((h, b) => Math.imul(h ^ b, 0x01000193), 0x811c9dc5) >>> 0;
  const colliding: string[] = [];
  for (let i = 0; colliding.length < 60; i++) {
    const h = fnv(`w${i}`);
    if (((h ^ (h >>> 15)) & 0xfff) === 7) colliding.push(`w${i}`);
  }
  const text = utf8(` ${[...colliding, ...colliding, ...colliding.slice(0, 3)].join(' ')} `);
  const partial = readTextPartial(runModule(text).stdout, text.length);
  is(partial.distinct, 60);
  const counts = [...wordCounts(partial)].map(({ count }) => count);
  is(counts.filter((count) => count === 3).length, 3);
  is(counts.filter((count) => count === 2).length, 57);
});

test('long words are told apart by length and digest, wherever they are cut', async () => {
  const long = (n: number, last = 'a') => utf8(`${'a'.repeat(n - 1)}${last}`);
  const parts = [
    long(1024),
    long(1025),
    long(1025, 'b'),
    long(200_000),
    long(1025),
    long(65_536),
    long(131_072),
    long(1023),
  ];
  const text = concat(...parts.flatMap((part) => [part, utf8(' ')]));
  const whole = await statistics(text, [], 20);
  for (const cuts of [
    [1000, 1024, 1025, 2050],
    [5000, 70_000, 70_001, 140_000],
    [1, 2, 3],
  ])
    equal(await statistics(text, cuts, 20), whole);
  is(whole.words, 8);
  is(whole.top.length, 7);
  const [first, ...rest] = whole.top;
  equal([first.count, first.bytes, first.word.length], [2, 1025, 1024]);
  ok(rest.every(({ count }) => count === 1));
  equal(
    rest.map(({ bytes: length }) => length),
    [undefined, undefined, 1025, 65_536, 131_072, 200_000],
  );
  is(new Set(whole.top.map(({ root }) => root).filter(Boolean)).size, 5);
});

test('the key of a word does not depend on its pieces', () => {
  const word = Uint8Array.from({ length: 300_000 }, (_, i) => 33 + (i % 90));
  const key = (pieces: Uint8Array[]) => {
    const builder = new WordKeyBuilder(crypto);
    for (const piece of pieces) builder.update(piece);
    return builder.finish();
  };
  const whole = key([word]);
  fc.assert(
    fc.property(fc.array(fc.nat(word.length), { maxLength: 8 }), (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), word.length];
      bytes(key(at.slice(1).map((to, i) => word.subarray(at[i], to))), whole);
    }),
    { numRuns: 30 },
  );
  const blocks = Array.from({ length: 5 }, (_, i) => word.subarray(i * 65_536, (i + 1) * 65_536));
  bytes(whole.subarray(-32), crypto.merkle.root(blocks), 'the root is that of RFC 6962');
});

test('a word shown is text up to its last whole character, or escaped', async () => {
  const show = async (...word: Uint8Array[]) => (await statistics(concat(...word), [], 1)).top[0];
  equal(await show(utf8('größe')), { word: 'größe', count: 1 });
  equal(await show(utf8('a\\b')), { word: 'a\\b', count: 1 });
  equal(await show(Uint8Array.of(0xff), utf8('é\\'), Uint8Array.of(0xc3)), {
    word: '\\xffé\\\\\\xc3',
    count: 1,
    escaped: true,
  });
  const long = await show(utf8(`x${'é'.repeat(600)}`));
  is(long.word, `x${'é'.repeat(511)}`);
  is(long.escaped, undefined);
  is(long.bytes, 1201);
});

test('more runs than can be open at once', async () => {
  const spool = await openSpool(temporaryFolder());
  const runs: Run[] = [];
  const expected = new Map<string, number>();
  for (let r = 0; r < 600; r++) {
    const writer = new RunWriter(spool);
    for (let i = r % 7; i < 40; i += 1 + (r % 5)) {
      const word = `k${String(i).padStart(3, '0')}`;
      writer.put(utf8(word), 2 ** 30 + r);
      expected.set(word, (expected.get(word) ?? 0) + 2 ** 30 + r);
    }
    runs.push(await writer.finish());
  }
  const found: [string, number][] = [];
  await mergeRuns(spool, runs, (key, count) => void found.push([Buffer.from(key).toString(), count]));
  equal(
    found,
    [...expected].sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  await spool.close();
});

test('runs longer than a block, read from a file', async () => {
  const spool = await openSpool(temporaryFolder());
  const runs: Run[] = [];
  for (let r = 0; r < 3; r++) {
    const writer = new RunWriter(spool);
    for (let i = 0; i < 60_000; i++) {
      writer.put(utf8(`${String(i).padStart(6, '0')}${'x'.repeat(i % 900 === 0 ? 1000 : i % 40)}`), i + 1);
      if (writer.full) await writer.flush();
    }
    runs.push(await writer.finish());
  }
  let n = 0;
  await mergeRuns(spool, runs, (key, count) => {
    if (Number(Buffer.from(key.subarray(0, 6)).toString()) !== n || count !== 3 * (n + 1))
      throw new Error(`at ${n}`);
    n++;
  });
  is(n, 60_000);
  await spool.close();
});

test('a missing chunk is said, a second answer for one is passed over', async () => {
  const merge = new TextStatisticsMerge(crypto, memorySpool());
  await merge.add(1, runModule(utf8('b')).stdout, 1);
  await rejectsCode(merge.finish(2, 1), 'OOTO_WORKLOAD_INCOMPLETE');
  await merge.add(0, runModule(utf8('a')).stdout, 1);
  await merge.add(0, runModule(utf8('c')).stdout, 1);
  equal((await merge.finish(2, 1)).top, [{ word: 'ab', count: 1 }]);
});

test('attack: partial results that no chunk has', () => {
  const chunk = utf8('ab one two two three cd');
  const good = runModule(chunk).stdout;
  readTextPartial(good, chunk.length);
  const read = (output: Uint8Array) => readTextPartial(output, chunk.length);
  throwsCode(() => readTextPartial(good, chunk.length + 1), 'OOTO_WORKLOAD_PARTIAL');
  throwsCode(() => read(concat(good, Uint8Array.of(0))), 'OOTO_WORKLOAD_PARTIAL');
  for (let length = 0; length < good.length; length++)
    throwsCode(() => read(good.subarray(0, length)), 'OOTO_WORKLOAD_PARTIAL');
  const lines = good.slice();
  lines.set(u32be(100), 8);
  throwsCode(() => read(lines), 'OOTO_WORKLOAD_PARTIAL');
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bad = good.slice();
      bad[at] ^= flip;
      try {
        const partial = read(bad);
        const filled = [...wordCounts(partial)].reduce(
          (sum, { word, count }) => sum + word.length * count,
          0,
        );
        ok(filled + partial.leading.length + partial.trailing.length <= chunk.length);
      } catch (error) {
        ok(isOotoError(error, 'OOTO_WORKLOAD_PARTIAL'), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('attack: words that are none, out of order, twice, or miscounted', () => {
  const partial = (words: [string, number][], occurrences: number) =>
    concat(
      utf8('OTS1'),
      u32be(100),
      u32be(0),
      u32be(occurrences),
      Uint8Array.of(1),
      u32be(0),
      u32be(0),
      u32be(words.length),
      ...words.map(([word, count]) => concat(Uint8Array.of(word.length), utf8(word), Uint8Array.of(count))),
    );
  const read = (...given: Parameters<typeof partial>) => readTextPartial(partial(...given), 100);
  is(
    read(
      [
        ['a', 2],
        ['ab', 1],
        ['b', 1],
      ],
      4,
    ).distinct,
    3,
  );
  const wrong: Parameters<typeof partial>[] = [
    [
      [
        ['a', 2],
        ['b', 1],
      ],
      4,
    ],
    [
      [
        ['b', 1],
        ['a', 2],
      ],
      3,
    ],
    [
      [
        ['a', 2],
        ['a', 1],
      ],
      3,
    ],
    [[['a b', 1]], 1],
    [[['a\n', 1]], 1],
    [[['', 1]], 1],
    [[['a', 0]], 0],
    [[['abcdefghij', 10]], 10],
    [[['a', 60]], 60],
  ];
  for (const given of wrong) throwsCode(() => read(...given), 'OOTO_WORKLOAD_PARTIAL');
});
