/**
 * The floor plan: this house keeps to it, and each of its rules refuses what was planted against it. Every
 * planted tree is sound but for one line, and is refused for that line alone.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as assert from '../support/assert.ts';
import { suite } from '../support/suite.ts';

interface Breach {
  file: string;
  rule: string;
  message: string;
}
type Tree = Record<string, string>;

const test = suite('floor plan', { timeout: 60_000 });
let checkFloorplan: (root: string) => Promise<Breach[]>;

test.before(async () => {
  // Not bundled with this test: the script finds the house by its own place.
  const script = pathToFileURL(resolve('scripts/check-floorplan.mjs')).href;
  ({ checkFloorplan } = await import(script));
});

const SOUND: Tree = {
  'assembly/index.ts': `export * from './memory';`,
  'assembly/memory.ts': `export const size: i32 = 1;`,
  'src/base/bytes.ts': `export const empty = new Uint8Array();`,
  'src/ports.ts': `export interface Clock { now(): number }`,
  'src/platform/node/clock.ts': `import { hrtime } from 'node:process';\nexport const now = hrtime;`,
  'src/crypto/index.ts': `import { sha256 } from '@noble/hashes/sha2.js';\nexport { sha256 };`,
  'src/noise/state.ts': `import { empty } from '../base/bytes.ts';\nexport const start = empty;`,
  'src/cert/write.ts': `export const writer = () => import('@peculiar/x509');`,
  'src/channel/records.ts': `import { start } from '../noise/state.ts';\nexport const first = start;`,
  'src/index.ts': `export { first } from './channel/records.ts';\nexport { writer } from './cert/write.ts';`,
  'src/browser.ts': `export * from './index.ts';`,
  'src/node.ts': `export * from './index.ts';\nexport { now } from './platform/node/clock.ts';`,
  'src/cli/index.ts': `import { now } from '../node.ts';\nimport { Command } from 'commander';\nexport { Command, now };`,
  'node_modules/@peculiar/x509/index.js': `export {};`,
};

/** A tree written to a folder of its own, judged, and removed. */
async function judged(changes: Tree): Promise<Breach[]> {
  const root = mkdtempSync(join(tmpdir(), 'ooto-floorplan-'));
  try {
    for (const [path, text] of Object.entries({ ...SOUND, ...changes })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), `${text}\n`);
    }
    return await checkFloorplan(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const summary = (breaches: Breach[]) => breaches.map(({ file, rule }) => `${file} ${rule}`);

test('the house keeps to its plan', async () => {
  const breaches = await checkFloorplan(resolve('.'));
  assert.equal(breaches, []);
});

test('a sound tree is accepted', async () => {
  assert.equal(await judged({}), []);
});

const PLANTED: [title: string, rule: string, file: string, text: string, more?: Tree][] = [
  [
    'an import that goes up',
    'down',
    'src/noise/up.ts',
    `import { first } from '../channel/records.ts';\nexport const x = first;`,
  ],
  [
    'a type import that goes up',
    'down',
    'src/noise/up.ts',
    `import type { first } from '../channel/records.ts';\nexport type X = typeof first;`,
  ],
  [
    'an inline type import that goes up',
    'down',
    'src/noise/up.ts',
    `export type X = import('../channel/records.ts').Y;`,
  ],
  [
    'a type re-export that goes up',
    'down',
    'src/noise/up.ts',
    `export type { first } from '../channel/records.ts';`,
  ],
  [
    'a lazy import that goes up',
    'down',
    'src/noise/up.ts',
    `export const later = () => import('../channel/records.ts');`,
  ],
  [
    'a room that imports a room of its floor',
    'floor',
    'src/log/tree.ts',
    `import { start } from '../noise/state.ts';\nexport const x = start;`,
  ],
  [
    'a node that knows of a service that stands on it',
    'down',
    'src/mesh/node.ts',
    `import type { Member } from './authority/member.ts';\nexport type X = Member;`,
    { 'src/mesh/authority/member.ts': 'export type Member = string;' },
  ],
  [
    'a service of a node that imports another',
    'floor',
    'src/mesh/jobs/job.ts',
    `import { member } from '../authority/member.ts';\nexport const x = member;`,
    { 'src/mesh/authority/member.ts': 'export const member = 1;' },
  ],
  [
    'an adapter that imports the other platform',
    'floor',
    'src/platform/browser/clock.ts',
    `import type { now } from '../node/clock.ts';\nexport type X = typeof now;`,
  ],
  [
    'ports that import base',
    'floor',
    'src/ports.ts',
    `import type { empty } from './base/bytes.ts';\nexport type X = typeof empty;`,
  ],
  [
    'a dashboard that reaches past the browser door',
    'floor',
    'web/main.ts',
    `import { first } from '../src/channel/records.ts';\nconsole.log(first);`,
  ],
  [
    'a package in a room that does not own it',
    'package',
    'src/noise/hash.ts',
    `import { sha256 } from '@noble/hashes/sha2.js';\nexport const x = sha256;`,
  ],
  [
    'a package that no room owns',
    'package',
    'src/crypto/pad.ts',
    `import pad from 'left-pad';\nexport const x = pad;`,
  ],
  ['a type import of a package', 'package', 'src/log/type.ts', `export type { Token } from 'cborg';`],
  [
    'a package whose name only begins like an allowed one',
    'package',
    'src/envelope/x.ts',
    `import x from 'cborg-evil';\nexport const y = x;`,
  ],
  [
    'a Node module in a protocol room',
    'builtin',
    'src/mesh/file.ts',
    `import { readFileSync } from 'node:fs';\nexport const x = readFileSync;`,
  ],
  [
    'a Node module under its old name',
    'builtin',
    'src/mesh/file.ts',
    `import { readFileSync } from 'fs';\nexport const x = readFileSync;`,
  ],
  [
    'the type of a Node module in a protocol room',
    'builtin',
    'src/mesh/file.ts',
    `import type { Socket } from 'node:net';\nexport type X = Socket;`,
  ],
  [
    'a Node module in a door',
    'builtin',
    'src/index.ts',
    `export { first } from './channel/records.ts';\nexport type { Socket } from 'node:net';`,
  ],
  ['a room called utils', 'name', 'src/noise/utils.ts', `export const x = 1;`],
  ['a folder called lib', 'name', 'src/mesh/lib/x.ts', `export const x = 1;`],
  ['a room that is not in the plan', 'room', 'src/gossip/x.ts', `export const x = 1;`],
  ['a stray file in src', 'room', 'src/version.ts', `export const x = 1;`],
  [
    'an import of a test',
    'test',
    'src/mesh/x.ts',
    `import { seed } from '../../test/support/seed.ts';\nexport const x = seed;`,
    { 'test/support/seed.ts': 'export const seed = 1;' },
  ],
  [
    'a core that imports a package',
    'outside',
    'assembly/memory.ts',
    `import { x } from 'as-bignum';\nexport const y = x;`,
  ],
  [
    'a core that imports the house above it',
    'outside',
    'assembly/memory.ts',
    `import { empty } from '../src/base/bytes';\nexport const y = empty;`,
  ],
  [
    'a room that imports the core as source',
    'outside',
    'src/core/x.ts',
    `import { size } from '../../assembly/memory.ts';\nexport const y = size;`,
  ],
  [
    'a door that loads the certificate writer with it',
    'lazy',
    'src/cert/write.ts',
    `import * as x509 from '@peculiar/x509';\nexport const writer = () => x509;`,
  ],
];

for (const [title, rule, file, text, more] of PLANTED)
  test(`refused: ${title}`, async () => {
    const breaches = await judged({ ...more, [file]: text });
    assert.equal(summary(breaches), [`${file} ${rule}`], JSON.stringify(breaches, null, 1));
  });

test('refused: files in a circle, even by types alone', async () => {
  const breaches = await judged({
    'src/noise/a.ts': `import { b } from './b.ts';\nexport const a = () => b;\nexport type A = number;`,
    'src/noise/b.ts': `import type { A } from './a.ts';\nexport const b: A = 1;`,
  });
  assert.is(breaches.length, 1);
  assert.is(breaches[0].rule, 'cycle');
  assert.match(breaches[0].message, 'src/noise/b.ts → src/noise/a.ts');
});

test('refused: a Node adapter behind the browser door', async () => {
  const breaches = await judged({ 'src/browser.ts': `export { now } from './platform/node/clock.ts';` });
  assert.equal(summary(breaches), ['src/platform/node/clock.ts browser']);
});

test('refused: a package behind the browser door that needs Node', async () => {
  const breaches = await judged({
    'src/browser.ts': `export * from './envelope/encode.ts';`,
    'src/envelope/encode.ts': `export { encode } from 'cborg';`,
    'node_modules/cborg/index.js': `import { Buffer } from 'node:buffer';\nexport const encode = Buffer.from;`,
  });
  assert.equal(summary(breaches), ['node_modules/cborg/index.js browser']);
});

test('a breach names both rooms and their floors', async () => {
  const [{ message }] = await judged({
    'src/noise/up.ts': `export type X = import('../channel/records.ts').Y;`,
  });
  assert.match(message, 'src/noise is on floor 4');
  assert.match(message, 'src/channel on floor 5');
});
