/**
 * One attempt at a handshake over datagrams, as either side. What flows through here: the initiator's flight is a
 * hello, with a cookie the pieces of message 1, then those of message 3; the responder's is those of message 2. A
 * flight is resent as it is, byte for byte, until the other side's next one is whole; pieces of different sendings
 * complete each other. At the end stand the Split and the peer, as on streams.
 */
import { concat, equal } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import { label } from '../../envelope/labels.ts';
import type { HandshakeState } from '../../noise/handshake-state.ts';
import { MAX_MESSAGE_BYTES } from '../../noise/handshake-state.ts';
import type { PeerContext } from '../credential.ts';
import { type Authenticated, noiseState, ownPayload, readPeer } from '../handshake.ts';
import type { Moment } from '../limits.ts';
import { encodePreamble, NO_COOKIE } from '../preamble.ts';
import {
  badDatagram,
  encodeFinish,
  encodeFirst,
  encodeHello,
  encodeReply,
  type Introduction,
  PIECE_OVERHEAD_BYTES,
  type Piece,
  readCookie,
  readFinish,
  readReply,
} from './packet.ts';
import { cutPieces, PieceCollector } from './pieces.ts';

export interface AttemptContext extends PeerContext {
  readonly datagramBytes: number;
}

/** The peer is known, and by which index it wants to be called. */
export interface Met extends Authenticated {
  readonly remoteIndex: number;
}

/** Ephemeral X25519 key and ML-KEM-768 key: message 1 has one length, without room for a payload in the clear. */
export const FIRST_MESSAGE_BYTES = 32 + 1_184;
/** Cookies that an attempt takes: one, and a few more for secrets replaced meanwhile. */
const MOST_COOKIES = 3;

export class Initiation implements Disposable {
  readonly index: number;
  readonly #context: AttemptContext;
  #flight: readonly Uint8Array[];
  #noise: HandshakeState | undefined;
  #cookie: Uint8Array = NO_COOKIE;
  #cookies = 0;
  #reply = new PieceCollector(MAX_MESSAGE_BYTES);
  #remoteIndex: number | undefined;

  constructor(context: AttemptContext, index: number) {
    this.#context = context;
    this.index = index;
    this.#flight = [encodeHello({ sender: index, preamble: encodePreamble(context.meshId, NO_COOKIE) })];
  }

  /** What is sent, and resent until it is answered. */
  get flight(): readonly Uint8Array[] {
    return this.#flight;
  }

  /**
   * Whether the flight is another now: message 1, under this cookie. Nothing of the ephemerals has been sent before
   * the cookie came; a newer cookie gets newer ones, since the old one is in the prologue.
   * @throws OOTO_BASE_SHORT, OOTO_BASE_TRAILING (peer).
   */
  receiveCookie(datagram: Uint8Array): boolean {
    const cookie = readCookie(datagram);
    const isLate = this.#remoteIndex !== undefined || this.#cookies === MOST_COOKIES;
    if (isLate || equal(cookie, this.#cookie)) return false;
    this.#cookies++;
    this.#cookie = cookie;
    this.#noise?.[Symbol.dispose]();
    const { crypto, meshId, datagramBytes } = this.#context;
    const introduction = { sender: this.index, preamble: encodePreamble(meshId, cookie) };
    this.#noise = noiseState(crypto, this.#context, prologueOf(introduction));
    this.#flight = cutPieces(this.#noise.writeMessage(), datagramBytes - PIECE_OVERHEAD_BYTES.first).map(
      (piece) => encodeFirst(introduction, piece),
    );
    return true;
  }

  /**
   * The responder, once its message is whole and good; the flight is message 3 then.
   * @throws OOTO_CHANNEL_DATAGRAM, OOTO_BASE_SHORT (peer) for a piece out of place, which changes nothing; OotoError
   *   for whatever ends the handshake.
   */
  receiveReply(datagram: Uint8Array, now: Moment): Met | undefined {
    const { sender, piece } = readReply(datagram);
    if (!this.#noise || sender === 0) throw badDatagram('a reply to nothing');
    if (this.#noise.isFinished) return undefined;
    if ((this.#remoteIndex ?? sender) !== sender) throw badDatagram('two replies');
    const message = this.#reply.add(piece);
    this.#remoteIndex = sender;
    if (!message) return undefined;
    const peer = readPeer(this.#context, this.#noise, message, now);
    const finish = this.#noise.writeMessage((h) => ownPayload(this.#context, h));
    this.#flight = cutPieces(finish, this.#context.datagramBytes - PIECE_OVERHEAD_BYTES.finish).map((cut) =>
      encodeFinish(sender, cut),
    );
    return { peer, split: this.#noise.split(), remoteIndex: sender };
  }

  [Symbol.dispose](): void {
    this.#noise?.[Symbol.dispose]();
  }
}

export class Reception implements Disposable {
  readonly index: number;
  readonly #context: AttemptContext;
  readonly #introduction: Introduction;
  readonly #first = new PieceCollector(FIRST_MESSAGE_BYTES);
  readonly #finish = new PieceCollector(MAX_MESSAGE_BYTES);
  #message: Uint8Array | undefined;
  #noise: HandshakeState | undefined;
  #flight: readonly Uint8Array[] = [];

  /** @param introduction of an initiator that brought a valid cookie */
  constructor(context: AttemptContext, index: number, introduction: Introduction) {
    this.#context = context;
    this.index = index;
    this.#introduction = introduction;
  }

  /** Message 1 is whole, and {@link answer} has not been called. */
  get awaitsAnswer(): boolean {
    return this.#message !== undefined;
  }

  /** Empty until message 1 is answered. */
  get flight(): readonly Uint8Array[] {
    return this.#flight;
  }

  /** Bytes that are held of the initiator's pieces. */
  get heldBytes(): number {
    return this.#first.bytes + this.#finish.bytes + (this.#message?.length ?? 0);
  }

  /** Takes a piece of message 1, which costs nothing yet. @throws as {@link Initiation.receiveReply}. */
  receiveFirst({ preamble }: Pick<Introduction, 'preamble'>, piece: Piece): void {
    if (!equal(preamble, this.#introduction.preamble))
      throw badDatagram('a first message under another cookie');
    if (!this.#noise && !this.#message) this.#message = this.#first.add(piece);
  }

  /** Works on message 1, which is dear: the flight is message 2 then. @throws OotoError for what ends the handshake. */
  answer(): void {
    const message = this.#message;
    if (!message) return;
    this.#message = undefined;
    const { crypto, datagramBytes } = this.#context;
    this.#noise = noiseState(crypto, this.#context, prologueOf(this.#introduction));
    this.#noise.readMessage(message);
    const reply = this.#noise.writeMessage((h) => ownPayload(this.#context, h));
    this.#flight = cutPieces(reply, datagramBytes - PIECE_OVERHEAD_BYTES.reply).map((cut) =>
      encodeReply(this.#introduction.sender, this.index, cut),
    );
  }

  /** The initiator, once its message is whole and good. @throws as {@link Initiation.receiveReply}. */
  receiveFinish(datagram: Uint8Array, now: Moment): Met | undefined {
    if (!this.#noise) throw badDatagram('the end of a handshake before its beginning');
    const message = this.#finish.add(readFinish(datagram));
    if (!message) return undefined;
    const peer = readPeer(this.#context, this.#noise, message, now);
    return { peer, split: this.#noise.split(), remoteIndex: this.#introduction.sender };
  }

  [Symbol.dispose](): void {
    this.#noise?.[Symbol.dispose]();
    this.#message = undefined;
    this.#first.clear();
    this.#finish.clear();
  }
}

/** Whether an error means that the attempt met noise on the line, so that another may go well. */
export function isDisturbance(error: OotoError): boolean {
  return /^OOTO_(CRYPTO|NOISE)_/.test(error.code);
}

/** All of the preamble, and that the handshake is not one of a stream. */
function prologueOf({ preamble }: Introduction): Uint8Array {
  return concat(label('datagrams'), preamble);
}

/** For whoever waits in vain. */
export function unanswered(): OotoError {
  return new OotoError('OOTO_CHANNEL_HANDSHAKE_TIMEOUT', 'peer', 'the handshake was not finished in time', {
    hint: 'the peer is unreachable or overloaded, or datagrams do not pass',
  });
}
