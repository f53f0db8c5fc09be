/**
 * An originator as a process of its own, so that it can be killed like any node. The test's own bundle is the
 * program: `<bundle> originate FOLDER FILE SEQUENCE` runs the statistics of the file as a job and prints one line of
 * JSON.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { runStatistics } from '../../src/cli/demo/statistics.ts';
import { startNode } from '../../src/cli/running-node.ts';
import { openOriginatorKey } from '../../src/cli/setting-up.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import type { TextStatistics } from '../../src/workload/text-statistics.ts';

/** The name under which policy lists the originator's key. */
export const ORIGINATOR_KEY_NAME = 'test';

export interface OriginatedJob {
  statistics: TextStatistics;
  receipts: number;
}

/** Whether this process was started as an originator; if so, it is one until it ends. */
export async function livesAsOriginator(): Promise<boolean> {
  const [command, folder, file, sequence] = process.argv.slice(2);
  if (command !== 'originate') return false;
  const stop = new AbortController();
  const running = await startNode(folder, stop.signal);
  void running.upkeep.run();
  const key = await openOriginatorKey(running.open.crypto, folder);
  const job = await runStatistics(running, {
    file,
    originator: { name: ORIGINATOR_KEY_NAME, key },
    sequence: Number(sequence),
    terminal: new Terminal({ quiet: true }),
    signal: stop.signal,
  });
  const done: OriginatedJob = { statistics: job.statistics, receipts: job.result.records.length };
  process.stdout.write(`${JSON.stringify(done)}\n`);
  stop.abort();
  await running.close();
  return true;
}

export class OriginatorProcess {
  readonly child: ChildProcess;
  #output = '';
  #errors = '';

  constructor(folder: string, file: string, sequence: number) {
    this.child = spawn(
      process.execPath,
      ['--enable-source-maps', process.argv[1], 'originate', folder, file, `${sequence}`],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.child.stdout?.on('data', (text) => {
      this.#output += text;
    });
    this.child.stderr?.on('data', (text) => {
      this.#errors += text;
    });
  }

  /** Its result. Rejects with what it said when it ends without one. */
  async result(): Promise<OriginatedJob> {
    await this.#ended();
    if (this.child.exitCode === 0) return JSON.parse(this.#output);
    throw new Error(`the originator ended with ${this.child.exitCode}: ${this.#errors}`);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#ended();
  }

  async #ended(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    await new Promise((resolve) => this.child.once('close', resolve));
  }
}
