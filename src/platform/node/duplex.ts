/** Streams of the web as Node has them, by Node's own adapter. */
import { Duplex } from 'node:stream';
import type { ReadableWritablePair } from 'node:stream/web';

/** What a channel's stream is made of. */
export interface StreamPair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/** A `Duplex` over both; it is the only reader and writer from now on. */
export function duplexOf(pair: StreamPair): Duplex {
  return Duplex.fromWeb(pair as unknown as ReadableWritablePair);
}
