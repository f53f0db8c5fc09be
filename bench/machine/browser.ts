/** A browser as a platform, in a worker of the page: a core beside the script, no hardware that answers at once. */
import { instantiateCore } from '../../src/core/index.ts';
import { fetchCore } from '../../src/platform/browser/core-file.ts';
import { browserRandom } from '../../src/platform/browser/random.ts';
import type { Platform } from '../platform.ts';
import { loadRivals } from '../rivals/index.ts';

/** `say` is told of rivals that are not there. */
export async function browserPlatform(say: (text: string) => void): Promise<Platform> {
  const { present, missing } = await loadRivals('browser');
  for (const { name, reason } of missing) say(`without ${name}: ${reason}`);
  const beside = (file: string) => new URL(`./${file}`, import.meta.url);
  const wasm = await fetchCore({ plain: beside('core.wasm'), relaxed: beside('core-relaxed.wasm') });
  return {
    kind: 'browser',
    hardware: {},
    random: browserRandom(),
    startCore: async () => instantiateCore(wasm),
    interruptions: () => 0,
    processorSeconds: () => undefined,
    rivals: present,
  };
}
