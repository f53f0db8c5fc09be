/** Where a machine of its own makes nodes that must know of each other before they listen. */
import { createServer } from 'node:net';

/** A port that was free a moment ago; founders need their addresses before they run. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
