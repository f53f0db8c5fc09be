/**
 * The core's file on disk. What flows through here: from the folder of the running script upwards, the first
 * folder that holds a core gives its bytes: the relaxed-SIMD variant where this platform accepts it, else the
 * plain SIMD one.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OotoError } from '../../base/errors.ts';

const PLAIN = 'core.wasm';
const RELAXED = 'core-relaxed.wasm';
const HERE = dirname(fileURLToPath(import.meta.url));

/**
 * Bytes of the best core that this platform runs, looked for from the folder `start` upwards.
 * @throws OOTO_CORE_MISSING (environment) when none of these folders, nor a `build` in it, holds one.
 */
export function readCore(start = HERE): Uint8Array {
  const folder = coreFolder(start);
  const relaxed = join(folder, RELAXED);
  if (existsSync(relaxed)) {
    const bytes = new Uint8Array(readFileSync(relaxed));
    if (WebAssembly.validate(bytes)) return bytes;
  }
  return new Uint8Array(readFileSync(join(folder, PLAIN)));
}

/** The folder of the built program. @throws OOTO_CORE_MISSING (environment). */
export function coreFolder(start = HERE): string {
  for (let folder = start, below = ''; folder !== below; folder = dirname(folder)) {
    for (const candidate of [folder, join(folder, 'build')])
      if (existsSync(join(candidate, PLAIN))) return candidate;
    below = folder;
  }
  throw new OotoError(
    'OOTO_CORE_MISSING',
    'environment',
    'core.wasm is not in any folder above the program',
    {
      hint: 'Run `npm run build`, or install the package again.',
    },
  );
}
