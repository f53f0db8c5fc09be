/** The channel as the product wires it: TCP transport, one verifier of signatures for all links of the process. */
import { OotoError } from '../../src/base/errors.ts';
import { Channel, type ChannelOptions, SPENT } from '../../src/channel/channel.ts';
import type { Moment } from '../../src/channel/limits.ts';
import { Link as ChannelLink } from '../../src/channel/link.ts';
import { SignatureVerifier } from '../../src/channel/signature-verifier.ts';
import { instantiateCore } from '../../src/core/index.ts';
import { createCrypto } from '../../src/crypto/index.ts';
import { nodeClock } from '../../src/platform/node/clock.ts';
import { readCore } from '../../src/platform/node/core-file.ts';
import { nodeHardware } from '../../src/platform/node/hardware.ts';
import { nodeRandom } from '../../src/platform/node/random.ts';
import { tcpTransport } from '../../src/platform/node/transport.ts';
import type { Connection } from '../../src/ports.ts';
import type { Link, Rival } from './link.ts';
import { type Members, membersOf } from './members.ts';
import { type BenchMesh, makeBenchMesh } from './mesh.ts';

const crypto = createCrypto({
  core: instantiateCore(readCore()),
  hardware: nodeHardware(),
  random: nodeRandom(),
});
const clock = nodeClock();
const transport = tcpTransport();
const verifier = new SignatureVerifier(crypto, setImmediate);

export const makeMesh = () => makeBenchMesh(crypto);
export const meetIn = (mesh: BenchMesh): Members => membersOf(crypto, mesh);

export function ootoRival(name: string, members: Members, options: Partial<ChannelOptions>): Rival {
  const { left, right, ...shared } = members;
  const common = { crypto, ...shared, defersSignatures: true, ...options };
  const open = (connection: Connection, channel: Channel) =>
    new OotoLink(new ChannelLink({ channel, connection, clock, verifier }));
  return {
    name,
    async listen(accept) {
      const listener = await transport.listen('127.0.0.1:0');
      const acceptAll = async () => {
        for await (const connection of listener.connections)
          accept(open(connection, new Channel({ ...common, role: 'responder', own: right })));
      };
      void acceptAll();
      return { port: Number(listener.address.split(':')[1]), close: () => void listener.close() };
    },
    async dial(port) {
      const connection = await transport.dial(`127.0.0.1:${port}`);
      const channel = new Channel({
        ...common,
        role: 'initiator',
        own: left,
        expectedId: right.id,
      });
      const link = open(connection, channel);
      await link.established;
      return link;
    },
  };
}

class OotoLink implements Link {
  onEnd: Link['onEnd'] = () => {};
  readonly #link: ChannelLink;

  constructor(link: ChannelLink) {
    this.#link = link;
    void link.closed.then((error) => {
      if (error instanceof OotoError) console.error(String(error), error.code);
      this.onEnd();
    });
  }

  get established() {
    return this.#link.established;
  }

  set onMessage(listener: Link['onMessage']) {
    this.#link.onMessage = (message) => {
      listener(message);
      return SPENT;
    };
  }

  get onMessage(): Link['onMessage'] {
    return () => {};
  }

  send(message: Uint8Array): boolean {
    return this.#link.send(message);
  }

  begin(): void {}

  end(): void {}

  drained(): Promise<void> {
    return this.#link.drained();
  }

  close(): void {
    this.#link.close();
  }

  epoch(): number {
    return this.#link.channel.status.epoch;
  }

  renewEpoch(): void {
    this.#link.channel.renewEpoch();
  }
}

/** Channels without a connection, both ends in this process: for what memory and epochs cost. */
export function channelPair(members: Members, now: Moment): [Channel, Channel] {
  const { left: dialler, right: accepter, ...shared } = members;
  const common = { crypto, ...shared };
  const left = new Channel({
    ...common,
    role: 'initiator',
    own: dialler,
    expectedId: accepter.id,
  });
  const right = new Channel({ ...common, role: 'responder', own: accepter });
  left.start(now);
  right.start(now);
  exchange(left, right, now);
  return [left, right];
}

/** Moves bytes until both are silent. */
export function exchange(left: Channel, right: Channel, now: Moment): void {
  for (let moved = 1; moved > 0; ) {
    moved = 0;
    for (const [from, to] of [
      [left, right],
      [right, left],
    ]) {
      const bytes = from.flush(now);
      moved += bytes.length;
      if (bytes.length > 0) to.receive(bytes, now);
      to.takeEvents();
    }
  }
}
