/** Node as a platform: its hardware, its randomness, the core it runs best, its rivals; and what the machine is. */
import { cpus, loadavg } from 'node:os';
import { instantiateCore } from '../../src/core/index.ts';
import { runsRelaxedSimd } from '../../src/platform/browser/core-file.ts';
import { readCore } from '../../src/platform/node/core-file.ts';
import { nodeHardware } from '../../src/platform/node/hardware.ts';
import { nodeRandom } from '../../src/platform/node/random.ts';
import type { Platform } from '../platform.ts';
import type { Machine } from '../results.ts';
import { loadRivals } from '../rivals/index.ts';

/** `say` is told of rivals that are not there. */
export async function nodePlatform(say: (text: string) => void): Promise<Platform> {
  const { present, missing } = await loadRivals('node');
  for (const { name, reason } of missing) say(`without ${name}: ${reason}`);
  const wasm = readCore();
  return {
    kind: 'node',
    hardware: nodeHardware(),
    random: nodeRandom(),
    startCore: async () => instantiateCore(wasm),
    interruptions: () => process.resourceUsage().involuntaryContextSwitches,
    processorSeconds() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
    rivals: present,
  };
}

export function nodeMachine(): Machine {
  const { node, v8, openssl } = process.versions;
  return {
    platform: 'node',
    cpu: cpus()[0]?.model ?? null,
    cores: cpus().length,
    versions: { node, v8, openssl: openssl ?? 'none' },
    wasm: runsRelaxedSimd() ? 'relaxed' : 'plain',
    load: { before: load(), after: null },
    date: new Date().toISOString(),
  };
}

/** Of the last minute. */
export function load(): number {
  return Number(loadavg()[0].toFixed(2));
}
