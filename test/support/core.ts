/** The built core, in both variants, for tests. `OOTO_CORE` and `OOTO_CORE_RELAXED` name other files to test. */
import { existsSync, readFileSync } from 'node:fs';
import { type Core, instantiateCore } from '../../src/core/index.ts';

const SIMD = process.env.OOTO_CORE ?? 'build/core.wasm';
const RELAXED = process.env.OOTO_CORE_RELAXED ?? 'build/core-relaxed.wasm';

export interface CoreVariant {
  name: string;
  /** A fresh instance. */
  start(): Core;
}

export interface NamedCore {
  name: string;
  core: Core;
}

/** Bytes of the SIMD variant. */
export function coreBytes(): Uint8Array {
  return new Uint8Array(readFileSync(SIMD));
}

/** A fresh instance of the SIMD variant. */
export function testCore(): Core {
  return instantiateCore(coreBytes());
}

/** Every variant that this platform can run: each must pass the same tests. */
export function coreVariants(): CoreVariant[] {
  const variants = [{ name: 'simd', bytes: coreBytes() }];
  if (existsSync(RELAXED)) {
    const bytes = new Uint8Array(readFileSync(RELAXED));
    if (WebAssembly.validate(bytes)) variants.push({ name: 'relaxed', bytes });
  }
  return variants.map(({ name, bytes }) => ({ name, start: () => instantiateCore(bytes) }));
}

/** One instance of each variant. */
export function testCores(): NamedCore[] {
  return coreVariants().map(({ name, start }) => ({ name, core: start() }));
}
