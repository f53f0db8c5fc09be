/** Errors of the operating system, told in the project's terms. */
import { getSystemErrorName } from 'node:util';
import { type Fault, OotoError } from '../../base/errors.ts';

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free space and try again',
  EIO: 'the disk is full or failing: free space, look at the system log, and try again',
  EDQUOT: 'the disk quota is used up: free space and try again',
  EROFS: 'the file system is mounted read-only',
  EACCES: 'this user may not do that: check owner and mode',
  EPERM: 'this user may not do that: check owner and mode',
  EMFILE: 'too many open files: raise the limit (ulimit -n)',
  EADDRINUSE: 'another process listens there: choose another port, or 0 for any',
  ECONNREFUSED: 'nobody listens there: is the node running?',
};

/** The system's name for what went wrong (`ENOSPC`), if it gave one; lmdb gives the bare number. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  if (typeof code === 'number' && Number.isInteger(code) && code > 0 && code < 4096)
    return getSystemErrorName(-code);
  return typeof code === 'string' ? code : undefined;
}

/** An OotoError around `cause`, with the system's code in the message and a hint where one helps. */
export function systemError(
  code: string,
  what: string,
  cause: unknown,
  fault: Fault = 'environment',
): OotoError {
  const system = errorCode(cause);
  const reason = system ?? (cause instanceof Error ? cause.message : String(cause));
  const hint = system === undefined ? undefined : HINTS[system];
  return new OotoError(code, fault, `${what}: ${reason}`, hint === undefined ? { cause } : { cause, hint });
}
