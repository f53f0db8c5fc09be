/**
 * The beginning of a connection, frame by frame. What flows through here: frames are read one at a time, within a time;
 * then the connection goes on as if nothing had been read, or from behind the frames that were taken.
 */
import { concat, readU32be } from '../../base/bytes.ts';
import { OotoError } from '../../base/errors.ts';
import type { Clock, Connection } from '../../ports.ts';
import { badFrame, type Frame, LENGTH_BYTES } from '../wire.ts';

const TYPE_END = LENGTH_BYTES + 1;

export class Opening {
  readonly connection: Connection;
  readonly #incoming: AsyncIterator<Uint8Array>;
  readonly #cancel: () => void;
  #held: Uint8Array = new Uint8Array();
  #isHandedOn = false;

  /** @param timeMs after which the connection is closed, unless it was handed on */
  constructor(connection: Connection, clock: Clock, timeMs: number) {
    this.connection = connection;
    this.#incoming = connection.incoming[Symbol.asyncIterator]();
    this.#cancel = clock.after(timeMs, () => connection.close());
  }

  /** The type of the next frame. @throws OOTO_CHANNEL_TRUNCATED (peer) when it does not come. */
  async type(): Promise<number> {
    await this.#hold(TYPE_END);
    return this.#held[LENGTH_BYTES];
  }

  /**
   * Takes the next frame.
   * @throws OOTO_CHANNEL_TRUNCATED, OOTO_CHANNEL_FRAME (peer).
   */
  async frame(maxBytes: number): Promise<Frame> {
    await this.#hold(LENGTH_BYTES);
    const length = readU32be(this.#held);
    if (length === 0 || length > maxBytes) throw badFrame(`a frame of ${length} bytes`);
    const end = LENGTH_BYTES + length;
    await this.#hold(end);
    const whole = this.#held.subarray(0, end);
    this.#held = this.#held.subarray(end);
    return { type: whole[LENGTH_BYTES], whole, rest: whole.subarray(TYPE_END) };
  }

  /** The connection, with what was read and not taken. */
  handOn(): Connection {
    this.#cancel();
    this.#isHandedOn = true;
    const { connection } = this;
    const [held, rest] = [this.#held, this.#incoming];
    async function* incoming(): AsyncGenerator<Uint8Array> {
      if (held.length > 0) yield held;
      for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
    }
    return {
      remoteAddress: connection.remoteAddress,
      localAddress: connection.localAddress,
      incoming: incoming(),
      ...(connection.receive && {
        receive: (receiver) => {
          if (held.length > 0) receiver.take(held);
          connection.receive!(receiver);
        },
      }),
      write: (bytes, onTaken) => connection.write(bytes, onTaken),
      close: () => connection.close(),
    };
  }

  /** Ends the connection, unless it was handed on. */
  close(): void {
    this.#cancel();
    if (!this.#isHandedOn) this.connection.close();
  }

  async #hold(bytes: number): Promise<void> {
    while (this.#held.length < bytes) {
      const { done, value } = await this.#incoming.next();
      if (done)
        throw new OotoError('OOTO_CHANNEL_TRUNCATED', 'peer', 'the connection ended at its beginning');
      this.#held = concat(this.#held, value);
    }
  }
}
