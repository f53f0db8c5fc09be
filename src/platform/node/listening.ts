/** How a server of any kind begins to listen: it is bound, or the error says where it could not be. */
import type { Server } from 'node:net';
import type { parseAddress } from './address.ts';
import { systemError } from './system-error.ts';

/** @throws OOTO_TRANSPORT_LISTEN (environment), which names `address` as it was given. */
export function startListening(
  server: Server,
  { host, port }: ReturnType<typeof parseAddress>,
  address: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(systemError('OOTO_TRANSPORT_LISTEN', `cannot listen on ${address}`, cause)),
    );
    server.listen({ host, port }, resolve);
  });
}
