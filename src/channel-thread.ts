/** The door of a thread of a pool: a core of its own, sockets that it dials, channels that the main thread asks for. */
import { ChannelThread } from './channel/pool/channel-thread.ts';
import type { ThreadOptions } from './channel/pool/protocol.ts';
import { instantiateCore } from './core/index.ts';
import { createCrypto } from './crypto/index.ts';
import { Doorway } from './mesh/doorway.ts';
import { nodeClock } from './platform/node/clock.ts';
import { readCore } from './platform/node/core-file.ts';
import { nodeHardware } from './platform/node/hardware.ts';
import { nodeRandom } from './platform/node/random.ts';
import { ownThread } from './platform/node/threads.ts';
import { nodeTransport } from './platform/node/transports.ts';

const { data, port, leave } = ownThread();
const clock = nodeClock();
const crypto = createCrypto({
  core: instantiateCore(readCore()),
  hardware: nodeHardware(),
  random: nodeRandom(),
});
new ChannelThread({
  ...{ port, crypto, clock, options: data as ThreadOptions, transport: nodeTransport() },
  ...{ soon: setImmediate, admission: () => new Doorway(crypto, clock), stopped: leave },
});
