/** The core's file: found upwards, the better variant taken, its absence told. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCore } from '../../../../src/platform/node/core-file.ts';
import { bytes, is, match, throwsCode } from '../../../support/assert.ts';
import { coreBytes } from '../../../support/core.ts';
import { temporaryFolder } from '../../../support/folder.ts';
import { suite } from '../../../support/suite.ts';

const test = suite('core file');
const plain = coreBytes();

test('the built core is found from where the program runs, and is one that runs here', () => {
  is(WebAssembly.validate(readCore() as Uint8Array<ArrayBuffer>), true);
});

test('it is found in a folder above, or in that folder’s build', () => {
  const folder = temporaryFolder();
  const deep = join(folder, 'a', 'b');
  mkdirSync(deep, { recursive: true });
  mkdirSync(join(folder, 'build'));
  writeFileSync(join(folder, 'build', 'core.wasm'), plain);
  bytes(readCore(deep), plain);
  const nearer = plain.slice(0, 8);
  writeFileSync(join(folder, 'a', 'core.wasm'), nearer);
  bytes(readCore(deep), nearer);
});

test('the relaxed variant is taken only where the platform accepts it', () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'core.wasm'), plain);
  const relaxed = join(folder, 'core-relaxed.wasm');
  writeFileSync(relaxed, Uint8Array.of(1, 2, 3));
  bytes(readCore(folder), plain);
  const empty = plain.slice(0, 8);
  writeFileSync(relaxed, empty);
  bytes(readCore(folder), empty);
});

test('without a core the error says what to do', () => {
  const error = throwsCode(() => readCore('/nonexistent/place'), 'OOTO_CORE_MISSING');
  match(error.hint ?? '', 'npm run build');
});
