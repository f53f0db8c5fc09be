/**
 * A responder's one handshake with whoever brought a valid cookie. What flows through here: pieces of message 1; when its turn
 * has come the flight of message 2 goes out, and again when the initiator repeats itself; pieces of message 3, until the
 * initiator is known. It has its time, and what it holds of the initiator's pieces is counted.
 */
import type { OwnCredential } from '../credential.ts';
import type { Moment } from '../limits.ts';
import type { DatagramChannelOptions } from './channel-options.ts';
import { type Met, Reception } from './handshake.ts';
import { ECHO_PAUSE_MS } from './limits.ts';
import type { Introduction, Piece } from './packet.ts';

const NOTHING: readonly Uint8Array[] = [];

export class Arrival implements Disposable {
  readonly own: OwnCredential;
  /** Monotonic milliseconds at which the time of this handshake is over. */
  readonly endsAt: number;
  readonly #reception: Reception;
  #echoedAt = Number.NEGATIVE_INFINITY;

  /** @param index by which the initiator calls this side */
  constructor(options: DatagramChannelOptions, index: number, introduction: Introduction, now: number) {
    const { limits } = options;
    this.own = options.own();
    this.endsAt = now + limits.attemptMs;
    const context = { ...options, own: this.own, datagramBytes: limits.datagramBytes };
    this.#reception = new Reception(context, index, introduction);
  }

  get index(): number {
    return this.#reception.index;
  }

  /** Bytes that are held of the initiator's pieces. */
  get heldBytes(): number {
    return this.#reception.heldBytes;
  }

  /** Message 1 is whole, and was not answered. */
  get awaitsAnswer(): boolean {
    return this.#reception.awaitsAnswer;
  }

  /** A piece of message 1; gives what goes out now. @throws as {@link Reception.receiveFirst}. */
  receiveFirst(introduction: Introduction, piece: Piece, now: number): readonly Uint8Array[] {
    this.#reception.receiveFirst(introduction, piece);
    return this.#echo(now);
  }

  /** Works on message 1, and gives what goes out. @throws as {@link Reception.answer}. */
  answer(now: number): readonly Uint8Array[] {
    this.#reception.answer();
    return this.#echo(now);
  }

  /** The initiator, once its message 3 is whole and good. @throws as {@link Reception.receiveFinish}. */
  receiveFinish(datagram: Uint8Array, now: Moment): Met | undefined {
    return this.#reception.receiveFinish(datagram, now);
  }

  #echo(now: number): readonly Uint8Array[] {
    const { flight } = this.#reception;
    if (flight.length === 0 || now < this.#echoedAt + ECHO_PAUSE_MS) return NOTHING;
    this.#echoedAt = now;
    return flight;
  }

  [Symbol.dispose](): void {
    this.#reception[Symbol.dispose]();
  }
}
