/**
 * A node whose disk is full says so and ends, or goes on without what it could not write; nothing is half-written:
 * with room again the same folder works. Needs root, for a small file system of the node's own.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import * as assert from '../support/assert.ts';
import { temporaryFolder } from '../support/folder.ts';
import { LiveMesh, untilEnded } from '../support/live-mesh.ts';
import { suite } from '../support/suite.ts';

const test = suite('integration/full-disk', { timeout: 180_000 });
const FILLER = 'filler';

const folder = temporaryFolder();
const canMount = process.getuid?.() === 0 && mount('mount', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder);
if (!canMount) test.unavailable('a node whose disk is full', 'no file system can be mounted here');
else {
  process.prependOnceListener('exit', () => mount('umount', '-l', folder));

  test('a node that joins on a full disk says so, and joins by the same invite when there is room', async () => {
    const mesh = new LiveMesh();
    try {
      await mesh.found();
      const own = await mesh.invite('worker', 'worker-1');
      const there = moveTo(own, join(folder, 'worker-1'));
      mesh.place('worker-1', there);
      for (const left of [0, 16]) {
        fill(left);
        const joiner = mesh.start('worker-1');
        await untilEnded(joiner);
        assert.is(joiner.exitCode, 1, joiner.lastWords);
        assert.match(joiner.lastWords, /no space left|ENOSPC|OOTO_(STORE|FILES|LOGGER)_/i, joiner.lastWords);
        assert.not.match(joiner.lastWords, /^\s+at /m);
        const leftovers = readdirSync(there).filter((name) => name.endsWith('.tmp'));
        assert.equal(leftovers, [], 'no half-written file lies there');
        makeRoom();
      }
      mesh.start('worker-1');
      await mesh.ready('worker-1');
    } finally {
      await mesh.stop();
      rmSync(join(folder, 'worker-1'), { recursive: true, force: true });
    }
  });

  test('a member whose disk fills up while it runs goes on, and has lost nothing when there is room', async () => {
    const mesh = new LiveMesh({ telemetry_ms: 100 });
    try {
      await mesh.found();
      const own = await mesh.invite('collector', 'collector-1');
      const there = moveTo(own, join(folder, 'collector-1'));
      mesh.place('collector-1', there);
      mesh.start('collector-1');
      const [before] = await mesh.ready('collector-1');
      await mesh.process('collector-1').until('collecting', ({ counters }) => counters.records > 6);
      const sender = mesh.process('authority-1');
      for (let round = 0; round < 3; round++) {
        fill(0);
        const full = sender.status()?.telemetry.records ?? 0;
        await sender.until('while the disk is full', ({ telemetry }) => telemetry.records > full + 5);
        makeRoom();
        await sender.until(
          'with its collector',
          ({ telemetry: { records, acknowledged } }) => acknowledged > full && records - acknowledged < 5,
        );
      }
      assert.ok(mesh.process('collector-1').running, 'it has gone on');
      assert.is(mesh.process('collector-1').lastWords, '', 'and lmdb has met no full disk');
      await mesh.process('collector-1').stop();
      mesh.start('collector-1');
      const [after] = await mesh.ready('collector-1');
      assert.is(after.certificate?.serial, before.certificate?.serial);
      for (const line of mesh.logOf('collector-1')) assert.type(line.message, 'string');
    } finally {
      await mesh.stop();
    }
  });
}

function mount(command: string, ...args: string[]): boolean {
  return spawnSync(command, args).status === 0;
}

function moveTo(from: string, to: string): string {
  mkdirSync(to, { mode: 0o700 });
  for (const name of readdirSync(from))
    writeFileSync(join(to, name), readFileSync(join(from, name)), { mode: 0o600 });
  rmSync(from, { recursive: true });
  return to;
}

/** Fills the file system but for `left` KiB. */
function fill(left: number): void {
  const file = openSync(join(folder, FILLER), 'w');
  const page = new Uint8Array(4096);
  let bytes = 0;
  try {
    for (;;) bytes += writeSync(file, page);
  } catch (error) {
    assert.is((error as NodeJS.ErrnoException).code, 'ENOSPC');
  }
  ftruncateSync(file, Math.max(0, bytes - left * 1024));
  closeSync(file);
}

function makeRoom(): void {
  rmSync(join(folder, FILLER), { force: true });
}
