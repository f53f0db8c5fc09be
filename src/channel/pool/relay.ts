/**
 * A connection of this thread whose channel runs in another. What flows through here: chunks of the socket go to the
 * thread, which is waited for when it lags behind; what the thread writes goes to the socket, and it is told when the
 * socket took it.
 */
import type { Connection } from '../../ports.ts';
import type { Command } from './protocol.ts';
import { FlowWindow } from './window.ts';

const UNREAD_BYTES_MOST = 256 * 1024;
/** What a chunk costs beside its bytes: a peer that sends single bytes must not fill memory. */
const CHUNK_OVERHEAD_BYTES = 256;

export class Relay {
  readonly #number: number;
  readonly #connection: Connection;
  readonly #post: (command: Command, given?: readonly Uint8Array[]) => void;
  readonly #unread = new FlowWindow(UNREAD_BYTES_MOST);
  #isClosed = false;

  constructor(
    number: number,
    connection: Connection,
    post: (command: Command, given?: readonly Uint8Array[]) => void,
  ) {
    this.#number = number;
    this.#connection = connection;
    this.#post = post;
    void this.#read();
  }

  /** The thread took in one chunk. */
  read(bytes: number): void {
    this.#unread.taken(bytes + CHUNK_OVERHEAD_BYTES);
  }

  write(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    const { length } = bytes;
    const connection = this.#number;
    this.#connection.write(bytes).then(
      () => this.#tell({ type: 'taken', connection, bytes: length }),
      () => this.#tell({ type: 'broken', connection }),
    );
  }

  /** What was written is still sent. */
  close(): void {
    this.#isClosed = true;
    this.#unread.end();
    this.#connection.close();
  }

  async #read(): Promise<void> {
    const connection = this.#number;
    try {
      for await (const chunk of this.#connection.incoming) {
        if (this.#isClosed) return;
        const bytes = chunk.byteLength === chunk.buffer.byteLength ? chunk : chunk.slice();
        this.#unread.posted(bytes.length + CHUNK_OVERHEAD_BYTES);
        this.#tell({ type: 'bytes', connection, bytes }, [bytes]);
        if (this.#unread.isFull) await this.#unread.room();
      }
    } catch {
      // The channel says what a broken connection means.
    }
    this.#tell({ type: 'end', connection });
  }

  #tell(command: Command, given?: readonly Uint8Array[]): void {
    if (!this.#isClosed) this.#post(command, given);
  }
}
