/** All transports of Node behind one port: `ws://host:port` goes by WebSocket, `host:port` by TCP. */
import type { Transport } from '../../ports.ts';
import { tcpTransport } from './transport.ts';
import { WEB_SOCKET_SCHEME, webSocketTransport } from './web-socket.ts';

export function nodeTransport(): Transport {
  const [tcp, webSocket] = [tcpTransport(), webSocketTransport()];
  const by = (address: string) => (address.startsWith(WEB_SOCKET_SCHEME) ? webSocket : tcp);
  return {
    dial: (address, options) => by(address).dial(address, options),
    listen: (address) => by(address).listen(address),
  };
}
