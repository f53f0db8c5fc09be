/** The door for Node: the platform-neutral door, and what is wired to Node's own parts. */
import { instantiateCore } from './core/index.ts';
import { type Crypto, createCrypto } from './crypto/index.ts';
import { readCore } from './platform/node/core-file.ts';
import { nodeHardware } from './platform/node/hardware.ts';
import { nodeRandom } from './platform/node/random.ts';

export * from './index.ts';

/**
 * The primitives, over a core of their own and the processor's instructions.
 * @throws OOTO_CORE_MISSING (environment) without core.wasm; OOTO_CORE_MODULE (environment) where it cannot run.
 */
export function createNodeCrypto(): Crypto {
  return createCrypto({
    core: instantiateCore(readCore()),
    hardware: nodeHardware(),
    random: nodeRandom(),
  });
}
