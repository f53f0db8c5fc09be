/** Two ends of a channel between real sockets, each on this thread or on a pool's; and the threads to kill. */

import { Endpoint } from '../../src/channel/keyed/endpoint.ts';
import { type Identity, identityOf } from '../../src/channel/keyed/identity.ts';
import type { ChannelLimits } from '../../src/channel/limits.ts';
import { ChannelPool } from '../../src/channel/pool/channel-pool.ts';
import type { PooledChannel } from '../../src/channel/pool/pooled-channel.ts';
import type { ChannelMessageEvent, SecureChannel } from '../../src/channel/streams/secure-channel.ts';
import { Doorway } from '../../src/mesh/doorway.ts';
import { createNodeCrypto } from '../../src/node.ts';
import { nodeClock } from '../../src/platform/node/clock.ts';
import { startThread } from '../../src/platform/node/threads.ts';
import { nodeTransport } from '../../src/platform/node/transports.ts';
import type { Thread } from '../../src/ports.ts';

export type MessageChannelEnd = SecureChannel | PooledChannel;
export const crypto = createNodeCrypto();
const clock = nodeClock();

export interface Party extends AsyncDisposable {
  connect(options: { address: string; peer: Uint8Array; signal?: AbortSignal }): Promise<MessageChannelEnd>;
  listen(options: {
    address: string;
    peers: Uint8Array[];
  }): Promise<AsyncIterable<MessageChannelEnd> & { readonly address: string; close(): Promise<void> }>;
  close(): Promise<void>;
}

export function plainParty(identity: Identity, limits?: Partial<ChannelLimits>): Party {
  return new Endpoint(
    {
      ...{ crypto, clock, transport: nodeTransport(), soon: setImmediate },
      admission: () => new Doorway(crypto, clock),
    },
    { identity, limits },
  );
}

/** @param started takes the threads as they start */
export function pooledParty(
  identity: Identity,
  {
    threads = 1,
    started = [],
    script = 'channel-thread.js',
    limits,
  }: { threads?: number; started?: Thread[]; script?: string; limits?: Partial<ChannelLimits> } = {},
): ChannelPool {
  return new ChannelPool(
    {
      ...{ crypto, clock, threads, transport: nodeTransport() },
      start: (data) => {
        const thread = startThread(script, data);
        started.push(thread);
        return thread;
      },
    },
    { identity, limits },
  );
}

export function newIdentity(): Identity {
  return identityOf(crypto);
}

/** Messages as they come, copied. */
export class Inbox {
  readonly messages: Uint8Array[] = [];
  bytes = 0;
  #wake = () => {};

  constructor(channel: MessageChannelEnd) {
    channel.addEventListener('message', (event) => {
      const { data } = event as ChannelMessageEvent;
      this.messages.push(data.slice());
      this.bytes += data.length;
      this.#wake();
    });
  }

  async atLeast(count: number): Promise<Uint8Array[]> {
    while (this.messages.length < count)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.messages;
  }
}

/** One channel from `dialler` to `answerer`. */
export async function open(
  dialler: { party: Party; identity: Identity },
  answerer: { party: Party; identity: Identity },
): Promise<{ near: MessageChannelEnd; far: MessageChannelEnd; inboxes: { near: Inbox; far: Inbox } }> {
  const listener = await answerer.party.listen({
    address: '127.0.0.1:0',
    peers: [dialler.identity.publicKey],
  });
  const arriving = listener[Symbol.asyncIterator]().next();
  const near = await dialler.party.connect({
    address: listener.address,
    peer: answerer.identity.publicKey,
  });
  const nearInbox = new Inbox(near);
  const far = (await arriving).value as MessageChannelEnd;
  return { near, far, inboxes: { near: nearInbox, far: new Inbox(far) } };
}
