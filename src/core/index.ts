/** The core as typed objects, one per family of primitives, over one instance of the WebAssembly module. */
import { type Engine, startEngine } from './engine.ts';

export interface Core {
  readonly engine: Engine;
}

/**
 * Starts the core from the bytes of `core.wasm` or `core-relaxed.wasm`.
 * @throws OOTO_CORE_MODULE (environment) when the platform cannot run it.
 */
export function instantiateCore(wasm: Uint8Array): Core {
  const engine = startEngine(wasm);
  return { engine };
}
