// Makes a fresh clone ready, and does nothing when it is: packages from the lockfile, then the build, then (with
// --test, as root) the system packages that tests use. Node built-ins only; writes to stderr alone; safe to call
// from several commands at once.
//   node scripts/setup.mjs [--test [--long]] [--quiet]
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = dirname(import.meta.dirname);
const LEAST_NODE = [20, 19];
const STALE_LOCK_MS = 15 * 60_000;
const LIBRARIES = `/usr/lib/${{ arm64: 'aarch64' }[process.arch] ?? 'x86_64'}-linux-gnu`;
const APT_PACKAGES = {
  chromium: '/usr/bin/chromium',
  openssl: '/usr/bin/openssl',
  swtpm: '/usr/bin/swtpm',
  'swtpm-tools': '/usr/bin/swtpm_setup',
  'libtss2-esys-3.0.2-0': `${LIBRARIES}/libtss2-esys.so.0`,
  'libtss2-tctildr0': `${LIBRARIES}/libtss2-tctildr.so.0`,
  'libtss2-rc0': `${LIBRARIES}/libtss2-rc.so.0`,
  'tpm2-tools': '/usr/bin/tpm2_quote',
  softhsm2: '/usr/bin/softhsm2-util',
};
/** What test/long needs as well: checkers of models, a compiler for what spin writes, another clock. */
const LONG_APT_PACKAGES = {
  spin: '/usr/bin/spin',
  maude: '/usr/bin/maude',
  gcc: '/usr/bin/gcc',
  'libc6-dev': '/usr/include/stdio.h',
  faketime: '/usr/bin/faketime',
};

process.chdir(ROOT);
const wantsTests = process.argv.includes('--test');
const wantsLongTests = process.argv.includes('--long');
const quiet = process.argv.includes('--quiet');
const say = (text) => quiet || process.stderr.write(`${text}\n`);

requireNode();
await exclusively(async () => {
  const lock = digest(['package-lock.json', 'package.json']);
  await once('packages', lock, existsSync('node_modules'), installPackages);
  const sources = digest([
    'assembly',
    'extra',
    'src',
    'test/oracle.ts',
    'test/oracle',
    'test/conformance',
    'test/support',
    'scripts/build.mjs',
    'asconfig.json',
  ]);
  await once('build', `${lock} ${sources} ${process.version}`, existsSync('build/core.wasm'), runBuild);
});
if (wantsTests) installSystemPackages();

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1])) return;
  process.stderr.write(`Node ${LEAST_NODE.join('.')} or newer is needed; this is ${process.version}.\n`);
  process.exit(1);
}

/** Runs `step` unless build/.<name> says that it was done for this very state. */
async function once(name, state, outputExists, step) {
  const stamp = join('build', `.${name}`);
  if (outputExists && existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return;
  await step();
  writeFileSync(stamp, state);
}

function installPackages() {
  say('set-up: installing packages');
  const npm = process.env.npm_execpath ? [process.execPath, [process.env.npm_execpath]] : ['npm', []];
  const { status } = spawnSync(npm[0], [...npm[1], 'ci', '--loglevel=error', '--no-audit', '--no-fund'], {
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) throw new Error('npm ci failed; the reason is above');
}

async function runBuild() {
  say('set-up: building');
  const { buildAll } = await import('./build.mjs');
  await buildAll({ log: (step) => say(`  ${step}`) });
}

/** One set-up at a time: the folder build/.lock is the lock. */
async function exclusively(body) {
  mkdirSync('build', { recursive: true });
  const lock = join('build', '.lock');
  while (!tryLock(lock)) await sleep(200);
  try {
    await body();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function tryLock(lock) {
  try {
    mkdirSync(lock);
    writeFileSync(join(lock, 'pid'), String(process.pid));
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (abandoned(lock)) rmSync(lock, { recursive: true, force: true });
    return false;
  }
}

function abandoned(lock) {
  try {
    if (Date.now() - statSync(lock).mtimeMs > STALE_LOCK_MS) return true;
    process.kill(Number(readFileSync(join(lock, 'pid'), 'utf8')), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

function digest(paths) {
  const hash = createHash('sha256');
  for (const file of paths.flatMap(filesBelow)) hash.update(`${file}\0`).update(readFileSync(file));
  return hash.digest('hex');
}

function filesBelow(path) {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}

/** One apt call for all that is missing; without root it says what to install, and those tests are skipped. */
function installSystemPackages() {
  const wanted = { ...APT_PACKAGES, ...(wantsLongTests ? LONG_APT_PACKAGES : {}) };
  const missing = Object.entries(wanted)
    .filter(([, file]) => !existsSync(file))
    .map(([name]) => name);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    process.stderr.write(`set-up: some tests are skipped without: ${missing.join(' ')}\n`);
    return;
  }
  say(`set-up: installing ${missing.join(' ')}`);
  const stdio = ['ignore', 2, 2];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  execFileSync('apt-get', ['update', '-qq'], { stdio, env });
  execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { stdio, env });
}
