/**
 * The group of edwards25519 as threshold signatures use it (RFC 9591 section 6.1), always in the core. What flows
 * through here: bytes of scalars and elements in, bytes out; what is no element is refused, never carried on.
 */
import { OotoError } from '../base/errors.ts';
import { type CoreGroup25519, SCALAR_ONE, SCALAR_ZERO } from '../core/group25519.ts';
import type { Core } from '../core/index.ts';
import type { Edwards25519 } from './crypto.ts';

/** L - 1, which is -1. */
const MINUS_ONE = Uint8Array.of(
  ...[0xec, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14],
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10],
);

export function createEdwards25519({ core: { group25519 } }: { core: Core }): Edwards25519 {
  return {
    scalarAdd: (a, b) => group25519.scalarMultiplyAdd(a, SCALAR_ONE, b),
    scalarSubtract: (a, b) => group25519.scalarMultiplyAdd(b, MINUS_ONE, a),
    scalarMultiply: (a, b) => group25519.scalarMultiplyAdd(a, b, SCALAR_ZERO),
    scalarMultiplyAdd: (a, b, c) => group25519.scalarMultiplyAdd(a, b, c),
    scalarInvert: (a) => invert(group25519, a),
    scalarReduce: (wide) => group25519.scalarReduce(wide),
    multiplyBase: (scalar) => group25519.multiplyBase(scalar),
    multiply: (scalar, point) => requirePoint(group25519.multiply(scalar, point)),
    add: (a, b) => requirePoint(group25519.add(a, b)),
    sumOfPublicMultiples: (terms) => requirePoint(group25519.sumOfPublicMultiples(terms)),
    admitElement(bytes) {
      if (!group25519.acceptsElement(bytes))
        throw new OotoError('OOTO_CRYPTO_KEY', 'peer', 'not an element of the group', {
          hint: 'An element is 32 bytes, canonical, of prime order and not the identity.',
        });
    },
    admitScalar(bytes) {
      if (!group25519.acceptsScalar(bytes))
        throw new OotoError('OOTO_CRYPTO_KEY', 'peer', 'not a scalar below the order of the group');
    },
  };
}

/** Whether a scalar is zero shows in nothing but the refusal. */
function invert(group25519: CoreGroup25519, scalar: Uint8Array): Uint8Array {
  const inverse = group25519.scalarInvert(scalar);
  if (inverse.reduce((any, byte) => any | byte, 0) === 0)
    throw new OotoError('OOTO_CRYPTO_KEY', 'caller', 'zero has no inverse');
  return inverse;
}

function requirePoint(point: Uint8Array | undefined): Uint8Array {
  if (point === undefined) throw new OotoError('OOTO_CRYPTO_KEY', 'peer', 'not an encoding of a point');
  return point;
}
