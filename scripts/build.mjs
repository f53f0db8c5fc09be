// Builds what ships: the core (two WebAssembly variants), the WASI modules of extra/, and the JavaScript doors.
// Input: assembly/, extra/, src/. Output: build/. Every step is deterministic; set-up decides when it is needed.
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';
import { build } from 'esbuild';

const DOORS = {
  index: 'src/index.ts',
  node: 'src/node.ts',
  cli: 'src/cli/index.ts',
  sandbox: 'src/sandbox.ts',
  'channel-thread': 'src/channel-thread.ts',
};
const TOOLS = { oracle: 'test/oracle.ts', conformance: 'test/conformance/index.ts' };

export const nodeOptions = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  logLevel: 'warning',
};

export async function buildAll({ log = () => {} } = {}) {
  mkdirSync('build', { recursive: true });
  removeChunks();
  log('core (WebAssembly SIMD, relaxed SIMD)');
  await compile(['--config', 'asconfig.json', '--target', 'release']);
  await compile(['--config', 'asconfig.json', '--target', 'relaxed']);
  log('WASI modules');
  for (const name of wasiModules()) await compileWasi(name);
  log('doors');
  await bundleNode({ ...DOORS, ...TOOLS });
  await bundleBrowser('src/browser.ts', 'build/browser.js');
  await bundleBrowser('src/browser-member.ts', 'build/browser-member.js');
  await bundleBrowser('test/oracle/page.ts', 'build/oracle-page.js');
}

/** Bundles those of `entries` whose source exists to build/<name>.js. */
export async function bundleNode(entries, outdir = 'build') {
  const present = Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file)));
  await build({ ...nodeOptions, entryPoints: present, outdir, splitting: true, chunkNames: 'chunk-[hash]' });
}

async function bundleBrowser(entry, outfile) {
  if (!existsSync(entry)) return;
  await build({
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    sourcemap: true,
    logLevel: 'warning',
    entryPoints: [entry],
    outfile,
  });
}

/** Chunks are named by their content: those of an earlier build would stay, and be measured as part of the program. */
function removeChunks() {
  for (const name of readdirSync('build')) if (/^chunk-/.test(name)) rmSync(join('build', name));
}

function wasiModules() {
  return readdirSync('extra', { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join('extra', entry.name, 'asconfig.json')))
    .map((entry) => entry.name);
}

async function compileWasi(name) {
  await compile(['--config', join('extra', name, 'asconfig.json'), '--target', 'release']);
}

async function compile(args) {
  const { error, stderr } = await asc.main(args);
  if (error) throw new Error(`asc ${args.join(' ')}: ${error.message}\n${stderr}`);
}

if (import.meta.filename === process.argv[1])
  await buildAll({ log: (step) => console.error(`  building ${step}`) });
