/**
 * Node processes that a command started itself (the demonstration, drills). What flows through here: a folder
 * becomes a child process running `ooto node run`, its readiness and figures are read from `status.json` in that
 * folder, and every child is ended when the command ends, however it ends: its standard input ends then too.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OotoError } from '../base/errors.ts';
import type { NodeStatus } from '../mesh/status.ts';

const POLL_MS = 50;
const STOP_GRACE_MS = 2_000;

/** What measures the program before it runs: words that come before those of the command line, and what they need. */
export interface Launch {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export class NodeProcess {
  readonly folder: string;
  readonly program: string;
  readonly #launch: Launch | undefined;
  #child: ChildProcess | undefined;
  #ended = true;

  /** `program` is the path of the built command line. */
  constructor(program: string, folder: string, launch?: Launch) {
    this.program = program;
    this.#launch = launch;
    this.folder = folder;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Whether it has not ended, or not all that it wrote has been read. */
  get running(): boolean {
    return !this.#ended;
  }

  /** The code it ended with; null while it runs, and after a signal. */
  get exitCode(): number | null {
    return this.#child?.exitCode ?? null;
  }

  /** How it is, for error messages: what it ended with, and the end of what it wrote to stderr. */
  get report(): string {
    const end = this.#child?.signalCode ?? this.#child?.exitCode;
    return [`${this.folder} ${end == null ? 'runs' : `ended with ${end}`}`, this.lastWords].join('\n').trim();
  }

  /** Starts the node, or what other `words` of the program make of its folder, with these variables besides its own. */
  start({
    words = ['node', 'run'],
    env = {},
  }: {
    words?: readonly string[];
    env?: Record<string, string>;
  } = {}): void {
    rmSync(join(this.folder, 'status.json'), { force: true });
    const begun = commandLine(this.program, this.#launch);
    const args = [...begun.words, ...words, '--folder', this.folder, '--attached'];
    const options = { env: { ...begun.env, ...env } };
    this.#child = spawn(begun.file, args, { stdio: ['pipe', 'ignore', 'pipe'], ...options });
    this.#ended = false;
    this.#child.once('close', () => {
      this.#ended = true;
    });
    this.#child.stdin?.on('error', () => {});
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.lastWords = (this.lastWords + text).slice(-4_000);
    });
  }

  /** The end of what the child wrote to stderr, for error messages. */
  lastWords = '';

  /** What the node last said of itself, or undefined before it said anything. */
  status(): NodeStatus | undefined {
    try {
      const status = JSON.parse(readFileSync(join(this.folder, 'status.json'), 'utf8')) as NodeStatus;
      return status.pid === this.pid ? status : undefined;
    } catch {
      return undefined;
    }
  }

  /** Waits until `condition` holds of the node's status. @throws OOTO_CLI_NODE (environment) with the child's last words. */
  async until(
    what: string,
    condition: (status: NodeStatus) => boolean,
    timeoutMs = 60_000,
    signal?: AbortSignal,
  ): Promise<NodeStatus> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      signal?.throwIfAborted();
      const status = this.status();
      if (status && condition(status)) return status;
      if (!this.running) throw this.#failed(`ended before it was ${what}`);
      if (performance.now() > deadline) throw this.#failed(`is not ${what} after ${timeoutMs / 1000} s`);
      await sleep(POLL_MS);
    }
  }

  /** kill -9, and waits for the end. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  /** Sends a signal and waits for the end, which is made one by force after `graceMs`; returns the exit code. */
  async end(signal: NodeJS.Signals, graceMs = STOP_GRACE_MS): Promise<number | null> {
    const patience = setTimeout(() => this.#child?.kill('SIGKILL'), graceMs);
    await this.#end(signal);
    clearTimeout(patience);
    return this.exitCode;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (!this.running || !this.#child) return;
    const ended = once(this.#child, 'close');
    this.#child.kill(signal);
    await ended;
  }

  #failed(what: string): OotoError {
    return new OotoError(
      'OOTO_CLI_NODE',
      'environment',
      `the node in ${this.folder} ${what}\n${this.report}`,
      {
        hint: `its log is ${join(this.folder, 'node.log')}`,
      },
    );
  }
}

/** Directly, or by what measures it first. */
function commandLine(program: string, launch: Launch | undefined) {
  const [file, ...words] = launch ? launch.command : [process.execPath, program];
  return { file, words, env: { ...process.env, ...launch?.environment } };
}

export interface EndedProcess {
  /** Exit code; null after a signal. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a command of the built command line to its end; one that says more than `mostBytes` is ended. */
export async function runToEnd(
  program: string,
  words: readonly string[],
  { mostBytes, signal, launch }: { mostBytes: number; signal: AbortSignal; launch?: Launch | undefined },
): Promise<EndedProcess> {
  const { file, words: before, env } = commandLine(program, launch);
  const child = spawn(file, [...before, ...words], { stdio: ['ignore', 'pipe', 'pipe'], signal, env });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
      if (said[stream].length > mostBytes) child.kill('SIGKILL');
    });
  const [code] = await once(child, 'close');
  return { code, ...said };
}
