/** A long stream over a real connection of this machine, generated and checked as it goes, with the memory it took. */
import { createHash } from 'node:crypto';
import { connect, createIdentity, createNodeCrypto, listen } from '../../src/node.ts';
import { retainedBytes } from './heap.ts';

const CHUNK_BYTES = 256 * 1024;

export interface LongRun {
  /** SHA-256 of what was sent and of what arrived. */
  readonly sent: string;
  readonly arrived: string;
  readonly bytes: number;
  /** Resident memory of the process, both ends in it, above what it had before. */
  readonly residentGrowth: number;
  readonly ms: number;
}

export async function runLong(bytes: number, address: string): Promise<LongRun> {
  const crypto = createNodeCrypto();
  const [here, there] = [createIdentity(undefined, { crypto }), createIdentity(undefined, { crypto })];
  const listener = await listen({ address, identity: there, peers: [here.publicKey], crypto });
  const arrived = createHash('sha256');
  let count = 0;
  listener.handle('take', async (request) => {
    for await (const part of request.stream() as unknown as AsyncIterable<Uint8Array>) {
      arrived.update(part);
      count += part.length;
    }
    return `${count}`;
  });
  const channel = await connect({ address: listener.address, identity: here, peer: there.publicKey, crypto });
  const sent = createHash('sha256');
  let most = 0;
  async function* generated() {
    for (let at = 0; at < bytes; at += CHUNK_BYTES) {
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, bytes - at)).fill((at / CHUNK_BYTES) & 0xff);
      sent.update(chunk);
      yield chunk;
      if (at % (64 * CHUNK_BYTES) === 0) most = Math.max(most, process.memoryUsage.rss());
    }
  }
  retainedBytes();
  const before = process.memoryUsage.rss();
  const began = performance.now();
  try {
    const told = await channel.request('take', generated(), { deadlineMs: 3_600_000 });
    return {
      sent: sent.digest('hex'),
      arrived: arrived.digest('hex'),
      bytes: Number(new TextDecoder().decode(told)),
      residentGrowth: Math.max(most, process.memoryUsage.rss()) - before,
      ms: performance.now() - began,
    };
  } finally {
    await channel.close();
    await listener.close();
  }
}
