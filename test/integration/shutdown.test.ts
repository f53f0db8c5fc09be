/**
 * How everything ends: nodes on a signal with exit code 0, an interrupted demonstration with 130, all of it within
 * three seconds, with no process left and a folder that can be used again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { coreFolder } from '../../src/platform/node/core-file.ts';
import * as assert from '../support/assert.ts';
import { temporaryFolder } from '../support/folder.ts';
import { builtProgram, FOUNDERS, LiveMesh } from '../support/live-mesh.ts';
import { suite } from '../support/suite.ts';

const test = suite('integration/shutdown', { timeout: 150_000 });
const SOON_MS = 30_000;
const INTERRUPTED = 130;

test('a node ends on SIGTERM and SIGINT, ready or not, with exit code 0', async () => {
  const mesh = new LiveMesh();
  try {
    await mesh.prepare();
    mesh.start('authority-1');
    await until(() => mesh.hasLogged('authority-1', 'starting'));
    assert.is(
      await mesh.process('authority-1').end('SIGTERM', SOON_MS),
      0,
      'alone, with nobody to found with',
    );
    for (const name of FOUNDERS) mesh.start(name);
    await mesh.ready(...FOUNDERS);
    await mesh.invite('worker', 'worker-1');
    mesh.start('worker-1');
    await mesh.ready('worker-1');
    assert.is(await mesh.process('worker-1').end('SIGINT', SOON_MS), 0, 'a worker');
    for (const name of FOUNDERS) assert.is(await mesh.process(name).end('SIGTERM', SOON_MS), 0, name);
  } finally {
    await mesh.stop();
  }
});

test('an interrupted demonstration ends with 130, leaves no process, and its folder works again', async () => {
  const folder = join(temporaryFolder(), 'demo');
  const first = new Demo([builtProgram(), 'demo', '--folder', folder]);
  await first.says('the workers count');
  const mesh = readFileSync(join(folder, 'authority-1', 'genesis.record'));
  assert.is(await first.end('SIGINT'), INTERRUPTED);
  assert.match(first.stderr, /^ooto: interrupted/m);
  assert.equal(processesOf(folder), []);

  const second = new Demo([builtProgram(), 'demo', '--once', '--json', '--folder', folder]);
  assert.is(await second.ended(), 0, second.stderr);
  assert.is(JSON.parse(second.stdout).schema, 'ooto.demo/1');
  assert.ok(readFileSync(join(folder, 'authority-1', 'genesis.record')).equals(mesh), 'it is the same mesh');
  assert.equal(processesOf(folder), []);
});

test('SIGTERM to npm start ends the demonstration', async () => {
  const folder = join(temporaryFolder(), 'demo');
  const start = join(dirname(coreFolder(import.meta.dirname)), 'scripts', 'start.mjs');
  const demo = new Demo([start, '--folder', folder]);
  await until(() => processesOf(folder).length > FOUNDERS.length);
  assert.is(await demo.end('SIGTERM'), INTERRUPTED);
  assert.equal(processesOf(folder), []);
});

test('kill -9 of the demonstration ends its nodes too', async () => {
  const folder = join(temporaryFolder(), 'demo');
  const demo = new Demo([builtProgram(), 'demo', '--folder', folder]);
  await until(() => processesOf(folder).length > FOUNDERS.length);
  demo.child.kill('SIGKILL');
  await until(() => processesOf(folder).length === 0, SOON_MS);
});

class Demo {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.on('data', (text) => {
      this.stdout += text;
    });
    this.child.stderr?.on('data', (text) => {
      this.stderr += text;
    });
  }

  async says(words: string): Promise<void> {
    await until(() => this.stderr.includes(words) || this.child.exitCode !== null);
    assert.ok(this.stderr.includes(words), this.stderr);
  }

  ended(): Promise<number | null> {
    return new Promise((resolve) => this.child.once('close', resolve));
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    const started = performance.now();
    const ended = this.ended();
    this.child.kill(signal);
    const code = await ended;
    const took = performance.now() - started;
    assert.ok(took < SOON_MS, `it took ${Math.round(took)} ms to end\n${this.stderr}`);
    return code;
  }
}

/** Command lines of the processes that were started for this folder. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return line.includes(folder) ? [line] : [];
    } catch {
      return [];
    }
  });
}

async function until(condition: () => boolean, ms = 60_000): Promise<void> {
  for (const deadline = performance.now() + ms; !condition(); await sleep(20))
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms`);
}
