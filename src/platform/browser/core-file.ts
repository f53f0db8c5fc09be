/**
 * The core's file from the server that served the program. What flows through here: a module of a few bytes
 * tells whether this browser has relaxed SIMD; the one variant it can use best is fetched, and no other.
 */
import { OotoError } from '../../base/errors.ts';

export interface CoreAddresses {
  /** `core.wasm` */
  readonly plain: string | URL;
  /** `core-relaxed.wasm` */
  readonly relaxed: string | URL;
}

/** `(func (result v128) (i8x16.relaxed_swizzle (i8x16.splat (i32.const 1)) (i8x16.splat (i32.const 2))))` */
const RELAXED_SIMD_PROBE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x0a, 0x0f, 0x01, 0x0d, 0x00, 0x41, 0x01, 0xfd, 0x0f, 0x41, 0x02, 0xfd, 0x0f, 0xfd, 0x80, 0x02, 0x0b],
);

/**
 * Bytes of the best core that this browser runs.
 * @throws OOTO_CORE_MISSING (environment) when the server does not have it.
 */
export async function fetchCore({ plain, relaxed }: CoreAddresses): Promise<Uint8Array> {
  const address = runsRelaxedSimd() ? relaxed : plain;
  const response = await fetch(address);
  if (!response.ok)
    throw new OotoError('OOTO_CORE_MISSING', 'environment', `${address}: ${response.status}`, {
      hint: 'Serve core.wasm and core-relaxed.wasm beside the program, or name their addresses.',
    });
  return new Uint8Array(await response.arrayBuffer());
}

/** Whether this platform has the instructions of the relaxed variant. */
export function runsRelaxedSimd(): boolean {
  return WebAssembly.validate(RELAXED_SIMD_PROBE);
}
