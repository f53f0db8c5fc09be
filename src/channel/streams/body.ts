/** What travels on a stream, from the forms that programs have it in, and back. */
import { concat, utf8, utf8Decode } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { chunksOf } from './channel-stream.ts';
import type { StreamEnd } from './stream-end.ts';

/** Text goes as UTF-8. Of what can be iterated each item is a part of its own: the other side can tell them apart. */
export type Body =
  | Uint8Array
  | string
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array | string>
  | ReadableStream<Uint8Array>;

/** Bytes of a part or a whole body, unless told otherwise. */
export const MOST_BODY_BYTES = 16 * 2 ** 20;

/** Sends a body and the end. A source that fails, fails this; one whose reader stops is closed. */
export async function sendBody(end: StreamEnd, body: Body | undefined): Promise<void> {
  if (body === undefined || body instanceof Uint8Array || typeof body === 'string') {
    await end.finish(body === undefined ? new Uint8Array() : bytesOf(body), true);
    return;
  }
  for await (const part of 'getReader' in body ? chunksOf(body) : body) await end.write(bytesOf(part), true);
  end.end();
}

function bytesOf(part: Uint8Array | string): Uint8Array {
  if (part instanceof Uint8Array) return part;
  if (typeof part === 'string') return utf8(part);
  throw new OotoError('OOTO_STREAM_BODY', 'caller', 'a body consists of bytes or text');
}

/** All that comes on a stream. @throws OOTO_STREAM_SIZE (peer) beyond `mostBytes`. */
export async function readAll(end: StreamEnd, mostBytes = MOST_BODY_BYTES): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (let piece = await end.read(); piece; piece = await end.read()) {
    length += piece.bytes.length;
    requireSize(length, mostBytes);
    pieces.push(piece.bytes);
  }
  return pieces.length === 1 ? pieces[0] : concat(...pieces);
}

/** The parts that the other side marked. @throws OOTO_STREAM_SIZE (peer) for a part beyond `mostBytes`. */
export async function* readParts(end: StreamEnd, mostBytes = MOST_BODY_BYTES): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  for (let piece = await end.read(); piece; piece = await end.read()) {
    length += piece.bytes.length;
    requireSize(length, mostBytes);
    pieces.push(piece.bytes);
    if (!piece.border) continue;
    yield pieces.length === 1 ? pieces[0] : concat(...pieces);
    pieces = [];
    length = 0;
  }
  if (length > 0) yield concat(...pieces);
}

function requireSize(length: number, mostBytes: number): void {
  if (length > mostBytes)
    throw new OotoError('OOTO_STREAM_SIZE', 'peer', `more than ${mostBytes} bytes came`, {
      hint: 'raise mostBytes, or read the parts or the stream as they come',
    });
}

export const textOf: (bytes: Uint8Array) => string = utf8Decode;
