/**
 * Where bytes of sockets land. What flows through here: a socket reads into one array that all of them share, and hands
 * on what came; whoever takes it has used or copied it when it returns. An array for each chunk costs more than reading.
 *
 * Node documents this (`onread`) for sockets that will dial, not for those that were accepted. So a connected socket is
 * made anew around its handle; where that cannot be done, chunks come in arrays of their own.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';
import { giveBack } from './spent-memory.ts';

/** Takes bytes that are good until it returns. */
export type Taker = (bytes: Uint8Array) => void;

const LANDING_BYTES = 64 * 1024;
/** On Windows the system may write to an array for as long as a socket waits. */
const CAN_SHARE = process.platform !== 'win32';
let shared: Uint8Array | undefined;

/** The handle under a socket, which Node does not document. */
interface Holder {
  _handle?: { useUserBuffer?: unknown } | null;
}

/**
 * The socket to use instead of a connected one from which nothing was read and on which nobody listens: another one on
 * the same connection, or the same. It hands what comes to `take`, once it is resumed.
 * @param options of the new socket
 */
export function landed(connected: Socket, options: SocketConstructorOpts, take: Taker): Socket {
  const holder = connected as Socket & Holder;
  const handle = holder._handle;
  if (!CAN_SHARE || typeof handle?.useUserBuffer !== 'function') return handedOver(connected, take);
  holder._handle = null;
  connected.destroy();
  shared ??= new Uint8Array(LANDING_BYTES);
  const buffer = shared;
  const callback = (length: number) => {
    take(buffer.subarray(0, length));
    return true;
  };
  const all = { ...options, handle, readable: true, writable: true, pauseOnCreate: true };
  return new Socket({ ...all, onread: { buffer, callback } } as SocketConstructorOpts);
}

function handedOver(socket: Socket, take: Taker): Socket {
  return socket.on('data', (chunk) => {
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    take(bytes);
    giveBack(bytes);
  });
}
