/**
 * The sandbox on worker threads. What flows through here: each run gets a fresh thread with an empty
 * environment, a small heap and no standard streams of the host; the thread executes one module and answers;
 * a run that is late or cancelled ends by ending its thread, which stops even an endless loop in WebAssembly.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker as Thread } from 'node:worker_threads';
import { OotoError } from '../../base/errors.ts';
import type { SandboxResult, Worker } from '../../ports.ts';
import { nodeClock } from './clock.ts';
import type { SandboxAnswer, SandboxRequest } from './sandbox.ts';
import { errorCode, systemError } from './system-error.ts';

const SEED_BYTES = 32;
const SCRIPT = 'sandbox.js';
/** The thread's own JavaScript; the module's memory and the output are held to limits of their own. */
const HEAP_MIB = 64;
const YOUNG_HEAP_MIB = 16;
const STACK_MIB = 4;
/** For the start of a thread, which is not counted as time of the module. */
const START_MS_MOST = 30_000;

export interface NodeWorkerOptions {
  /** The built sandbox; found beside or above this file if absent. */
  script?: string;
}

/**
 * A worker of this machine. `run` throws what `workload/execution.ts` throws, and
 * OOTO_SANDBOX_TIME (peer) after `limits.timeMs`, OOTO_SANDBOX_MEMORY (peer) when the thread's heap is
 * exhausted, OOTO_SANDBOX_THREAD (environment) when no thread can be had, the signal's reason when aborted.
 * `close` ends all runs, which then throw OOTO_SANDBOX_CLOSED (caller).
 * @throws OOTO_SANDBOX_MISSING (environment) when the sandbox has not been built.
 */
export function nodeWorker({ script = findScript(import.meta.url) }: NodeWorkerOptions = {}): Worker {
  const clock = nodeClock();
  const running = new Set<(reason: unknown) => Promise<unknown>>();
  let closed = false;
  return {
    async run(module, { arguments: list, stdin, limits, seed = new Uint8Array(SEED_BYTES), signal }) {
      if (closed) throw closedError();
      signal?.throwIfAborted();
      const thread = startThread(script, { module, arguments: [...list], stdin, limits, seed });
      const { answered, end } = conversation(thread);
      const onAbort = () => end(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      let cancelTimer = clock.after(START_MS_MOST, () => end(lateError(START_MS_MOST)));
      thread.once('online', () => {
        cancelTimer();
        cancelTimer = clock.after(limits.timeMs, () => end(lateError(limits.timeMs)));
      });
      running.add(end);
      try {
        return resultOf(await answered);
      } finally {
        running.delete(end);
        thread.removeAllListeners('online');
        cancelTimer();
        signal?.removeEventListener('abort', onAbort);
        await thread.terminate();
      }
    },
    async close() {
      closed = true;
      await Promise.all([...running].map((end) => end(closedError())));
    },
  };
}

/**
 * The built sandbox, looked for beside `from` and in the folder `build` of every folder above it: bundles of
 * one build lie together, and tests lie below it.
 */
export function findScript(from: string): string {
  for (let folder = dirname(fileURLToPath(from)); ; folder = dirname(folder)) {
    for (const candidate of [join(folder, SCRIPT), join(folder, 'build', SCRIPT)])
      if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder))
      throw new OotoError('OOTO_SANDBOX_MISSING', 'environment', `there is no ${SCRIPT} near ${from}`, {
        hint: 'npm run build',
      });
  }
}

function startThread(script: string, request: SandboxRequest): Thread {
  return new Thread(script, {
    workerData: request,
    env: {},
    argv: [],
    execArgv: [],
    stdin: false,
    stdout: true,
    stderr: true,
    name: 'ooto sandbox',
    resourceLimits: {
      maxOldGenerationSizeMb: HEAP_MIB,
      maxYoungGenerationSizeMb: YOUNG_HEAP_MIB,
      stackSizeMb: STACK_MIB,
    },
  });
}

/** What the thread answers, or why it cannot; whichever comes first counts. */
function conversation(thread: Thread) {
  let end!: (reason: unknown) => Promise<unknown>;
  const answered = new Promise<SandboxAnswer>((resolve, reject) => {
    end = (reason) => {
      reject(reason);
      return thread.terminate();
    };
    thread.once('message', resolve);
    thread.once('error', (cause) => reject(threadError(cause)));
    thread.once('exit', () => reject(threadError(new Error('it ended without an answer'))));
  });
  return { answered, end };
}

function resultOf(answer: SandboxAnswer): SandboxResult {
  if (answer.ok) return answer.result;
  throw new OotoError(answer.code, answer.fault, answer.message);
}

function threadError(cause: unknown): OotoError {
  if (errorCode(cause) === 'ERR_WORKER_OUT_OF_MEMORY')
    return new OotoError('OOTO_SANDBOX_MEMORY', 'peer', 'the module used up the memory of its thread', {
      cause,
    });
  return systemError('OOTO_SANDBOX_THREAD', 'the thread of the sandbox failed', cause);
}

function lateError(ms: number): OotoError {
  return new OotoError('OOTO_SANDBOX_TIME', 'peer', `the module was still running after ${ms} ms`);
}

function closedError(): OotoError {
  return new OotoError('OOTO_SANDBOX_CLOSED', 'caller', 'the sandbox has been closed');
}
