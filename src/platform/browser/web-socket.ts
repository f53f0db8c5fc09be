/**
 * The browser's WebSocket as the Transport port. What flows through here: bytes written become binary frames of a
 * bounded size, and where the browser has too much unsent, the writer waits and looks again; bytes that arrive wait for
 * the reader. A browser cannot stop the peer: who leaves too much unread loses the connection. It cannot listen.
 */
import { OotoError } from '../../base/errors.ts';
import type { Connection, Transport } from '../../ports.ts';

const FORM = /^wss?:\/\/[^/?#\s]+\/?$/;
const FRAME_BYTES_SENT = 256 * 1024;
const UNSENT_BYTES_MOST = 256 * 1024;
const UNREAD_BYTES_MOST = 64 * 1024 * 1024;
const POLL_MS = 10;
const DONE = 1000;

/**
 * Addresses are `ws://host:port`, or `wss://` where a gateway ends TLS. `dial` throws OOTO_TRANSPORT_ADDRESS (caller),
 * OOTO_TRANSPORT_UNREACHABLE (environment), and the signal's reason when aborted; `listen` OOTO_TRANSPORT_LISTEN
 * (environment); `write` rejects with OOTO_TRANSPORT_CLOSED (environment).
 */
export function webSocketTransport(): Transport {
  return {
    dial,
    async listen() {
      throw new OotoError('OOTO_TRANSPORT_LISTEN', 'environment', 'a browser cannot listen');
    },
  };
}

async function dial(address: string, { signal }: { signal?: AbortSignal } = {}): Promise<Connection> {
  if (!FORM.test(address))
    throw new OotoError('OOTO_TRANSPORT_ADDRESS', 'caller', `"${address.slice(0, 80)}" is not an address`, {
      hint: 'write ws://host:port',
    });
  signal?.throwIfAborted();
  const socket = new WebSocket(address);
  socket.binaryType = 'arraybuffer';
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      signal?.removeEventListener('abort', onAbort);
      socket.onopen = null;
      socket.onclose = null;
      act();
    };
    const onAbort = () =>
      settle(() => {
        socket.close();
        reject(signal?.reason);
      });
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.onopen = () => settle(() => resolve(new BrowserConnection(socket, address)));
    socket.onclose = () =>
      settle(() =>
        reject(new OotoError('OOTO_TRANSPORT_UNREACHABLE', 'environment', `cannot reach ${address}`)),
      );
  });
}

class BrowserConnection implements Connection {
  readonly remoteAddress: string;
  readonly incoming: AsyncIterable<Uint8Array>;
  readonly #socket: WebSocket;
  readonly #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #ended = false;
  #wake = () => {};

  constructor(socket: WebSocket, address: string) {
    this.#socket = socket;
    this.remoteAddress = address.replace(/^wss?:\/\//, '').replace(/\/$/, '');
    this.incoming = this.#read();
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = () => this.#end();
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#socket.readyState !== WebSocket.OPEN) throw this.#closed();
    for (let at = 0; at < bytes.length; at += FRAME_BYTES_SENT)
      this.#socket.send(bytes.slice(at, at + FRAME_BYTES_SENT));
    while (this.#socket.bufferedAmount > UNSENT_BYTES_MOST) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (this.#socket.readyState !== WebSocket.OPEN) throw this.#closed();
    }
  }

  close(): void {
    this.#end();
    this.#socket.close(DONE);
  }

  #receive(data: unknown): void {
    if (!(data instanceof ArrayBuffer) || this.#unreadBytes + data.byteLength > UNREAD_BYTES_MOST) {
      this.close();
      return;
    }
    this.#unread.push(new Uint8Array(data));
    this.#unreadBytes += data.byteLength;
    this.#wake();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      for (let chunk = this.#unread.shift(); chunk; chunk = this.#unread.shift()) {
        this.#unreadBytes -= chunk.length;
        yield chunk;
      }
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }

  #closed(): OotoError {
    return new OotoError(
      'OOTO_TRANSPORT_CLOSED',
      'environment',
      `the connection with ${this.remoteAddress} is closed`,
    );
  }
}
