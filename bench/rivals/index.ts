/**
 * All rivals, each loaded when asked for. What flows through here: a package that is not installed, or a rival
 * that cannot run on this platform, is left out and named.
 */
import type { Engine } from '../engine.ts';

type Load = () => Promise<Engine[]>;

const EVERYWHERE: Readonly<Record<string, Load>> = {
  webcrypto: async () => {
    const { webCrypto, webCryptoInFlight } = await import('./webcrypto.ts');
    return [webCrypto, webCryptoInFlight];
  },
  noble: async () => [(await import('./noble.ts')).noble],
  libsodium: async () => {
    const { libsodium, libsodiumChacha } = await import('./libsodium.ts');
    return [libsodium, libsodiumChacha];
  },
  'hash-wasm': async () => [(await import('./hash-wasm.ts')).hashWasm],
  'node-forge': async () => [(await import('./node-forge.ts')).nodeForge],
  stablelib: async () => [(await import('./stablelib.ts')).stablelib],
};

const ON_NODE: Readonly<Record<string, Load>> = {
  'node-crypto': async () => {
    const { nodeCrypto, nodeCryptoBuffer } = await import('./node-crypto.ts');
    return [nodeCrypto, nodeCryptoBuffer];
  },
};

export interface Rivals {
  present: Engine[];
  /** Those that could not be loaded, and why. */
  missing: { name: string; reason: string }[];
}

export async function loadRivals(kind: 'node' | 'browser'): Promise<Rivals> {
  const loaders = kind === 'node' ? { ...ON_NODE, ...EVERYWHERE } : EVERYWHERE;
  const rivals: Rivals = { present: [], missing: [] };
  for (const [name, load] of Object.entries(loaders))
    try {
      rivals.present.push(...(await load()));
    } catch (error) {
      rivals.missing.push({ name, reason: String(error).split('\n')[0] });
    }
  return rivals;
}
