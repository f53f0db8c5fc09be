/**
 * Two channels at once, as programs open them at the door: on the program's own thread, or on a pool's. What flows through
 * here: messages go to the channels in turn, past one that is full; whatever arrives on either counts.
 */
import type { PooledChannel } from '../../src/channel/pool/pooled-channel.ts';
import type { ChannelMessageEvent, SecureChannel } from '../../src/channel/streams/secure-channel.ts';
import { createChannelPool, createEndpoint, createIdentity } from '../../src/node.ts';
import type { Link, Rival } from './link.ts';

export const POOL_CHANNELS = 2;

type MessageChannelEnd = SecureChannel | PooledChannel;

/** @param threads of the pool at each end; none for the program's own */
export function twoChannelsRival(name: string, threads: number): Rival {
  const [left, right] = [1, 2].map((byte) => createIdentity(new Uint8Array(32).fill(byte)));
  const partyOf = (identity: typeof left) =>
    threads > 0 ? createChannelPool({ identity, threads }) : createEndpoint({ identity });
  return {
    name,
    async listen(accept) {
      const party = partyOf(right);
      const listener = await party.listen({ address: '127.0.0.1:0', peers: [left.publicKey] });
      const acceptAll = async () => {
        const channels: MessageChannelEnd[] = [];
        for await (const channel of listener) {
          channels.push(channel);
          if (channels.length === POOL_CHANNELS) accept(new Channels(channels, () => {}));
        }
      };
      void acceptAll();
      return { port: Number(listener.address.split(':')[1]), close: () => void party.close() };
    },
    async dial(port) {
      const party = partyOf(left);
      const options = { address: `127.0.0.1:${port}`, peer: right.publicKey };
      const dials = Array.from({ length: POOL_CHANNELS }, () => party.connect(options));
      return new Channels(await Promise.all<MessageChannelEnd>(dials), () => void party.close());
    },
  };
}

class Channels implements Link {
  onMessage: Link['onMessage'] = () => {};
  onEnd: Link['onEnd'] = () => {};
  readonly #channels: readonly MessageChannelEnd[];
  readonly #full = new Set<MessageChannelEnd>();
  #next = 0;

  constructor(channels: readonly MessageChannelEnd[], ended: () => void) {
    this.#channels = channels;
    for (const channel of channels)
      channel.addEventListener('message', (event) => {
        const arrived = event as ChannelMessageEvent;
        this.onMessage(arrived.data);
        arrived.spend();
      });
    void Promise.all(channels.map(({ closed }) => closed)).then(() => {
      this.onEnd();
      ended();
    });
  }

  send(message: Uint8Array): boolean {
    for (let tries = 0; tries < this.#channels.length; tries++) {
      const channel = this.#channels[this.#next++ % this.#channels.length];
      if (this.#full.has(channel)) continue;
      if (!channel.send(message)) this.#fill(channel);
      break;
    }
    return this.#full.size < this.#channels.length;
  }

  begin(): void {}

  end(): void {}

  async drained(): Promise<void> {
    if (this.#full.size < this.#channels.length) return;
    await Promise.race(this.#channels.map((channel) => channel.drained()));
  }

  close(): void {
    for (const channel of this.#channels) void channel.close();
  }

  #fill(channel: MessageChannelEnd): void {
    this.#full.add(channel);
    const drained = () => this.#full.delete(channel);
    channel.drained().then(drained, drained);
  }
}
