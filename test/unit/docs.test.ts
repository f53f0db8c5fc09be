/** The documents say what the source says: codes, log fields, exit codes, links, commands. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { EXIT } from '../../src/cli/terminal.ts';
import { SUITES } from '../conformance/suites.ts';
import * as assert from '../support/assert.ts';
import { suite } from '../support/suite.ts';

const test = suite('documents', { timeout: 60_000 });
const DOCUMENTS = ['README.md', 'SECURITY.md', 'CHANGELOG.md', ...walk('docs', '.md')];
const read = (path: string) => readFileSync(path, 'utf8');

test('every code of the source is in errors.md, and the page is as the source would write it', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/error-codes.mjs', '--check'], {
    encoding: 'utf8',
  });
  assert.is(status, 0, stderr);
  const page = read('docs/errors.md');
  for (const file of walk('src', '.ts'))
    for (const [, code] of read(file).matchAll(/new OotoError\(\s*'(OOTO_[A-Z0-9_]+)'/g))
      assert.ok(page.includes(`| \`${code}\` |`), `${code} of ${file}`);
});

test('every log field of the source is in operations.md', () => {
  const listed = tableColumn('docs/operations.md', '## The log');
  for (const file of walk('src', '.ts'))
    for (const field of loggedFields(file)) assert.ok(listed.has(field), `${field}, logged in ${file}`);
});

test('exit codes are those of the command line', () => {
  const listed = [...read('docs/operations.md').matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
  assert.equal(listed, Object.values(EXIT));
});

test('the table of vectors in the README has as many as the suites', () => {
  const published = SUITES.flatMap(({ files }) => Object.values(files)).reduce(
    (sum, cases) => sum + cases,
    0,
  );
  const rows = read('README.md')
    .split('| suite | vectors | out of scope |')[1]
    .split('\n\n')[0]
    .matchAll(/^\| [^|]+ \|([^|]+)\|([^|]*)\|$/gm);
  const counted = [...rows]
    .flatMap(([, passed, skipped]) => [passed, skipped])
    .map((cell) => Number.parseInt(cell.replaceAll(',', ''), 10) || 0);
  assert.is(
    counted.reduce((sum, count) => sum + count, 0),
    published,
  );
});

test('every link between documents leads somewhere', () => {
  for (const document of DOCUMENTS)
    for (const [, target] of read(document)
      .replace(/`[^`]*`/g, '')
      .matchAll(/\]\((?!https?:)([^)#]+)/g))
      assert.ok(existsSync(join(dirname(document), target)), `${document} links to ${target}`);
});

test('every npm command of the documents exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const document of DOCUMENTS)
    for (const [, name] of read(document).matchAll(
      /npm (?:run )?(?:-s )?(start|test(?::\w+)?|(?<=run (?:-s )?)[\w:]+)/g,
    ))
      assert.ok(Object.hasOwn(scripts, name), `${document} calls npm run ${name}`);
});

test('every document named in a comment of the source is there', () => {
  for (const file of [...walk('src', '.ts'), ...walk('assembly', '.ts')])
    for (const [path] of read(file).matchAll(/docs\/[\w/-]+\.md/g))
      assert.ok(existsSync(path), `${file} names ${path}`);
});

/** Names of the properties in the third argument of `….log(level, message, {…})`. */
function loggedFields(path: string): string[] {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (
      ts.isCallExpression(node) &&
      ts.isPropertyAccessExpression(node.expression) &&
      node.expression.name.text === 'log'
    ) {
      const [, , fields] = node.arguments;
      if (fields && ts.isObjectLiteralExpression(fields))
        for (const property of fields.properties) if (property.name) names.push(property.name.getText());
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true));
  return names;
}

/** Code words of the first column of the first table below a heading. */
function tableColumn(path: string, heading: string): Set<string> {
  const section = read(path).split(heading)[1].split('\n## ')[0];
  const cells = [...section.matchAll(/^\| ([^|]+) \|/gm)].map(([, cell]) => cell);
  return new Set(cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name)));
}

function walk(folder: string, end: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return walk(path, end);
    return entry.name.endsWith(end) ? [path] : [];
  });
}
