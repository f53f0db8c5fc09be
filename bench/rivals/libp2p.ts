/** A libp2p node as its documentation sets one up: TCP, noise, yamux. */

/** Some of its packages ask for it; Node 20 lacks it. */
(Promise as { withResolvers?: unknown }).withResolvers ??= function withResolvers<T>(
  this: PromiseConstructor,
) {
  let settle: { resolve?: (value: T) => void; reject?: (error: unknown) => void } = {};
  const promise = new this<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle };
};

/** What the benchmark uses of a stream. */
export interface Libp2pStream {
  readonly writableNeedsDrain: boolean;
  addEventListener(
    event: 'message',
    listener: (event: { data: Iterable<Uint8Array> | Uint8Array }) => void,
  ): void;
  addEventListener(event: 'end' | 'close' | 'drain', listener: () => void): void;
  send(bytes: Uint8Array): boolean;
  close(): Promise<void>;
}

interface Node {
  handle(protocol: string, handler: (stream: Libp2pStream) => void): Promise<void>;
  dialProtocol(address: unknown, protocol: string): Promise<Libp2pStream>;
  getMultiaddrs(): readonly unknown[];
  stop(): Promise<void>;
}

const LOOPBACK = '/ip4/127.0.0.1/tcp';

export async function libp2pListening(protocol: string, accept: (stream: Libp2pStream) => void) {
  const node = await startNode([`${LOOPBACK}/0`]);
  await node.handle(protocol, accept);
  const port = Number(String(node.getMultiaddrs()[0]).split('/')[4]);
  return { port, close: () => void node.stop() };
}

/** A stream of a node of its own, which ends with it. */
export async function libp2pDialled(port: number, protocol: string): Promise<Libp2pStream> {
  const { multiaddr } = await import('@multiformats/multiaddr');
  const node = await startNode([]);
  const stream = await node.dialProtocol(multiaddr(`${LOOPBACK}/${port}`), protocol);
  stream.addEventListener('close', () => void node.stop());
  return stream;
}

async function startNode(listen: readonly string[]): Promise<Node> {
  const [{ createLibp2p }, { tcp }, { noise }, { yamux }] = await Promise.all([
    import('libp2p'),
    import('@libp2p/tcp'),
    import('@chainsafe/libp2p-noise'),
    import('@chainsafe/libp2p-yamux'),
  ]);
  return createLibp2p({
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  }) as Promise<Node>;
}
