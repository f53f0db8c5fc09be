/** The built core, in both variants, for tests. `OOTO_CORE` names another file to test. */
import { existsSync, readFileSync } from 'node:fs';
import { type Core, instantiateCore } from '../../src/core/index.ts';

const VARIANTS = { simd: 'build/core.wasm', relaxed: 'build/core-relaxed.wasm' };

export interface NamedCore {
  name: string;
  core: Core;
}

/** Bytes of the SIMD variant. */
export function coreBytes(): Uint8Array {
  return new Uint8Array(readFileSync(process.env.OOTO_CORE ?? VARIANTS.simd));
}

/** A fresh instance of the SIMD variant. */
export function testCore(): Core {
  return instantiateCore(coreBytes());
}

/** A fresh instance of every variant that this platform can run: each must pass the same tests. */
export function testCores(): NamedCore[] {
  const cores = [{ name: 'simd', core: testCore() }];
  const relaxed = process.env.OOTO_CORE_RELAXED ?? VARIANTS.relaxed;
  if (!existsSync(relaxed)) return cores;
  const bytes = new Uint8Array(readFileSync(relaxed));
  return WebAssembly.validate(bytes) ? [...cores, { name: 'relaxed', core: instantiateCore(bytes) }] : cores;
}
