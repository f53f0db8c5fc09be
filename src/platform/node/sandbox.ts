/**
 * The inner side of a worker thread. What flows through here: one request comes as the thread's data, is
 * executed, and its result or the error it ended with goes to the parent as a message; then the thread ends.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type Fault, OotoError } from '../../base/errors.ts';
import type { SandboxLimits, SandboxResult } from '../../ports.ts';

export interface SandboxRequest {
  module: Uint8Array;
  arguments: readonly string[];
  stdin: Uint8Array;
  limits: SandboxLimits;
  seed: Uint8Array;
}

export type SandboxAnswer =
  | { ok: true; result: SandboxResult }
  | { ok: false; code: string; fault: Fault; message: string };

export function serveSandbox(execute: (request: SandboxRequest) => SandboxResult): void {
  if (!parentPort)
    throw new OotoError('OOTO_SANDBOX_THREAD', 'caller', 'the sandbox runs as a worker thread only');
  parentPort.postMessage(answer(execute, workerData as SandboxRequest));
}

function answer(execute: (request: SandboxRequest) => SandboxResult, request: SandboxRequest): SandboxAnswer {
  try {
    return { ok: true, result: execute(request) };
  } catch (error) {
    if (!(error instanceof OotoError)) throw error;
    return { ok: false, code: error.code, fault: error.fault, message: error.message };
  }
}
