/**
 * TCP and TLS 1.3 as rivals. What flows through here: messages behind a u32be length, delivered one by one as views
 * of what arrived. `write` hands each message to the socket, `cork` lets the socket gather those of one turn, and
 * `gather` copies them into one buffer by hand.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TLSSocket, connect as tlsConnect, createServer as tlsCreateServer } from 'node:tls';
import { Framer, Splitter } from './framing.ts';
import type { Link, Rival } from './link.ts';
import type { TlsIdentity } from './tls-identity.ts';

export type Gathering = 'write' | 'cork' | 'gather';

export function tcpRival(gathering: Gathering): Rival {
  return {
    name: `tcp-${gathering}`,
    listen: (accept) =>
      listening(createServer({ noDelay: true }, (socket) => accept(new SocketLink(socket, gathering)))),
    dial: async (port) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      await once(socket, 'connect');
      return new SocketLink(socket, gathering);
    },
  };
}

/** Mutual authentication, one suite, no resumption. */
export function tlsRival(gathering: Gathering, { key, certificate }: TlsIdentity): Rival {
  const common = {
    key,
    cert: certificate,
    ca: certificate,
    minVersion: 'TLSv1.3' as const,
    ciphers: 'TLS_AES_256_GCM_SHA384',
  };
  return {
    name: `tls-${gathering}`,
    listen: (accept) => {
      const server = tlsCreateServer(
        { ...common, noDelay: true, requestCert: true, rejectUnauthorized: true, sessionTimeout: 1 },
        (socket) => accept(new SocketLink(socket, gathering)),
      );
      return listening(server);
    },
    dial: async (port) => {
      const socket = tlsConnect({ ...common, port, host: '127.0.0.1', checkServerIdentity: () => undefined });
      await once(socket, 'secureConnect');
      socket.setNoDelay(true);
      return new SocketLink(socket, gathering);
    },
  };
}

class SocketLink implements Link {
  onMessage: Link['onMessage'] = () => {};
  onEnd: Link['onEnd'] = () => {};
  readonly #socket: Socket | TLSSocket;
  readonly #gathering: Gathering;
  readonly #framer = new Framer();
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;

  constructor(socket: Socket | TLSSocket, gathering: Gathering) {
    this.#socket = socket;
    this.#gathering = gathering;
    const splitter = new Splitter((message) => this.onMessage(message));
    socket.on('data', (chunk: Buffer) => splitter.take(chunk));
    socket.on('error', () => {});
    socket.on('close', () => this.onEnd());
  }

  send(message: Uint8Array): boolean {
    const frame = this.#framer.frameOf(message);
    if (this.#gathering !== 'gather') return this.#socket.write(frame);
    this.#gathered.push(frame);
    this.#gatheredBytes += frame.length;
    return this.#gatheredBytes < 128 * 1024;
  }

  begin(): void {
    if (this.#gathering === 'cork') this.#socket.cork();
  }

  end(): void {
    if (this.#gathering === 'cork') this.#socket.uncork();
    if (this.#gathering !== 'gather') return;
    this.#socket.write(Buffer.concat(this.#gathered));
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }

  async drained(): Promise<void> {
    if (this.#socket.writableNeedDrain) await once(this.#socket, 'drain');
  }

  close(): void {
    this.#socket.end();
  }
}

async function listening(server: ReturnType<typeof createServer>) {
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}

function once(socket: Socket, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(error);
    socket.once('error', fail);
    socket.once(event, () => {
      socket.off('error', fail);
      resolve();
    });
  });
}
