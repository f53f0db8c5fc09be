/** The demonstration over an input of any size: what it counted, and how much memory each process took. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { TextStatistics } from '../../src/workload/text-statistics.ts';
import * as assert from './assert.ts';
import { temporaryFolder } from './folder.ts';
import { builtProgram } from './live-mesh.ts';
import { ResidentWatch } from './resident.ts';
import { countFile, mostFrequent } from './text-file.ts';

export const MOST_RESIDENT_BYTES = 300_000_000;

/** Runs the demonstration once over `file` and requires its counts, and its memory within bounds. */
export async function requireCounted(file: string, { each = true } = {}): Promise<void> {
  const args = ['demo', '--once', '--json', '--input', file, '--folder', join(temporaryFolder(), 'demo')];
  const started = performance.now();
  const child = spawn(process.execPath, [builtProgram(), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const watch = new ResidentWatch(child.pid as number);
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    said.stdout += text;
  });
  child.stderr.on('data', (text) => {
    said.stderr += text;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  const resident = watch.stop();
  assert.is(code, 0, said.stderr);
  requireStatistics(JSON.parse(said.stdout).workload.output, file, { each });
  const marks = [...resident].map(([name, most]) => `${Math.round(most / 1e6)} MB ${name.slice(-60)}`);
  console.log(`${Math.round(performance.now() - started)} ms\n${marks.join('\n')}`);
  assert.ok(resident.size >= 8, 'all processes were watched');
  for (const [name, most] of resident)
    assert.ok(most < MOST_RESIDENT_BYTES, `${name} took ${Math.round(most / 1e6)} MB of resident memory`);
}

/** Against a count of the same file in the plainest way; with `each`, every word's too. */
export function requireStatistics(counted: TextStatistics, file: string, options: { each: boolean }): void {
  const expected = countFile(file, options);
  for (const figure of ['bytes', 'lines', 'words'] as const)
    assert.is(counted[figure], expected[figure], figure);
  if (!options.each) return;
  const most = mostFrequent(expected, 10);
  assert.equal(
    counted.top.map(({ count }) => count),
    most.map(([, count]) => count),
  );
  for (const [i, { word, escaped, bytes }] of counted.top.entries()) {
    const [whole] = most[i];
    if (bytes !== undefined) assert.is(bytes, whole.length);
    if (!escaped)
      assert.is(word, Buffer.from(whole, 'latin1').toString().slice(0, word.length), `word ${i + 1}`);
  }
}
