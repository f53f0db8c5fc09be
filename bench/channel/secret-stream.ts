/**
 * @hyperswarm/secret-stream as a rival: Noise XX and libsodium's secretstream in native code; each write is a message.
 * It is asked for at run time from the rivals' own packages, since its native part cannot be bundled.
 */
import Module from 'node:module';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { resolve } from 'node:path';
import type { Link, Rival } from './link.ts';

interface SecretStream {
  on(event: 'data', listener: (message: Uint8Array) => void): this;
  on(event: 'open' | 'close' | 'drain' | 'error', listener: () => void): this;
  once(event: 'open' | 'drain', listener: () => void): this;
  write(message: Uint8Array): boolean;
  end(): void;
  setNoDelay?(on: boolean): void;
}

type SecretStreamMaker = new (isInitiator: boolean, socket: Socket) => SecretStream;

/** Undefined where it is not installed. */
export function secretStreamRival(): Rival | undefined {
  const Stream = load();
  if (!Stream) return undefined;
  return {
    name: 'secret-stream',
    async listen(accept) {
      const server = createServer({ noDelay: true }, (socket) =>
        accept(new SecretStreamLink(new Stream(false, socket))),
      );
      server.listen(0, '127.0.0.1');
      await new Promise((listening) => server.once('listening', listening));
      return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
    },
    async dial(port) {
      const stream = new Stream(true, connect({ port, host: '127.0.0.1', noDelay: true }));
      const link = new SecretStreamLink(stream);
      await new Promise<void>((open) => stream.once('open', open));
      return link;
    },
  };
}

function load(): SecretStreamMaker | undefined {
  try {
    return Module.createRequire(resolve('bench', 'rivals', 'package.json'))('@hyperswarm/secret-stream');
  } catch {
    return undefined;
  }
}

class SecretStreamLink implements Link {
  onMessage: Link['onMessage'] = () => {};
  onEnd: Link['onEnd'] = () => {};
  readonly #stream: SecretStream;
  #isFull = false;

  constructor(stream: SecretStream) {
    this.#stream = stream;
    stream.on('data', (message) => this.onMessage(message));
    stream.on('error', () => {});
    stream.on('close', () => this.onEnd());
  }

  send(message: Uint8Array): boolean {
    this.#isFull = !this.#stream.write(message);
    return !this.#isFull;
  }

  begin(): void {}

  end(): void {}

  async drained(): Promise<void> {
    if (!this.#isFull) return;
    await new Promise<void>((drain) => this.#stream.once('drain', drain));
    this.#isFull = false;
  }

  close(): void {
    this.#stream.end();
  }
}
