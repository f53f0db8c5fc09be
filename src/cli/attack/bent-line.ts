/**
 * A line to the victim that can lie. What flows through here: the attacker's bytes on their way out, noted, and
 * altered or repeated when an attack says so; what the victim answers is left as it is. It stands where an
 * attacker in the network stands: outside of the channel, without its keys.
 */
import type { Connection, Transport } from '../../ports.ts';

type Bend = (bytes: Uint8Array) => Uint8Array;

/** Dials like the transport it is given, and keeps hold of what was dialled. */
export class BentLine implements Transport {
  readonly #transport: Transport;
  #dialled: BentConnection[] = [];

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The connection that was dialled last; undefined when none has been since {@link forget}. */
  get newest(): BentConnection | undefined {
    return this.#dialled.at(-1);
  }

  /** All that was dialled since {@link forget}, in order. */
  get dialled(): readonly BentConnection[] {
    return this.#dialled;
  }

  forget(): void {
    this.#dialled = [];
  }

  async dial(address: string, options?: { signal?: AbortSignal }): Promise<Connection> {
    const connection = await this.#transport.dial(address, options);
    const bent = new BentConnection(connection, address);
    this.#dialled.push(bent);
    return bent;
  }

  listen: Transport['listen'] = (address) => this.#transport.listen(address);
}

export class BentConnection implements Connection {
  readonly remoteAddress: string;
  readonly localAddress: string | undefined;
  readonly incoming: AsyncIterable<Uint8Array>;
  /** As it was dialled. */
  readonly dialled: string;
  /** Done to all that is written from now on. */
  bend: Bend = (bytes) => bytes;
  readonly #connection: Connection;
  #lastWritten: Uint8Array = new Uint8Array();

  constructor(connection: Connection, dialled: string) {
    this.remoteAddress = connection.remoteAddress;
    this.localAddress = connection.localAddress;
    this.incoming = connection.incoming;
    this.dialled = dialled;
    this.#connection = connection;
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#lastWritten = bytes.slice();
    return this.#connection.write(this.bend(bytes.slice()));
  }

  /** Sends what was written last once more. */
  repeat(): Promise<void> {
    return this.#connection.write(this.#lastWritten.slice());
  }

  close(): void {
    this.#connection.close();
  }
}
