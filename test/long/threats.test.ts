/**
 * Every guard of the table of threats is taken away once, and its test must go red. What flows through here: the tree
 * is copied; in the copy the lines of a guard are replaced, the file of its test is run, and the lines are put back;
 * with all guards in place every one of those files must be green.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { is, ok } from '../support/assert.ts';
import { suite } from '../support/suite.ts';
import { type Guard, THREATS } from '../threats/table.ts';

const test = suite('threats with their guards taken away', { timeout: 600_000 });
const COPIED = ['src', 'test', 'scripts', 'package.json', 'tsconfig.json'];
const CORES = ['core.wasm', 'core-relaxed.wasm'];
const LIMIT_MS = 300_000;
const OUTPUT_BYTES = 16 * 2 ** 20;

let tree = '';

test.before(() => {
  tree = mkdtempSync(join(tmpdir(), 'ooto-threats-'));
  for (const name of COPIED) cpSync(name, join(tree, name), { recursive: true });
  mkdirSync(join(tree, 'build'));
  for (const core of CORES) cpSync(join('build', core), join(tree, 'build', core));
  symlinkSync(resolve('node_modules'), join(tree, 'node_modules'));
});
test.after(() => rmSync(tree, { recursive: true, force: true }));

/** Runs one file of tests in the copy; the titles of those that failed, and how many passed. */
function run(file: string): Promise<{ failed: string[]; passed: number; output: string }> {
  return new Promise((settle) => {
    const options = { cwd: tree, timeout: LIMIT_MS, maxBuffer: OUTPUT_BYTES };
    execFile(process.execPath, ['scripts/test.mjs', file], options, (_, stdout, stderr) => {
      const output = `${stdout}\n${stderr}`;
      const failed = [...output.matchAll(/^ +FAIL .*?"(.*)"$/gm)].map(([, title]) => title);
      const passed = Number(/^(\d+) passed, /m.exec(output)?.[1] ?? 0);
      settle({ failed, passed, output });
    });
  });
}

async function withoutGuard<T>({ file, lines, without }: Guard, use: () => Promise<T>): Promise<T> {
  const path = join(tree, file);
  const source = readFileSync(path, 'utf8');
  is(source.split(lines).length, 2, `${file}: the guard stands there once`);
  writeFileSync(
    path,
    source.replace(lines, () => without),
  );
  try {
    return await use();
  } finally {
    writeFileSync(path, source);
  }
}

for (const file of new Set(THREATS.map((row) => row.test.file)))
  test(`${file} is green with every guard in place`, async () => {
    const { failed, passed, output } = await run(file);
    is(failed.length, 0, failed.join('; '));
    ok(passed > 0, output);
  });

for (const { threat, what, test: named, guard } of THREATS)
  test(`${threat}: ${what}: without its guard "${named.title}" is red`, async () => {
    const { failed, output } = await withoutGuard(guard, () => run(named.file));
    const isRed = failed.some((title) => title.endsWith(named.title));
    ok(isRed, `red were: ${failed.join('; ') || output.slice(-2000)}`);
  });
