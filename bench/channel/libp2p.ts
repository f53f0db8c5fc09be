/**
 * libp2p as a rival: a stream of yamux over noise over TCP, messages behind a u32be length, delivered one by one.
 * `write` hands each message to the stream, `gather` copies those of one turn into one buffer by hand.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Libp2pStream } from '../rivals/libp2p.ts';
import { Framer, Splitter } from './framing.ts';
import type { Link, Rival } from './link.ts';

const PROTOCOL = '/ooto-bench/1';
const MOST_GATHERED_BYTES = 128 * 1024;

/** Undefined where it is not installed. */
export function libp2pRival(gathering: 'write' | 'gather'): Rival | undefined {
  if (!existsSync(join('bench', 'rivals', 'node_modules', 'libp2p'))) return undefined;
  return {
    name: gathering === 'write' ? 'libp2p' : 'libp2p-gather',
    async listen(accept) {
      const { libp2pListening } = await import('../rivals/libp2p.ts');
      return libp2pListening(PROTOCOL, (stream) => accept(new Libp2pLink(stream, gathering)));
    },
    async dial(port) {
      const { libp2pDialled } = await import('../rivals/libp2p.ts');
      return new Libp2pLink(await libp2pDialled(port, PROTOCOL), gathering);
    },
  };
}

class Libp2pLink implements Link {
  onMessage: Link['onMessage'] = () => {};
  onEnd: Link['onEnd'] = () => {};
  readonly #stream: Libp2pStream;
  readonly #gathers: boolean;
  readonly #framer = new Framer();
  #drain = () => {};
  #isClosed = false;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;

  constructor(stream: Libp2pStream, gathering: 'write' | 'gather') {
    this.#stream = stream;
    this.#gathers = gathering === 'gather';
    const splitter = new Splitter((message) => this.onMessage(message));
    stream.addEventListener('message', ({ data }) => {
      for (const chunk of data instanceof Uint8Array ? [data] : data) splitter.take(chunk);
    });
    stream.addEventListener('drain', () => this.#drain());
    stream.addEventListener('close', () => {
      this.#isClosed = true;
      this.#drain();
    });
    stream.addEventListener('end', () => {
      this.onEnd();
      this.close();
    });
  }

  send(message: Uint8Array): boolean {
    const frame = this.#framer.frameOf(message);
    if (!this.#gathers) return this.#stream.send(frame);
    this.#gathered.push(frame);
    this.#gatheredBytes += frame.length;
    return this.#gatheredBytes < MOST_GATHERED_BYTES;
  }

  begin(): void {}

  end(): void {
    if (!this.#gathers || this.#gathered.length === 0) return;
    this.#stream.send(Buffer.concat(this.#gathered));
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }

  /** By its event: its own promise for that is resolved once and for all. */
  async drained(): Promise<void> {
    while (this.#stream.writableNeedsDrain && !this.#isClosed)
      await new Promise<void>((drain) => {
        this.#drain = drain;
      });
  }

  close(): void {
    this.#stream.close().catch(() => {});
  }
}
