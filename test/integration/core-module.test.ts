/**
 * The modules of the core as files: the same bytes whoever builds them and where, small enough to be fetched, and in
 * need of nothing. How long one takes to start is for the benchmark.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { bytes, is, ok } from '../support/assert.ts';
import { suite } from '../support/suite.ts';

const MODULES = [
  ['release', 'core.wasm'],
  ['relaxed', 'core-relaxed.wasm'],
];
const GZIPPED_MOST = 48 * 1024;

const test = suite('core module', { timeout: 200_000 });
const folder = mkdtempSync(join(tmpdir(), 'ooto-core-built-elsewhere-'));

test.after(() => rmSync(folder, { recursive: true, force: true }));

/** Compiles a target of asconfig.json in a folder that has nothing but the sources. */
function compileElsewhere(target: string): void {
  const asc = join('node_modules', 'assemblyscript', 'bin', 'asc.js');
  const args = [asc, '--config', 'asconfig.json', '--target', target];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`asc: ${stderr}`);
}

test('a build in another folder gives the bytes that are here', () => {
  for (const part of ['assembly', 'asconfig.json']) cpSync(part, join(folder, part), { recursive: true });
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
  for (const [target, name] of MODULES) {
    compileElsewhere(target);
    const [here, elsewhere] = ['.', folder].map((root) => readFileSync(join(root, 'build', name)));
    bytes(new Uint8Array(elsewhere), new Uint8Array(here), name);
  }
});

for (const [, name] of MODULES) {
  const module = readFileSync(join('build', name));

  test(`${name}: at most 48 KiB gzipped`, () => {
    const { length } = gzipSync(module, { level: 9 });
    ok(length <= GZIPPED_MOST, `${length} bytes`);
  });

  test(`${name}: asks the host for abort alone`, () => {
    const source = new Uint8Array(module);
    if (!WebAssembly.validate(source)) return;
    const imports = WebAssembly.Module.imports(new WebAssembly.Module(source));
    is(imports.map(({ module, name, kind }) => `${module}.${name} ${kind}`).join(), 'env.abort function');
  });
}
