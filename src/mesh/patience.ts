/** Waiting on the injected clock: until a time is over, or nobody wants it any more. */
import { OotoError } from '../base/errors.ts';
import type { Clock } from '../ports.ts';

/** Resolves after `ms`; rejects with the signal's reason. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    signal.addEventListener('abort', abort, { once: true });
  });
}

/** What `promise` comes to, if it does within `ms`. @throws OOTO_MESH_TIMEOUT (peer) otherwise. */
export function within<T>(clock: Clock, ms: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () =>
      reject(new OotoError('OOTO_MESH_TIMEOUT', 'peer', `no answer to ${what} within ${ms} ms`)),
    );
    promise.then(resolve, reject).finally(cancel);
  });
}

/** Runs `attempt` under a signal that fires with `late` after `ms`, and with the outer signal. */
export async function underDeadline<T>(
  clock: Clock,
  ms: number,
  late: Error,
  outer: AbortSignal | undefined,
  attempt: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const cancel = clock.after(ms, () => limit.abort(late));
  const pass = () => limit.abort(outer?.reason);
  if (outer?.aborted) pass();
  outer?.addEventListener('abort', pass, { once: true });
  try {
    return await attempt(limit.signal);
  } finally {
    cancel();
    outer?.removeEventListener('abort', pass);
  }
}

/** The promise's result, unless the signal fires first; the work goes on for whoever else waits for it. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
