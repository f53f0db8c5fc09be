/**
 * Handshake messages longer than a datagram. What flows through here: a message is cut into numbered pieces, all but
 * the last of one length; pieces that arrive, in any order and more than once, are put together. Nothing here is
 * authenticated: the first piece of a number stays, and a message that comes out wrong fails in the handshake.
 */
import { concat } from '../../base/bytes.ts';
import { badDatagram, type Piece } from './packet.ts';

/** More than the longest Noise message needs at the shortest datagrams. */
export const MOST_PIECES = 64;

/** @param room bytes that a piece holds at most */
export function cutPieces(message: Uint8Array, room: number): Piece[] {
  const count = Math.ceil(message.length / room);
  return Array.from({ length: count }, (_, index) => ({
    index,
    count,
    bytes: message.subarray(index * room, (index + 1) * room),
  }));
}

export class PieceCollector {
  readonly #mostBytes: number;
  #pieces: (Uint8Array | undefined)[] = [];
  #missing = 0;
  #bytes = 0;

  /** @param mostBytes length of the longest message that is due */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The whole message, once this piece was the last that was missing.
   * @throws OOTO_CHANNEL_DATAGRAM (peer) for a piece that belongs to no such message.
   */
  add({ index, count, bytes }: Piece): Uint8Array | undefined {
    if (count === 0 || count > MOST_PIECES || index >= count || bytes.length === 0)
      throw badDatagram(`piece ${index} of ${count}`);
    if (this.#pieces.length > 0 && this.#pieces.length !== count) throw badDatagram('pieces of two messages');
    if (this.#pieces[index]) return undefined;
    if (this.#bytes + bytes.length > this.#mostBytes) throw badDatagram('a handshake message too long');
    if (this.#pieces.length === 0) this.#begin(count);
    this.#pieces[index] = bytes;
    this.#bytes += bytes.length;
    this.#missing--;
    return this.#missing === 0 ? this.#take() : undefined;
  }

  clear(): void {
    this.#pieces = [];
    this.#bytes = 0;
  }

  #begin(count: number): void {
    this.#pieces = Array(count).fill(undefined);
    this.#missing = count;
  }

  #take(): Uint8Array {
    const message = concat(...(this.#pieces as Uint8Array[]));
    this.clear();
    return message;
  }
}
