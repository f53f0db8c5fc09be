/**
 * The prime-order group of edwards25519 in the core (RFC 9591 section 6.1). What flows through here: scalars and
 * encodings of points go into the input area, one operation runs, its result comes out in an array of its own; both
 * areas are wiped after each call.
 */
import { OotoError } from '../base/errors.ts';
import type { Engine } from './engine.ts';

const BYTES = 32;
const WIDE_BYTES = 64;
/** Most terms of one sum in the core (assembly/group25519.ts). */
const TERMS = 32;

const ZERO = new Uint8Array(BYTES);
const ONE = Uint8Array.from({ length: BYTES }, (_, i) => (i === 0 ? 1 : 0));

/** One product of a public sum. */
export interface PublicMultiple {
  scalar: Uint8Array;
  point: Uint8Array;
}

export interface CoreGroup25519 {
  /** a b + c modulo L. */
  scalarMultiplyAdd(a: Uint8Array, b: Uint8Array, c: Uint8Array): Uint8Array;
  scalarInvert(scalar: Uint8Array): Uint8Array;
  scalarReduce(wide: Uint8Array): Uint8Array;
  acceptsScalar(bytes: Uint8Array): boolean;
  multiplyBase(scalar: Uint8Array): Uint8Array;
  /** Undefined when `point` is no encoding of a point. */
  multiply(scalar: Uint8Array, point: Uint8Array): Uint8Array | undefined;
  /** Undefined when one of them is no encoding of a point. */
  add(a: Uint8Array, b: Uint8Array): Uint8Array | undefined;
  /** Undefined when one of the points is no encoding of a point. */
  sumOfPublicMultiples(terms: readonly PublicMultiple[]): Uint8Array | undefined;
  /** Whether the bytes are canonical, of prime order and not the identity. */
  acceptsElement(bytes: Uint8Array): boolean;
}

export function createCoreGroup25519(engine: Engine): CoreGroup25519 {
  const { exports } = engine;
  const run = (call: () => number | undefined, ...parts: readonly Uint8Array[]) =>
    compute(engine, call, parts);
  const always = (call: () => void, ...parts: readonly Uint8Array[]) =>
    compute(engine, () => void call(), parts)!;
  return {
    scalarMultiplyAdd: (a, b, c) => always(exports.groupScalarMultiplyAdd, scalar(a), scalar(b), scalar(c)),
    scalarInvert: (a) => always(exports.groupScalarInvert, scalar(a)),
    scalarReduce: (wide) => always(exports.groupScalarReduce, requireLength(wide, WIDE_BYTES)),
    acceptsScalar: (bytes) => bytes.length === BYTES && asks(engine, exports.groupScalarAdmit, bytes),
    multiplyBase: (a) => always(exports.groupBaseMultiply, scalar(a)),
    multiply: (a, point) =>
      point.length === BYTES ? run(exports.groupMultiply, scalar(a), point) : undefined,
    add: (a, b) => (a.length === BYTES && b.length === BYTES ? run(exports.groupAdd, a, b) : undefined),
    sumOfPublicMultiples(terms) {
      if (terms.some(({ point }) => point.length !== BYTES)) return undefined;
      let sum: Uint8Array | undefined;
      for (let from = 0; from === 0 || (sum && from < terms.length); from += TERMS) {
        const some = terms.slice(from, from + TERMS);
        const parts = some.flatMap((term) => [scalar(term.scalar), term.point]);
        const next = run(() => exports.groupSum(some.length), ...parts);
        sum = sum && next ? run(exports.groupAdd, sum, next) : next;
      }
      return sum;
    },
    acceptsElement: (bytes) => bytes.length === BYTES && asks(engine, exports.groupAdmit, bytes),
  };
}

export { ONE as SCALAR_ONE, ZERO as SCALAR_ZERO };

/** Runs an operation on `parts`, one after the other in the input area; undefined when it returns 0. */
function compute(
  { input, output }: Engine,
  call: () => number | undefined,
  parts: readonly Uint8Array[],
): Uint8Array | undefined {
  let at = 0;
  for (const part of parts) {
    input.set(part, at);
    at += part.length;
  }
  const accepted = call() !== 0;
  const result = accepted ? output.slice(0, BYTES) : undefined;
  input.fill(0, 0, at);
  output.fill(0, 0, BYTES);
  return result;
}

function asks({ input }: Engine, call: () => number, bytes: Uint8Array): boolean {
  input.set(bytes);
  const answer = call() === 1;
  input.fill(0, 0, bytes.length);
  return answer;
}

function scalar(bytes: Uint8Array): Uint8Array {
  return requireLength(bytes, BYTES);
}

function requireLength(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length)
    throw new OotoError('OOTO_CRYPTO_KEY', 'caller', `a scalar of ${bytes.length} bytes, expected ${length}`);
  return bytes;
}
