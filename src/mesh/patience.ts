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
