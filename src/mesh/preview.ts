/**
 * The mesh a caller means, read before anything is answered. What flows through here: the first bytes of an
 * accepted connection are held back until the preamble's mesh id is there, then handed on with all that follows.
 */
import { concat } from '../base/bytes.ts';
import { OotoError } from '../base/errors.ts';
import { MESH_ID_BYTES } from '../channel/preamble.ts';
import type { Clock, Connection } from '../ports.ts';

/** Length and type of the frame, and the version, stand before the mesh id. */
const BEFORE_MESH_ID = 4 + 1 + 2;
const PREVIEW_BYTES = BEFORE_MESH_ID + MESH_ID_BYTES;

/**
 * The mesh id that the first frame names, and the connection with nothing missing.
 * @throws OOTO_MESH_SILENT (peer) when the bytes do not come in time.
 */
export async function previewMeshId(
  connection: Connection,
  clock: Clock,
  timeoutMs: number,
): Promise<{ meshId: Uint8Array; connection: Connection }> {
  const incoming = connection.incoming[Symbol.asyncIterator]();
  const cancel = clock.after(timeoutMs, () => connection.close());
  let held: Uint8Array = new Uint8Array();
  try {
    while (held.length < PREVIEW_BYTES) {
      const { done, value } = await incoming.next();
      if (done)
        throw new OotoError('OOTO_MESH_SILENT', 'peer', 'the connection ended before it said anything');
      held = held.length === 0 ? value : concat(held, value);
    }
  } finally {
    cancel();
  }
  return {
    meshId: held.slice(BEFORE_MESH_ID, PREVIEW_BYTES),
    connection: resumed(connection, held, incoming),
  };
}

function resumed(connection: Connection, held: Uint8Array, rest: AsyncIterator<Uint8Array>): Connection {
  async function* incoming(): AsyncGenerator<Uint8Array> {
    yield held;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  }
  return {
    remoteAddress: connection.remoteAddress,
    localAddress: connection.localAddress,
    incoming: incoming(),
    ...(connection.receive && {
      receive: (receiver) => {
        receiver.take(held);
        connection.receive!(receiver);
      },
    }),
    write: (bytes, onTaken) => connection.write(bytes, onTaken),
    close: () => connection.close(),
  };
}
