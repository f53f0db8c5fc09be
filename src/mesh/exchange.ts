/**
 * Requests in flight on one session. What flows through here: a request gets a number and a promise; the response
 * or refusal with that number settles it, its deadline or the end of the session rejects it. Nothing waits for
 * ever, and a peer cannot settle what was not asked.
 */
import { OotoError } from '../base/errors.ts';
import type { CborValue } from '../envelope/cbor.ts';
import type { Clock } from '../ports.ts';
import type { Message } from './message.ts';

const REQUEST_TIMEOUT_MS = 30_000;
const MOST_IN_FLIGHT = 1_024;

export interface RequestOptions {
  signal?: AbortSignal;
  /** Milliseconds until the request is given up; 30,000 when absent. */
  timeoutMs?: number;
}

interface Waiting {
  resolve(body: CborValue): void;
  reject(error: unknown): void;
}

export class Exchange {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #ended: OotoError | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Numbers a request, hands it to `send`, and waits for what settles it. */
  ask(
    operation: string,
    body: CborValue,
    send: (message: Message) => void,
    { signal, timeoutMs = REQUEST_TIMEOUT_MS }: RequestOptions = {},
  ): Promise<CborValue> {
    if (this.#ended) return Promise.reject(this.#ended);
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#waiting.size >= MOST_IN_FLIGHT)
      return Promise.reject(
        new OotoError('OOTO_MESH_BUSY', 'caller', `${MOST_IN_FLIGHT} requests are in flight`),
      );
    const id = this.#next++;
    return new Promise<CborValue>((resolve, reject) => {
      const abort = () => settle(() => reject(signal?.reason));
      const cancelTimer = this.#clock.after(timeoutMs, () =>
        settle(() => reject(late(operation, timeoutMs))),
      );
      const settle = (how: () => void) => {
        cancelTimer();
        signal?.removeEventListener('abort', abort);
        this.#waiting.delete(id);
        how();
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.set(id, {
        resolve: (answer) => settle(() => resolve(answer)),
        reject: (error) => settle(() => reject(error)),
      });
      try {
        send({ kind: 'request', id, operation, body });
      } catch (error) {
        settle(() => reject(error));
      }
    });
  }

  /** Settles a request with what the peer answered; an answer to nothing, or too late, is ignored. */
  settle(message: Extract<Message, { kind: 'response' | 'refusal' }>): void {
    const waiting = this.#waiting.get(message.id);
    if (message.kind === 'response') waiting?.resolve(message.body);
    else waiting?.reject(new OotoError(message.code, 'peer', `the peer refused: ${message.message}`));
  }

  /** Rejects all that waits, and all that comes. */
  end(cause: OotoError): void {
    this.#ended = cause;
    for (const waiting of [...this.#waiting.values()]) waiting.reject(cause);
  }
}

function late(operation: string, timeoutMs: number): OotoError {
  return new OotoError('OOTO_MESH_TIMEOUT', 'peer', `no answer to ${operation} within ${timeoutMs} ms`);
}
