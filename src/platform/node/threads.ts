/**
 * Threads of this program's own scripts, both sides. What flows through here: a thread starts with one piece of data, an
 * empty environment and no arguments; messages go both ways; its end, and what it failed by, is told once.
 */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parentPort, Worker as WorkerThread, workerData } from 'node:worker_threads';
import { OotoError } from '../../base/errors.ts';
import type { Thread, ThreadPort } from '../../ports.ts';

/** @throws OOTO_POOL_MISSING (environment) when `script` has not been built. */
export function startThread(script: string, data: unknown): Thread {
  const thread = new WorkerThread(builtScript(script), {
    workerData: data,
    env: {},
    argv: [],
    execArgv: [],
    name: 'ooto channels',
  });
  let failure: unknown;
  thread.on('error', (cause) => {
    failure = cause;
  });
  return {
    post: (message, given = []) => thread.postMessage(message, given.map(memoryOf)),
    onMessage: (listener) => void thread.on('message', listener),
    ended: new Promise((resolve) => thread.once('exit', () => resolve(failure))),
    terminate: async () => void (await thread.terminate()),
  };
}

/** Processors beside the one that the main thread keeps busy; at least one. */
export function spareProcessors(): number {
  return Math.max(1, availableParallelism() - 1);
}

/** What this thread was started with, its way to who started it, and how it says that it is done. */
export function ownThread(): { data: unknown; port: ThreadPort; leave: () => void } {
  const port = parentPort;
  if (!port) throw new OotoError('OOTO_POOL_THREAD', 'caller', 'this script runs as a thread only');
  return {
    data: workerData,
    port: {
      post: (message, given = []) => port.postMessage(message, given.map(memoryOf)),
      onMessage: (listener) => void port.on('message', listener),
    },
    leave: () => port.close(),
  };
}

function memoryOf({ buffer }: Uint8Array): ArrayBuffer {
  return buffer as ArrayBuffer;
}

/** Beside this file, or in the folder `build` of a folder above it. */
function builtScript(name: string): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    for (const candidate of [join(folder, name), join(folder, 'build', name)])
      if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder))
      throw new OotoError('OOTO_POOL_MISSING', 'environment', `there is no ${name} near the program`, {
        hint: 'npm run build',
      });
  }
}
