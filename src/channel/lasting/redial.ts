/**
 * A channel that is opened again whenever it ends. What flows through here: a channel is opened; while it stands
 * nothing happens; when it ends, or could not be opened, the next attempt waits its time; what no attempt can mend, the
 * caller's signal and `close` end it all.
 */
import { isOotoError, OotoError } from '../../base/errors.ts';
import type { Clock, Random } from '../../ports.ts';
import { BackOff, type BackOffLimits, isMendable } from './back-off.ts';

/** What is kept standing: a link, or whatever stands on one. */
export interface Standing {
  /** Resolves when it has ended, with the error that ended it if there was one. */
  readonly closed: Promise<OotoError | undefined>;
  close(): void;
}

export interface RedialOptions<S extends Standing> {
  /** Opens one channel, and resolves once it is established. It ends what it began when the signal fires. */
  readonly open: (signal: AbortSignal) => Promise<S>;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<BackOffLimits>;
  /** Whether to try again after this error; {@link isMendable} unless said. */
  readonly isMendable?: (error: unknown) => boolean;
  readonly signal?: AbortSignal;
}

export interface Waiting {
  /** Why the last attempt failed, or the last channel ended; undefined where its end was agreed. */
  readonly error: OotoError | undefined;
  readonly delayMs: number;
}

/**
 * Events: `connected` ({@link Standing}), `waiting` ({@link Waiting}), and last of all `closed` (`OotoError`, or null
 * where the caller ended it), each a CustomEvent with these as `detail`. The first comes after the present turn.
 */
export class Redial<S extends Standing> extends EventTarget {
  readonly #options: RedialOptions<S>;
  readonly #ended = new AbortController();
  readonly #backOff: BackOff;
  readonly #finished: Promise<OotoError | undefined>;
  #current: S | undefined;

  constructor(options: RedialOptions<S>) {
    super();
    this.#options = options;
    this.#backOff = new BackOff(options.random, options.limits);
    this.#finished = Promise.resolve().then(() => this.#run());
  }

  /** What stands now. */
  get current(): S | undefined {
    return this.#current;
  }

  /** Resolves when no further attempt will be made, with the error that no attempt could mend if there was one. */
  get closed(): Promise<OotoError | undefined> {
    return this.#finished;
  }

  /** Ends what stands, and makes no further attempt. Idempotent. */
  close(): void {
    this.#ended.abort();
  }

  async #run(): Promise<OotoError | undefined> {
    const { signal } = this.#options;
    const abort = () => this.close();
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    const error = await this.#keepStanding();
    signal?.removeEventListener('abort', abort);
    this.#tell('closed', error ?? null);
    return error;
  }

  async #keepStanding(): Promise<OotoError | undefined> {
    const { clock, isMendable: mends = isMendable } = this.#options;
    while (!this.#ended.signal.aborted) {
      const since = clock.monotonic();
      const { error, stood } = await this.#standOnce();
      if (this.#ended.signal.aborted) break;
      if (error && !mends(error)) return asOotoError(error);
      const delayMs = this.#backOff.next(stood ? clock.monotonic() - since : 0);
      this.#tell('waiting', { error, delayMs });
      await this.#wait(delayMs);
    }
    return undefined;
  }

  /** From one attempt to the end of what it opened. */
  async #standOnce(): Promise<{ error: unknown; stood: boolean }> {
    const { signal } = this.#ended;
    try {
      const standing = await this.#options.open(signal);
      const end = () => standing.close();
      if (signal.aborted) end();
      signal.addEventListener('abort', end, { once: true });
      this.#current = standing;
      if (!signal.aborted) this.#tell('connected', standing);
      const error = await standing.closed;
      signal.removeEventListener('abort', end);
      return { error, stood: true };
    } catch (error) {
      return { error, stood: false };
    } finally {
      this.#current = undefined;
    }
  }

  #wait(ms: number): Promise<void> {
    const { signal } = this.#ended;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const cancel = this.#options.clock.after(ms, () => {
        signal.removeEventListener('abort', abort);
        resolve();
      });
      const abort = () => {
        cancel();
        resolve();
      };
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  #tell(type: 'connected' | 'waiting' | 'closed', detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function asOotoError(cause: unknown): OotoError {
  if (isOotoError(cause)) return cause;
  return new OotoError('OOTO_CHANNEL_INTERNAL', 'local', 'dialling failed unexpectedly', { cause });
}
