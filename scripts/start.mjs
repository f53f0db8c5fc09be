// `npm start`: sets up what a fresh clone lacks, then runs the demo with the arguments given. Set-up speaks on
// stderr alone, so stdout is the demo's, untouched; signals reach the demo, and its exit code is this one's.
//   npm start [-- --once] [--json] [--input FILE]
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = dirname(import.meta.dirname);
const CLI = join(ROOT, 'build', 'cli.js');

const setUp = spawnSync(process.execPath, [join(ROOT, 'scripts', 'setup.mjs')], { stdio: ['ignore', 2, 2] });
if (setUp.status !== 0) process.exit(setUp.status ?? 1);
if (existsSync(CLI)) runDemo();
else await sealAndOpen(join(ROOT, 'LICENSE'));

function runDemo() {
  const demo = spawn(process.execPath, [CLI, 'demo', ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => passOn(demo, signal));
  demo.on('exit', (code, signal) => {
    process.exitCode = signal ? 128 + constants.signals[signal] : code;
  });
}

/** A terminal sends Ctrl-C to the demo as well: it must not arrive there twice. */
function passOn(demo, signal) {
  if (signal !== 'SIGINT' || !process.stdin.isTTY) demo.kill(signal);
}

/** The smallest real job: one file through the core and back, refused when a bit of it was changed. */
async function sealAndOpen(file) {
  const { createNodeCrypto } = await import(pathToFileURL(join(ROOT, 'build', 'node.js')).href);
  const { aes256gcm, random, sha256 } = createNodeCrypto();
  const [key, iv, aad] = [random.bytes(32), random.bytes(12), new Uint8Array()];
  const plaintext = new Uint8Array(readFileSync(file));
  const sealed = aes256gcm.seal(key, iv, aad, plaintext, 'wasm');
  const opened = aes256gcm.open(key, iv, aad, sealed, 'wasm');
  const altered = sealed.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
  const refused = codeThrownBy(() => aes256gcm.open(key, iv, aad, altered, 'wasm'));
  const hex = (bytes) => Buffer.from(bytes).toString('hex');
  const [before, after] = [hex(sha256(plaintext)), hex(sha256(opened))];
  const schema = 'ooto.start/1';
  console.log(
    JSON.stringify({ schema, bytes: plaintext.length, sha256: before, same: before === after, refused }),
  );
  process.exitCode = before === after && refused === 'OOTO_CRYPTO_AUTHENTICATION' ? 0 : 1;
}

function codeThrownBy(body) {
  try {
    body();
    return undefined;
  } catch (error) {
    return error.code;
  }
}
