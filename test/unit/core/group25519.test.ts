/** The group of edwards25519 in the core: noble as reference, what is no element, sums longer than one call, digits. */
import { ed25519 as noble } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { unhex } from '../../../src/base/hex.ts';
import { SCALAR_ONE, SCALAR_ZERO } from '../../../src/core/group25519.ts';
import { bytes, is, throwsCode } from '../../support/assert.ts';
import { testCores } from '../../support/core.ts';
import { OTHER_SPELLINGS, SMALL_ORDER } from '../../support/ed25519-cases.ts';
import { suite } from '../../support/suite.ts';

const { BASE, Fn, ZERO } = noble.Point;
const test = suite('core group25519', { timeout: 60_000 });

const little = (value: bigint) => unhex(value.toString(16).padStart(64, '0')).reverse();
const numbers = fc.bigInt({ min: 0n, max: Fn.ORDER - 1n });
/** Numbers whose signed digits are all alike, carry all the way, or are zero but for one. */
const DIGIT_EDGES = [
  ...[0x11n, 0x77n, 0x88n, 0x99n, 0xffn].map((byte) =>
    BigInt(`0x0${byte.toString(16).padStart(2, '0').repeat(31)}`),
  ),
  ...[0n, 5n, 64n, 127n, 128n, 251n].map((bit) => 1n << bit),
  Fn.ORDER - 1n,
];
/** A point that is not the base point, whose multiples noble knows as well. */
const OTHER = BASE.multiply(0xabcdef0123456789n);

for (const { name, core } of testCores()) {
  const { group25519 } = core;

  test(`${name}: multiples of the base point and of another`, () => {
    for (const value of DIGIT_EDGES) {
      bytes(group25519.multiplyBase(little(value)), BASE.multiplyUnsafe(value).toBytes(), `${value} B`);
      bytes(group25519.multiply(little(value), OTHER.toBytes())!, OTHER.multiplyUnsafe(value).toBytes());
    }
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const P = BASE.multiplyUnsafe(a).toBytes();
        bytes(group25519.multiplyBase(little(a)), P);
        bytes(group25519.multiply(little(b), P)!, BASE.multiplyUnsafe(Fn.mul(a, b)).toBytes());
      }),
      { numRuns: 40 },
    );
  });

  test(`${name}: sums of any number of terms`, () => {
    for (const count of [0, 1, 2, 31, 32, 33, 70]) {
      const values = Array.from({ length: count }, (_, i) => Fn.create(BigInt(i + 1) ** 50n));
      const terms = values.map((value, i) => ({
        scalar: little(value),
        point: BASE.multiply(BigInt(i + 3)).toBytes(),
      }));
      const total = values.reduce((sum, value, i) => Fn.add(sum, Fn.mul(value, BigInt(i + 3))), 0n);
      bytes(group25519.sumOfPublicMultiples(terms)!, BASE.multiplyUnsafe(total).toBytes(), `${count} terms`);
    }
  });

  test(`${name}: a sum that cancels out is the identity`, () => {
    const P = OTHER.toBytes();
    const minus = group25519.scalarMultiplyAdd(little(Fn.ORDER - 1n), little(77n), SCALAR_ZERO);
    bytes(
      group25519.sumOfPublicMultiples([
        { scalar: little(77n), point: P },
        { scalar: minus, point: P },
      ])!,
      ZERO.toBytes(),
    );
    bytes(group25519.multiply(SCALAR_ZERO, P)!, ZERO.toBytes());
    bytes(group25519.multiplyBase(little(Fn.ORDER)), ZERO.toBytes());
  });

  test(`${name}: an inverse undoes a product, and zero stays zero`, () => {
    fc.assert(
      fc.property(numbers, (a) => {
        const product = group25519.scalarMultiplyAdd(
          little(a),
          group25519.scalarInvert(little(a)),
          SCALAR_ZERO,
        );
        bytes(product, a === 0n ? SCALAR_ZERO : SCALAR_ONE);
      }),
      { numRuns: 30 },
    );
    bytes(group25519.scalarInvert(SCALAR_ZERO), SCALAR_ZERO);
  });

  test(`${name}: only elements of prime order are accepted, in one spelling`, () => {
    is(group25519.acceptsElement(OTHER.toBytes()), true);
    for (const encoding of [...SMALL_ORDER, ...OTHER_SPELLINGS])
      is(group25519.acceptsElement(encoding), false);
    for (const torsion of SMALL_ORDER) {
      const point = noble.Point.fromBytes(torsion);
      if (!point.is0()) is(group25519.acceptsElement(OTHER.add(point).toBytes()), false);
    }
    for (const wrong of [new Uint8Array(31), new Uint8Array(33), little(2n)])
      is(group25519.acceptsElement(wrong), false);
  });

  test(`${name}: what is no point has no multiples and no sums`, () => {
    const P = OTHER.toBytes();
    for (const wrong of [little(2n), OTHER_SPELLINGS[0], P.subarray(1)]) {
      is(group25519.multiply(SCALAR_ONE, wrong), undefined);
      is(group25519.add(P, wrong), undefined);
      is(group25519.add(wrong, P), undefined);
      is(group25519.sumOfPublicMultiples([{ scalar: SCALAR_ONE, point: wrong }]), undefined);
      const good = Array.from({ length: 40 }, () => ({ scalar: SCALAR_ONE, point: P }));
      is(group25519.sumOfPublicMultiples(good.with(39, { scalar: SCALAR_ONE, point: wrong })), undefined);
    }
  });

  test(`${name}: scalars have 32 bytes; accepted are those below the order`, () => {
    for (const value of [0n, 1n, Fn.ORDER - 1n]) is(group25519.acceptsScalar(little(value)), true);
    for (const value of [Fn.ORDER, Fn.ORDER + 1n, 2n ** 256n - 1n])
      is(group25519.acceptsScalar(little(value)), false);
    for (const wrong of [new Uint8Array(31), new Uint8Array(33)]) {
      is(group25519.acceptsScalar(wrong), false);
      throwsCode(() => group25519.multiplyBase(wrong), 'OOTO_CRYPTO_KEY');
      throwsCode(() => group25519.scalarInvert(wrong), 'OOTO_CRYPTO_KEY');
      throwsCode(() => group25519.scalarReduce(wrong), 'OOTO_CRYPTO_KEY');
    }
  });
}
