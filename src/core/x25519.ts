/**
 * X25519 in the core (RFC 7748). What flows through here: 32-byte scalars and u-coordinates in, u-coordinates out;
 * the areas are wiped after each call.
 */
import { OotoError } from '../base/errors.ts';
import type { Engine } from './engine.ts';

const BYTES = 32;

export interface CoreX25519 {
  /** The u-coordinate of `scalar` times the base point. */
  publicKey(scalar: Uint8Array): Uint8Array;
  /** The u-coordinate of `scalar` times `point`; undefined when it is zero (RFC 7748 section 6.1). */
  multiply(scalar: Uint8Array, point: Uint8Array): Uint8Array | undefined;
}

export function createCoreX25519(engine: Engine): CoreX25519 {
  const { exports, input } = engine;
  return {
    publicKey(scalar) {
      requireLength(scalar, 'caller');
      input.set(scalar);
      exports.x25519PublicKey();
      return takeResult(engine);
    },
    multiply(scalar, point) {
      requireLength(scalar, 'caller');
      requireLength(point, 'peer');
      input.set(scalar);
      input.set(point, BYTES);
      const zero = exports.x25519Multiply() === 1;
      const product = takeResult(engine);
      return zero ? undefined : product;
    },
  };
}

function takeResult({ input, output }: Engine): Uint8Array {
  const result = output.slice(0, BYTES);
  output.fill(0, 0, BYTES);
  input.fill(0, 0, 2 * BYTES);
  return result;
}

function requireLength({ length }: Uint8Array, fault: 'caller' | 'peer'): void {
  if (length !== BYTES)
    throw new OotoError('OOTO_CRYPTO_KEY', fault, `${length} bytes where X25519 takes ${BYTES}`);
}
