/**
 * Connections that are read only while what was read before is taken. What flows through here: the chunks of each
 * connection that is dialled or taken, one at a time, while the window of its thread has room.
 */
import type { Connection, Listener, Transport } from '../../ports.ts';
import type { FlowWindow } from './window.ts';

/** @param spent takes chunks that nobody needs any more */
export function gatedTransport(
  transport: Transport,
  window: FlowWindow,
  spent: (chunk: Uint8Array) => void,
): Transport {
  const gated = (connection: Connection) => gatedConnection(connection, window, spent);
  return {
    dial: async (address, options) => gated(await transport.dial(address, options)),
    listen: async (address) => gatedListener(await transport.listen(address), gated),
  };
}

function gatedConnection(
  connection: Connection,
  window: FlowWindow,
  spent: (chunk: Uint8Array) => void,
): Connection {
  return {
    remoteAddress: connection.remoteAddress,
    localAddress: connection.localAddress,
    incoming: gatedChunks(connection, window, spent),
    write: (bytes, onTaken) => connection.write(bytes, onTaken),
    close: () => connection.close(),
  };
}

async function* gatedChunks(
  { incoming }: Connection,
  window: FlowWindow,
  spent: (chunk: Uint8Array) => void,
) {
  for await (const chunk of incoming) {
    if (window.isFull) await window.room();
    yield chunk;
    spent(chunk);
  }
}

function gatedListener(listener: Listener, gated: (connection: Connection) => Connection): Listener {
  return {
    address: listener.address,
    connections: (async function* () {
      for await (const connection of listener.connections) yield gated(connection);
    })(),
    close: () => listener.close(),
  };
}
