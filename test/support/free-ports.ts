/** Ports of the loopback for commands whose addresses stand in a document. */
import { createServer } from 'node:net';

/** A multiple of ten behind which the next three ports are free now. */
export async function freeBasePort(): Promise<number> {
  for (;;) {
    const base = 20_000 + 10 * Math.floor(Math.random() * 3_000);
    const free = await Promise.all([1, 2, 3].map((i) => isFree(base + i)));
    if (free.every(Boolean)) return base;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
