/** The `Crypto` that tests of the rooms above use: the built core with Node's hardware, as in the product. */
import type { Core } from '../../src/core/index.ts';
import { type Crypto, createCrypto } from '../../src/crypto/index.ts';
import { nodeHardware } from '../../src/platform/node/hardware.ts';
import { nodeRandom } from '../../src/platform/node/random.ts';
import type { Random } from '../../src/ports.ts';
import { testCore } from './core.ts';

let core: Core | undefined;

/** With `random` given, everything drawn from it is repeatable. All of a process share one core. */
export function testCrypto(random: Random = nodeRandom()): Crypto {
  core ??= testCore();
  return createCrypto({ core, hardware: nodeHardware(), random });
}
