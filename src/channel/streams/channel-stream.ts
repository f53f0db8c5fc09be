/**
 * A stream as programs know streams. What flows through here: bytes written to `writable` arrive at the peer's
 * `readable` in order, a slow reader holds the writer back; cancelling the one tells the peer to write no more, aborting
 * the other gives the stream up both ways. Node wraps the pair by its own adapter, `Duplex.fromWeb`.
 */
import { RESET } from './frames.ts';
import type { StreamEnd } from './stream-end.ts';

export class ChannelStream implements AsyncIterable<Uint8Array>, AsyncDisposable {
  readonly #end: StreamEnd;
  /** What the side that opened it called it; may be empty. */
  readonly name: string;
  readonly readable: ReadableStream<Uint8Array>;
  /** A chunk must not be changed until its write has resolved: it is not copied before it is sent. */
  readonly writable: WritableStream<Uint8Array>;

  constructor(end: StreamEnd) {
    this.#end = end;
    this.name = end.name;
    this.readable = readableOf(end);
    this.writable = writableOf(end);
  }

  /** Fires when the stream is given up by either side, or the channel ends before it. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Resolves when both sides have ended; rejects with what ended the stream before. */
  get closed(): Promise<void> {
    return this.#end.over();
  }

  /** Gives the stream up, both ways; whoever waits here gets `reason`. */
  abort(reason: unknown = new DOMException('the stream was aborted', 'AbortError')): void {
    this.#end.reset(undefined, reason);
  }

  /** The chunks as they arrive; leaving the loop tells the peer to write no more. */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    return chunksOf(this.readable);
  }

  /** Gives up what is not over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.abort();
  }
}

/** Not every browser can iterate its streams. */
export async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  let isDone = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      isDone = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!isDone) await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}

/** What arrives on a stream; nothing is read ahead of the reader. */
export function readableOf(end: StreamEnd): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const piece = await end.read();
          if (!piece) {
            controller.close();
            return;
          }
          if (piece.bytes.length === 0) continue;
          controller.enqueue(piece.bytes);
          return;
        }
      },
      cancel() {
        end.stop();
      },
    },
    { highWaterMark: 0 },
  );
}

function writableOf(end: StreamEnd): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>(
    {
      start(controller) {
        // What ends the stream while nobody writes must be seen by whoever writes next, or waits for the end.
        end.over().catch((error) => controller.error(error));
      },
      write: (bytes) => end.write(bytesOf(bytes)),
      close: () => end.end(),
      abort: (reason) => end.reset({ code: RESET.cancelled, refusal: '', message: '' }, reason),
    },
    { highWaterMark: 1 },
  );
}

/** Platform streams hand on views of every kind. */
function bytesOf(chunk: Uint8Array | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError('a stream carries bytes: write a Uint8Array');
}
