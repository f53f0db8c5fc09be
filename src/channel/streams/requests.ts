/**
 * Requests and their answers. What flows through here: a method, a body and a deadline go out on a stream of their own,
 * the answer comes back on it, whole or in parts; here handlers are looked up by method and run, with a signal that fires
 * when the caller gives up, the deadline passes or the channel ends.
 */
import { OotoError } from '../../base/errors.ts';
import type { Clock } from '../../ports.ts';
import type { Peer } from '../credential.ts';
import { type Body, MOST_BODY_BYTES, readAll, readParts, sendBody, textOf } from './body.ts';
import { MOST_STREAMS } from './bounds.ts';
import { readableOf } from './channel-stream.ts';
import { resetOf } from './failures.ts';
import { RESET, type ResetCode } from './frames.ts';
import type { StreamEnd } from './stream-end.ts';
import type { StreamLink } from './stream-link.ts';

export interface RequestOptions {
  /** Gives the request up: it rejects with the signal's reason, and the handler's signal fires. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the answer must be whole, at most a day; 30,000 unless said. */
  readonly deadlineMs?: number | undefined;
  /** Bytes of the answer, or of each of its parts, at most; 16 MiB unless said. */
  readonly mostBytes?: number | undefined;
}

/** Answers requests; what it throws is told to the caller by code if it is an `OotoError`, else only as a failure. */
export type RequestHandler = (request: IncomingRequest) => Answer | Promise<Answer>;
// biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing answers with nothing.
export type Answer = Body | undefined | void;

export const DEFAULT_DEADLINE_MS = 30_000;

/**
 * A request, as its handler sees it. Its body is read once and in one way: whole, in parts, or as a stream; whoever asks
 * for it again gets OOTO_STREAM_READER (caller).
 */
export class IncomingRequest implements AsyncIterable<Uint8Array> {
  readonly #end: StreamEnd;
  readonly #clock: Clock;
  #hasReader = false;
  readonly method: string;
  readonly peer: Peer;

  constructor(end: StreamEnd, clock: Clock, peer: Peer) {
    this.#end = end;
    this.#clock = clock;
    this.method = end.name;
    this.peer = peer;
  }

  /** Fires when the caller gives up, the deadline passes or the channel ends. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Milliseconds left until the deadline. */
  get leftMs(): number {
    return Math.max(0, this.#end.dueAt - this.#clock.monotonic());
  }

  /** The whole body. @throws OOTO_STREAM_SIZE (peer) beyond `mostBytes`, 16 MiB unless said. */
  async bytes(mostBytes?: number): Promise<Uint8Array> {
    return readAll(this.#body(), mostBytes);
  }

  /** The whole body as text. @throws OOTO_STREAM_SIZE, OOTO_BASE_UTF8 (peer). */
  async text(mostBytes?: number): Promise<string> {
    return textOf(await this.bytes(mostBytes));
  }

  /** The parts of the body, as the caller wrote them. */
  parts(mostBytes?: number): AsyncGenerator<Uint8Array> {
    return readParts(this.#body(), mostBytes);
  }

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    return this.parts();
  }

  /** The body as a stream of bytes, which holds the caller back while it is not read. */
  stream(): ReadableStream<Uint8Array> {
    return readableOf(this.#body());
  }

  /** Of two readers neither would get the whole. */
  #body(): StreamEnd {
    if (this.#hasReader)
      throw new OotoError('OOTO_STREAM_READER', 'caller', 'the body of this request has a reader already', {
        hint: 'read it once: whole, in parts, or as a stream',
      });
    this.#hasReader = true;
    return this.#end;
  }
}

/** The whole answer to a request. */
export async function ask(
  link: StreamLink,
  method: string,
  body: Body | undefined,
  { mostBytes = MOST_BODY_BYTES, ...options }: RequestOptions,
): Promise<Uint8Array> {
  const request = await begin(link, method, body, options);
  try {
    return await Promise.race([readAll(request.end, mostBytes), request.failed]);
  } catch (error) {
    request.giveUp(error);
    throw error;
  } finally {
    request.release();
  }
}

/** The parts of the answer to a request, as they come; leaving the loop gives the request up. */
export async function* askForParts(
  link: StreamLink,
  method: string,
  body: Body | undefined,
  { mostBytes = MOST_BODY_BYTES, ...options }: RequestOptions,
): AsyncGenerator<Uint8Array> {
  const request = await begin(link, method, body, options);
  let reason: unknown = new DOMException('the rest of the answer is not wanted', 'AbortError');
  try {
    yield* readParts(request.end, mostBytes);
  } catch (error) {
    reason = error;
    throw error;
  } finally {
    request.giveUp(reason);
    request.release();
  }
}

interface Begun {
  readonly end: StreamEnd;
  /** Rejects when the body cannot be sent for a reason of this side. */
  readonly failed: Promise<never>;
  giveUp(reason: unknown): void;
  release(): void;
}

async function begin(
  link: StreamLink,
  method: string,
  body: Body | undefined,
  { signal, deadlineMs = DEFAULT_DEADLINE_MS }: RequestOptions,
): Promise<Begun> {
  const end = await link.start({ name: method, deadlineMs }, signal);
  const giveUp = (reason: unknown) => end.reset(undefined, reason);
  const abort = () => giveUp(signal?.reason);
  if (signal?.aborted) abort();
  signal?.throwIfAborted();
  signal?.addEventListener('abort', abort, { once: true });
  const failed = new Promise<never>((_, reject) => {
    sendBody(end, body).catch((error) => {
      // A peer that stops reading may still answer; one that reset the stream says so to the reader as well.
      if (error instanceof OotoError && error.fault === 'peer') return;
      giveUp(error);
      reject(error);
    });
  });
  failed.catch(() => {});
  return { end, failed, giveUp, release: () => signal?.removeEventListener('abort', abort) };
}

/** Handlers by method. */
export type HandlerTable = ReadonlyMap<string, RequestHandler>;

/** The handlers of one channel, and the requests that they work on. */
export class Handlers {
  readonly #clock: Clock;
  readonly #own = new Map<string, RequestHandler>();
  readonly #shared: HandlerTable;
  /** Handlers at work, though their callers may have given up. */
  #running = 0;

  constructor(clock: Clock, shared: HandlerTable = new Map()) {
    this.#clock = clock;
    this.#shared = shared;
  }

  /** @throws OOTO_STREAM_HANDLER (caller) for a method that has one. */
  add(method: string, handler: RequestHandler): void {
    if (this.#own.has(method))
      throw new OotoError('OOTO_STREAM_HANDLER', 'caller', `"${method}" has a handler already`);
    this.#own.set(method, handler);
  }

  remove(method: string): void {
    this.#own.delete(method);
  }

  /** Answers one request. Never rejects. */
  async serve(end: StreamEnd, peer: Peer): Promise<void> {
    const handler = this.#own.get(end.name) ?? this.#shared.get(end.name);
    if (!handler) return refuse(end, RESET.method);
    if (this.#running >= MOST_STREAMS) return refuse(end, RESET.busy);
    this.#running++;
    try {
      await sendBody(end, (await handler(new IncomingRequest(end, this.#clock, peer))) ?? undefined);
      end.stop();
    } catch (error) {
      end.reset(resetOf(error), error);
    } finally {
      this.#running--;
    }
  }
}

function refuse(end: StreamEnd, code: ResetCode): void {
  end.reset(
    { code, refusal: '', message: '' },
    new OotoError('OOTO_STREAM_METHOD', 'peer', 'the request was refused'),
  );
}
