/**
 * Whoever has connected and begun no handshake yet. What flows through here: the head of its first frame is looked at,
 * with nothing made for it: no session, no channel. It may be sent a cookie, and then its next frame is looked at in the
 * same way. Whoever is let in gets a connection on which that frame stands whole.
 */
import { concat, readU32be } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { MESH_ID_BYTES, PREAMBLE_BYTES } from '../channel/preamble.ts';
import { encodeFrame, FRAME, LENGTH_BYTES, MAX_HANDSHAKE_BYTES } from '../channel/wire.ts';
import type { Clock, Connection } from '../ports.ts';

const BEFORE_PREAMBLE = LENGTH_BYTES + 1;
const VERSION_BYTES = 2;
const HEAD_BYTES = BEFORE_PREAMBLE + PREAMBLE_BYTES;
/** So long a frame's head may take to come. */
export const FIRST_BYTES_MS = 5_000;

/** What a first message says in the clear. */
export interface FirstMessage {
  readonly meshId: Uint8Array;
  readonly preamble: Uint8Array;
}

export class Stranger {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #incoming: AsyncIterator<Uint8Array>;
  readonly #refused: Promise<never>;
  #refuse: (reason: OotoError) => void = () => {};
  #held: Uint8Array = new Uint8Array();
  /** Bytes to come of a message that was dropped. */
  #skip = 0;

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.#incoming = connection.incoming[Symbol.asyncIterator]();
    this.#refused = new Promise((_, reject) => {
      this.#refuse = reject;
    });
    this.#refused.catch(() => {});
  }

  /** Cuts it off; who waits for its message gets the reason. */
  close(reason: OotoError): void {
    this.#refuse(reason);
    this.#connection.close();
  }

  /**
   * The head of its first message.
   * @throws OOTO_MESH_SILENT (peer) when it does not come in time, OOTO_CHANNEL_FRAME (peer) for another frame.
   */
  async firstMessage(): Promise<FirstMessage> {
    const cancel = this.#clock.after(FIRST_BYTES_MS, () => this.#connection.close());
    try {
      await Promise.race([this.#hold(HEAD_BYTES), this.#refused]);
    } finally {
      cancel();
    }
    const preamble = this.#held.slice(BEFORE_PREAMBLE, HEAD_BYTES);
    this.#requireHello();
    return { meshId: preamble.slice(VERSION_BYTES, VERSION_BYTES + MESH_ID_BYTES), preamble };
  }

  /**
   * Sends a cookie of 32 bytes and drops the message that came without; returns the head of the one that follows.
   * @throws as {@link firstMessage}.
   */
  askForCookie(cookie: Uint8Array): Promise<FirstMessage> {
    this.#connection.write(encodeFrame(FRAME.cookie, cookie)).catch(() => {});
    const left = LENGTH_BYTES + readU32be(this.#held, 0) - this.#held.length;
    this.#held = left > 0 ? new Uint8Array() : this.#held.slice(this.#held.length + left);
    this.#skip = Math.max(0, left);
    return this.firstMessage();
  }

  /** Let in: the connection with nothing of its newest message missing. */
  get connection(): Connection {
    const { remoteAddress, localAddress } = this.#connection;
    const [connection, held, rest] = [this.#connection, this.#held, this.#incoming];
    async function* incoming(): AsyncGenerator<Uint8Array> {
      yield held;
      for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
    }
    return {
      remoteAddress,
      localAddress,
      incoming: incoming(),
      ...(connection.receive && {
        receive: (receiver) => {
          receiver.take(held);
          connection.receive!(receiver);
        },
      }),
      write: (bytes, onTaken) => connection.write(bytes, onTaken),
      close: () => connection.close(),
    };
  }

  async #hold(count: number): Promise<void> {
    while (this.#held.length < count) {
      const { done, value } = await this.#incoming.next();
      if (done)
        throw new OotoError('OOTO_MESH_SILENT', 'peer', 'the connection ended before it said anything');
      const fresh = value.subarray(Math.min(this.#skip, value.length));
      this.#skip -= value.length - fresh.length;
      this.#held = concat(this.#held, fresh);
    }
  }

  #requireHello(): void {
    const length = readU32be(this.#held, 0);
    if (this.#held[LENGTH_BYTES] !== FRAME.hello || length <= PREAMBLE_BYTES || length > MAX_HANDSHAKE_BYTES)
      throw new OotoError('OOTO_CHANNEL_FRAME', 'peer', 'the first frame is no first message of a handshake');
  }
}
